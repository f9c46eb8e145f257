#include "load/saturation.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gmock/gmock.h>

namespace tr::load {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kSecond = 1'000'000'000;

CpuUse thread(double on_cpu, double waiting) {
  return {.wall_ns = kSecond,
          .user_ns = static_cast<std::uint64_t>(on_cpu * 0.25 * kSecond),
          .system_ns = static_cast<std::uint64_t>(on_cpu * 0.75 * kSecond),
          .runqueue_ns = static_cast<std::uint64_t>(waiting * kSecond)};
}

TEST(Saturation, IsNotSaidOfALoadThatSleeps) {
  EXPECT_THAT(saturation({.threads = {thread(0.6, 0.3)}, .cpus = 1, .sent = 100}), IsEmpty());
  EXPECT_THAT(saturation({.threads = {}}), IsEmpty());
  EXPECT_THAT(saturation({.threads = {CpuUse{}}}), IsEmpty());  // the window never opened
}

TEST(Saturation, OfAllItsCpusNamesTheShare) {
  EXPECT_EQ(saturation({.threads = {thread(0.97, 0.01)}, .cpus = 1}),
            "it used 97 % of the CPU time it could get (1 CPU)");
  // Two threads on the one CPU they are pinned to.
  EXPECT_EQ(saturation({.threads = {thread(0.5, 0.5), thread(0.49, 0.5)}, .cpus = 1}),
            "it used 99 % of the CPU time it could get (1 CPU)");
}

TEST(Saturation, OfOneThreadOfSeveralIsSeen) {
  EXPECT_EQ(saturation({.threads = {thread(0.2, 0), thread(0.98, 0)}, .cpus = 2}),
            "one of its threads never slept: 98 % of the time on a CPU, 0 % waiting for one");
}

TEST(Saturation, TellsStarvedFromBusy) {
  EXPECT_EQ(saturation({.threads = {thread(0.5, 0.48)}, .cpus = 1}),
            "it was starved of CPU: 50 % of the time on a CPU, 48 % waiting for one");
}

TEST(Saturation, DoesWithoutSchedstat) {
  CpuUse use = thread(0.9, 0);
  use.runqueue_ns.reset();
  EXPECT_THAT(saturation({.threads = {use}, .cpus = 1}), IsEmpty());
  use = thread(0.96, 0);
  use.runqueue_ns.reset();
  EXPECT_THAT(saturation({.threads = {use}, .cpus = 1}), HasSubstr("96 %"));
}

TEST(Saturation, OfAnOpenLoopIsSeenInItsOwnLateSends) {
  const Effort some{.threads = {thread(0.2, 0)}, .cpus = 1, .sent = 1000, .late_by_load = 10};
  EXPECT_THAT(saturation(some), IsEmpty());
  const Effort many{.threads = {thread(0.2, 0)}, .cpus = 1, .sent = 1000, .late_by_load = 11};
  EXPECT_THAT(saturation(many), HasSubstr("sent 1.1 % of the messages over 1 ms late"));
}

TEST(ThreadCpu, IsReadFromTheClockAndSchedstat) {
  const std::string root = testing::TempDir() + "saturation_test." + std::to_string(getpid());
  std::filesystem::create_directories(root + "/proc/thread-self");
  std::ofstream(root + "/proc/thread-self/schedstat") << "82505 60903 2\n";
  const CpuReading reading = read_thread_cpu(root);
  EXPECT_EQ(reading.runqueue_ns, 60903U);
  std::filesystem::remove_all(root);
  const CpuReading later = read_thread_cpu(root);
  EXPECT_EQ(later.runqueue_ns, std::nullopt);
  EXPECT_GT(later.cpu_ns, reading.cpu_ns);

  const CpuUse use = cpu_use(reading, later);
  EXPECT_EQ(use.cpu_ns(), later.cpu_ns - reading.cpu_ns);
  EXPECT_EQ(use.runqueue_ns, std::nullopt);
}

TEST(CpuUse, SplitsTheExactTimeEvenWhereTheSystemTimeRunsAhead) {
  const CpuUse use = cpu_use({.at_ns = 10, .cpu_ns = 100, .system_ns = 0, .runqueue_ns = 5},
                             {.at_ns = 60, .cpu_ns = 130, .system_ns = 40, .runqueue_ns = 9});
  EXPECT_EQ(use.wall_ns, 50U);
  EXPECT_EQ(use.system_ns, 30U);
  EXPECT_EQ(use.user_ns, 0U);
  EXPECT_EQ(use.runqueue_ns, 4U);
}

TEST(CpuUse, LeavesOutIdlePolling) {
  const CpuUse use =
      cpu_use({.cpu_ns = 1000, .system_ns = 0, .runqueue_ns = {}, .idle_ns = 400},
              {.cpu_ns = 2000, .system_ns = 750, .runqueue_ns = {}, .idle_ns = 1200});
  EXPECT_EQ(use.system_ns, 150U);
  EXPECT_EQ(use.user_ns, 50U);
  // The time between two polls is that of the wall: the thread may have been off its CPU.
  EXPECT_EQ(cpu_use({}, {.cpu_ns = 1000, .runqueue_ns = {}, .idle_ns = 1200}).cpu_ns(), 0U);
}

}  // namespace
}  // namespace tr::load
