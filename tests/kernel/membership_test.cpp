// Is every thread of a tree followed from its first instruction to its last?
#include <array>
#include <atomic>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "traced.h"
#include "util/clock.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;

TEST(Membership, EveryForkIsFollowed) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  constexpr int kForks = 300;
  const Outcome outcome = trace(probes, [] {
    for (int i = 0; i < kForks; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        call_many(SYS_getppid, 3);
        ::_exit(0);
      }
      ::waitpid(child, nullptr, 0);
    }
  });
  expect_sound(outcome);
  EXPECT_EQ(outcome.counts.threads.size(), kForks + 1U);
  EXPECT_EQ(outcome.call(name_of(SYS_getppid)).calls, 3U * kForks);
  EXPECT_EQ(outcome.call(name_of(SYS_clone)).calls, kForks + 0U);
  // exit_group never returns: counted at its entry.
  EXPECT_EQ(outcome.call(name_of(SYS_exit_group)).calls, kForks + 1U);
  EXPECT_EQ(outcome.call(name_of(SYS_wait4)).calls, kForks + 0U);
}

void run_short_lived_threads(int threads) {
  for (int i = 0; i < threads; ++i)
    std::thread([] { call_many(SYS_getppid, 5); }).join();
}

TEST(Membership, ShortLivedThreadsAreKeptOneByOneWhileThereIsRoom) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] { run_short_lived_threads(1000); });
  expect_sound(outcome);
  EXPECT_EQ(outcome.counts.threads.size(), 1001U);
  EXPECT_EQ(outcome.counts.folded_threads, 0U);
  EXPECT_EQ(outcome.call(name_of(SYS_getppid)).calls, 5000U);
}

TEST(Membership, MoreThreadsThanRecordsAreSummedUpWithoutLoss) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{.max_threads = 16});
  const Outcome outcome = trace(probes, [] { run_short_lived_threads(1000); });
  expect_sound(outcome);
  EXPECT_EQ(outcome.counts.folded_threads + outcome.counts.threads.size(), 1001U);
  const SyscallStats getppid = outcome.call(name_of(SYS_getppid));
  EXPECT_EQ(getppid.calls, 5000U);
  EXPECT_EQ(durations(getppid), 5000U);
  EXPECT_EQ(outcome.call(name_of(SYS_exit)).calls, 1000U);
}

TEST(Membership, MoreLivingThreadsThanRecordsAreReportedAsLost) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{.max_threads = 4});
  const Outcome outcome = trace(probes, [] {
    std::atomic<bool> end = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 10; ++i)
      threads.emplace_back([&] { end.wait(false); });
    end = true;
    end.notify_all();
    for (std::thread& thread : threads)
      thread.join();
  });
  EXPECT_EQ(outcome.lost.at("threads beyond --max-threads"), 7U);
}

TEST(Membership, AThreadKeepsTheLastNameItHad) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    ::prctl(PR_SET_NAME, "first");
    ::prctl(PR_SET_NAME, "second");
  });
  ASSERT_EQ(outcome.counts.threads.size(), 1U);
  EXPECT_EQ(outcome.counts.threads[0].comm, "second");
}

TEST(Membership, TheWindowCanOpenAtExec) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  HeldChild child([] {
    call_many(SYS_getppid, 100);  // before: not counted
    ::execl("/bin/true", "true", nullptr);
    ::_exit(1);
  });
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  const std::array<pid_t, 1> processes = {child.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  probes.open_window_at_exec_of(child.pid());
  child.go();
  ASSERT_EQ(child.wait(), 0);
  const Outcome outcome = finish(probes);
  EXPECT_EQ(outcome.call(name_of(SYS_getppid)).calls, 0U);
  EXPECT_EQ(outcome.call(name_of(SYS_execve)).carried_in, 1U);
  EXPECT_EQ(outcome.call(name_of(SYS_exit_group)).calls, 1U);
  ASSERT_EQ(outcome.counts.threads.size(), 1U);
  EXPECT_EQ(outcome.counts.threads[0].comm, "true");
}

TEST(Membership, ARunningProcessIsTakenInWithAllItsThreads) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd ready_read(ends[0]);
  const Fd ready_write(ends[1]);
  HeldChild child([&] {
    for (int i = 0; i < 7; ++i)
      std::thread([&] {
        (void)!::write(ready_write.get(), "x", 1);
        for (;;)  // spins in calls: running, and in user space or in a call at any time
          call_many(SYS_getppid, 1);
      }).detach();
    ::pause();
  });
  child.go();
  for (int i = 0; i < 7; ++i) {
    char byte = 0;
    ASSERT_EQ(::read(ready_read.get(), &byte, 1), 1);
  }
  const std::array<pid_t, 1> processes = {child.pid()};
  const auto adopted = probes.adopt(processes);
  ASSERT_TRUE(adopted.ok());
  EXPECT_EQ(*adopted, 8U);
  probes.refresh_cpus();
  open_window(probes);
  sleep_until_ns(monotonic_ns() + 50'000'000);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  EXPECT_EQ(outcome.counts.threads.size(), 8U);
  // Seven spinning threads on n CPUs keep them all busy: they are never blocked.
  for (const ThreadCounts& thread : outcome.counts.threads) {
    EXPECT_EQ(thread.life_ns, outcome.window_ns);
    EXPECT_TRUE(thread.tid == child.pid() || thread.counts.blocked_ns == 0) << thread.tid;
  }
  EXPECT_GT(outcome.call(name_of(SYS_getppid)).calls, 1000U);
}

}  // namespace
}  // namespace tr::kernel_test
