#include "capture/perf_kernel.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace tr::capture {
namespace {

using testing::HasSubstr;

TEST(MachinePerf, RaisesTheSoftLimitOnOpenFilesWhenItMust) {
  // In a process of its own: limits stay changed.
  EXPECT_EXIT(
      {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = 100;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        const bool unchanged = machine_perf().make_room(1).ok() &&
                               ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 100;
        const Status room = machine_perf().make_room(200);
        ::getrlimit(RLIMIT_NOFILE, &limit);
        ::_exit(unchanged && room && limit.rlim_cur >= 200 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(MachinePerf, SaysHowManyFilesItNeeds) {
  // More than fs.nr_open lets anybody have.
  const Status room = machine_perf().make_room(std::size_t{1} << 40);
  ASSERT_FALSE(room.ok());
  EXPECT_EQ(room.error().failure, Failure::kNotAllowed);
  EXPECT_THAT(room.error().text(), HasSubstr("open files are needed"));
  EXPECT_THAT(room.error().text(), HasSubstr("ask for fewer events, or run ulimit -n"));
}

}  // namespace
}  // namespace tr::capture
