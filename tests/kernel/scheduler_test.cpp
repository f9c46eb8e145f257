// Are switches, migrations and the states of a thread counted exactly?
#include <array>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "parked_child.h"
#include "traced.h"
#include "util/clock.h"
#include "util/cpu_set.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;

TEST(Scheduler, SwitchesAgreeWithTheKernelsOwnCount) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  constexpr int kSleeps = 200;
  const capture::ParkedChild child([] {
    for (int i = 0; i < kSleeps; ++i)
      sleep_until_ns(monotonic_ns() + 100'000);
    for (int i = 0; i < 50; ++i)
      ::sched_yield();
  });
  const std::array<pid_t, 1> processes = {child.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  const std::uint64_t voluntary_before = child.voluntary_switches();
  const std::uint64_t involuntary_before = child.involuntary_switches();
  open_window(probes);
  child.run();
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  ASSERT_EQ(outcome.counts.threads.size(), 1U);
  const TaskCounts& counts = outcome.counts.threads[0].counts;
  EXPECT_GT(counts.voluntary_switches, 100U);
  EXPECT_EQ(counts.voluntary_switches, child.voluntary_switches() - voluntary_before);
  EXPECT_EQ(counts.involuntary_switches, child.involuntary_switches() - involuntary_before);
  // It was blocked at both edges, so each blocking ended with a wake-up inside. A timer that fires
  // before its sleeper has left the CPU is a wake-up without a switch.
  EXPECT_GE(counts.wakeups, counts.voluntary_switches);
  EXPECT_LE(counts.wakeups, kSleeps + 1U);  // and the one that let it go
}

TEST(Scheduler, EachMoveToAnotherCpuIsOneMigration) {
  const auto cpus = usable_cpus();
  ASSERT_TRUE(cpus.ok());
  if (cpus->size() < 2) GTEST_SKIP() << "needs two CPUs";
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const int first = cpus->at(0);
  const int second = cpus->at(1);
  constexpr int kMoves = 200;
  const capture::ParkedChild child(
      [=] {
        for (int i = 0; i < kMoves; ++i)
          (void)pin_thread(0, {i % 2 == 0 ? second : first});
      },
      [=] { (void)pin_thread(0, {first}); });
  const std::array<pid_t, 1> processes = {child.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  open_window(probes);
  child.run();
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  EXPECT_EQ(outcome.counts.total.migrations, kMoves + 0U);
}

TEST(Scheduler, BlockedThreadsAreBlockedAllTheTime) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  constexpr int kThreads = 32;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd ready_read(ends[0]);
  Fd ready_write(ends[1]);
  HeldChild child([&] {
    for (int i = 0; i < kThreads; ++i)
      std::thread([&] {
        const auto tid = static_cast<pid_t>(::syscall(SYS_gettid));
        (void)!::write(ready_write.get(), &tid, sizeof(tid));
        ::pause();
      }).detach();
    ::pause();
  });
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  const std::array<pid_t, 1> processes = {child.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  child.go();
  std::vector<pid_t> tids;
  for (int i = 0; i < kThreads; ++i) {
    pid_t tid = 0;
    ASSERT_EQ(::read(ready_read.get(), &tid, sizeof(tid)), static_cast<ssize_t>(sizeof(tid)));
    tids.push_back(tid);
  }
  for (const pid_t tid : tids)
    ASSERT_TRUE(wait_until_blocked(tid));
  open_window(probes);
  sleep_until_ns(monotonic_ns() + 2'000'000);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  EXPECT_EQ(outcome.counts.threads.size(), kThreads + 1U);
  for (const pid_t tid : tids) {
    const ThreadCounts* thread = outcome.thread(tid);
    ASSERT_NE(thread, nullptr);
    EXPECT_EQ(thread->counts.blocked_ns, outcome.window_ns);
    EXPECT_EQ(thread->counts.voluntary_switches, 0U);
  }
}

}  // namespace
}  // namespace tr::kernel_test
