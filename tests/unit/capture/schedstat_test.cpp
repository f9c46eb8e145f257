#include "capture/schedstat.h"

#include <array>

#include <gmock/gmock.h>

#include "capture/temporary_folder.h"

namespace tr::capture {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(Schedstat, IsReadOfTheThreadsThatAreThere) {
  TemporaryFolder proc;
  proc.file("5/task/5/schedstat", "1000 200 3\n");
  proc.file("5/task/6/schedstat", "70 8 9\n");
  proc.file("5/task/7/schedstat", "0\n");  // a kernel that keeps none
  const std::array<Task, 4> tasks = {Task{5, 5}, Task{5, 6}, Task{5, 7}, Task{5, 8}};
  EXPECT_THAT(read_schedstat(proc.path(), tasks),
              ElementsAre(Pair(5, Schedstat{1000, 200}), Pair(6, Schedstat{70, 8})));
}

TEST(Schedstat, SinceAReadingIsTheDifference) {
  EXPECT_THAT(since({{5, {1000, 200}}}, {{5, {1500, 260}}}),
              ElementsAre(Pair(5, Schedstat{500, 60})));
}

TEST(Schedstat, OfAThreadThatBeganSinceIsAllOfIt) {
  EXPECT_THAT(since({}, {{5, {30, 2}}}), ElementsAre(Pair(5, Schedstat{30, 2})));
  // Its number was another's before.
  EXPECT_THAT(since({{5, {1000, 1}}}, {{5, {30, 2}}}), ElementsAre(Pair(5, Schedstat{30, 2})));
}

TEST(Schedstat, OfAThreadThatHasEndedIsNotKnown) {
  EXPECT_THAT(since({{5, {1000, 1}}}, {}), IsEmpty());
}

}  // namespace
}  // namespace tr::capture
