#include "capture/launch/run_as.h"

#include <csignal>
#include <sys/stat.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "capture/temporary_folder.h"
#include "util/text.h"

namespace tr::capture {
namespace {

using testing::HasSubstr;

// Whom this process may become: anybody where it is root, else only itself, which needs no
// privilege but for the groups.
class RunAs : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  }
  const User nobody{.uid = 65534, .gid = 65534, .name = "nobody", .home = "/", .groups = {}};
};

TEST_F(RunAs, WorksAsTheUserForGood) {
  const auto ids = run_as(nobody, []() -> Result<std::string> {
    const bool back = ::setresuid(0, 0, 0) == 0 || ::setgid(0) == 0;
    return fmt::format("{} {} {} {}", ::geteuid(), ::getegid(), ::getgroups(0, nullptr), back);
  });
  ASSERT_TRUE(ids) << ids.error().text();
  EXPECT_EQ(*ids, "65534 65534 0 false");
  EXPECT_EQ(::geteuid(), 0U);
}

TEST_F(RunAs, MakesFilesThatAreTheUsersAndReadsNoOthers) {
  const TemporaryFolder folder;
  ASSERT_EQ(::chmod(folder.path().c_str(), 0777), 0);
  const std::string secret = folder.file("secret", "root's");
  ASSERT_EQ(::chmod(secret.c_str(), 0600), 0);
  const std::string made = folder.path() + "/made";
  const auto outcome = run_as(nobody, [&]() -> Result<std::string> {
    if (Status written = write_file(made, "by nobody"); !written) return std::move(written).error();
    return read_file(secret);
  });
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().text(), "cannot open " + secret + ": Permission denied");
  struct stat status {};
  ASSERT_EQ(::stat(made.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 65534U);
  EXPECT_EQ(status.st_gid, 65534U);
}

TEST_F(RunAs, PassesOnWhateverComesOfIt) {
  const std::string large(3'000'000, 'x');
  const auto value = run_as(nobody, [&]() -> Result<std::string> { return large; });
  EXPECT_TRUE(value && *value == large);
  const auto usage = run_as(
      nobody, []() -> Result<std::string> { return usage_error("so it cannot be", "do else"); });
  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().failure, Failure::kUsage);
  EXPECT_EQ(usage.error().text(), "so it cannot be; do else");
  const auto killed = run_as(nobody, []() -> Result<std::string> {
    ::raise(SIGKILL);
    return std::string();
  });
  ASSERT_FALSE(killed);
  EXPECT_THAT(killed.error().text(), HasSubstr("signal 9"));
  const auto thrown =
      run_as(nobody, []() -> Result<std::string> { throw std::runtime_error("out of it"); });
  ASSERT_FALSE(thrown);
  EXPECT_THAT(thrown.error().text(), HasSubstr("out of it"));
}

TEST_F(RunAs, TakesNoOpenDescriptorsAlong) {
  const TemporaryFolder folder;
  const auto handed = run_as(nobody, []() -> Result<std::string> {
    std::string open;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
      open += entry.path().filename().string() + " ";
    return open;
  });
  ASSERT_TRUE(handed) << handed.error().text();
  // The three standard ones, the pipe, and the folder that is being read.
  for (const std::string_view fd : split(trim(*handed), ' '))
    EXPECT_LE(*parse_u64(fd), 4U) << *handed;
}

}  // namespace
}  // namespace tr::capture
