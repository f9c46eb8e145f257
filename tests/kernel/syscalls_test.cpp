// Are calls, their errors, their times and their operations counted exactly?
#include <array>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>

#include "traced.h"
#include "util/clock.h"
#include "util/cpu_set.h"
#include "util/text.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(Syscalls, CallsAndTheirErrorsAreCountedByNumberAndErrno) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    call_many(SYS_getppid, 1234);
    for (int i = 0; i < 77; ++i)
      ::close(-1);
    for (int i = 0; i < 5; ++i)
      (void)::open("/nonexistent", O_RDONLY);
  });
  expect_sound(outcome);
  EXPECT_EQ(outcome.call(name_of(SYS_getppid)).calls, 1234U);
  EXPECT_EQ(outcome.call(name_of(SYS_getppid)).errors, 0U);
  EXPECT_EQ(outcome.call(name_of(SYS_close)).errors, 77U);
  EXPECT_THAT(outcome.call(name_of(SYS_close)).errors_by_errno,
              UnorderedElementsAre(Pair(EBADF, 77)));
  EXPECT_THAT(outcome.call(name_of(SYS_openat)).errors_by_errno,
              UnorderedElementsAre(Pair(ENOENT, 5)));
  EXPECT_EQ(durations(outcome.call(name_of(SYS_getppid))), 1234U);
}

TEST(Syscalls, CountsAloneAreTheSame) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{.counts_only = true});
  const Outcome outcome = trace(probes, [] {
    call_many(SYS_getppid, 4321);
    std::thread([] { call_many(SYS_getppid, 100); }).join();
  });
  EXPECT_EQ(outcome.call(name_of(SYS_getppid)).calls, 4421U);
  EXPECT_EQ(outcome.counts.threads.size(), 2U);
  EXPECT_EQ(outcome.lost_in_all(), 0U);
}

TEST(Syscalls, MoreDistinctCallsThanARecordHoldsSpillWithoutLoss) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  // Calls that have no effect with these arguments, or fail; many numbers, and many errnos.
  static constexpr std::array kCalls = {SYS_getppid,
                                        SYS_getpid,
                                        SYS_gettid,
                                        SYS_getuid,
                                        SYS_geteuid,
                                        SYS_getgid,
                                        SYS_getegid,
                                        SYS_sched_yield,
                                        SYS_sync_file_range,
                                        SYS_lseek,
                                        SYS_fsync,
                                        SYS_fdatasync,
                                        SYS_ftruncate,
                                        SYS_flock,
                                        SYS_fchdir,
                                        SYS_fchmod,
                                        SYS_fchown,
                                        SYS_fstatfs,
                                        SYS_getdents64,
                                        SYS_readahead,
                                        SYS_fsetxattr,
                                        SYS_fgetxattr,
                                        SYS_flistxattr,
                                        SYS_fremovexattr,
                                        SYS_tkill,
                                        SYS_epoll_ctl,
                                        SYS_inotify_add_watch,
                                        SYS_openat,
                                        SYS_mkdirat,
                                        SYS_fchownat,
                                        SYS_unlinkat,
                                        SYS_renameat,
                                        SYS_linkat,
                                        SYS_symlinkat,
                                        SYS_readlinkat,
                                        SYS_fchmodat,
                                        SYS_faccessat,
                                        SYS_tee,
                                        SYS_timerfd_settime,
                                        SYS_preadv,
                                        SYS_pwritev,
                                        SYS_setns,
                                        SYS_finit_module,
                                        SYS_listen,
                                        SYS_getsockname,
                                        SYS_getpeername,
                                        SYS_shutdown,
                                        SYS_fallocate,
                                        SYS_accept4,
                                        SYS_sched_getparam,
                                        SYS_getpriority,
                                        SYS_getsid,
                                        SYS_getpgid,
                                        SYS_umask};
  const Outcome outcome = trace(probes, [] {
    for (int round = 0; round < 20; ++round)
      for (const long number : kCalls)
        ::syscall(number, -1, 0, 0, 0, 0, 0);
  });
  expect_sound(outcome);
  for (const long number : kCalls) {
    const SyscallStats stats = outcome.call(name_of(number));
    EXPECT_EQ(stats.calls, 20U) << number;
    EXPECT_EQ(durations(stats), 20U) << number;
  }
}

TEST(Syscalls, FutexCallsAreCountedByOperation) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    static std::uint32_t word = 1;
    for (int i = 0; i < 300; ++i)  // another value than expected: EAGAIN at once
      ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    for (int i = 0; i < 200; ++i)
      ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    for (int i = 0; i < 50; ++i)
      ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, nullptr, nullptr, 1);
  });
  expect_sound(outcome);
  EXPECT_EQ(outcome.call(name_of(SYS_futex)).calls, 550U);
  EXPECT_THAT(
      outcome.counts.total.futex,
      UnorderedElementsAre(Pair(std::to_string(FUTEX_WAIT_PRIVATE), 300),
                           Pair(std::to_string(FUTEX_WAKE_PRIVATE), 200),
                           Pair(std::to_string(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME), 50)));
  EXPECT_THAT(outcome.call(name_of(SYS_futex)).errors_by_errno,
              UnorderedElementsAre(Pair(EAGAIN, 350)));
}

TEST(Syscalls, ACallParkedOverTheWholeWindowIsCutAtBothEdges) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  HeldChild child([] { ::pause(); });
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  const std::array<pid_t, 1> processes = {child.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  child.go();
  // Blocked in read at first, then in pause: wait for the latter.
  const std::uint64_t deadline = monotonic_ns() + 10 * kNsPerSecond;
  const std::string path = "/proc/" + std::to_string(child.pid()) + "/syscall";
  while (monotonic_ns() < deadline) {
    const auto now = read_file(path);
    if (now && now->starts_with(std::to_string(kPauseCall) + " ")) break;
  }
  open_window(probes);
  sleep_until_ns(monotonic_ns() + 5'000'000);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  const SyscallStats pause = outcome.call(name_of(kPauseCall));
  EXPECT_EQ(pause.calls, 0U);
  EXPECT_EQ(pause.carried_in, 1U);
  EXPECT_EQ(pause.in_flight, 1U);
  EXPECT_EQ(pause.total_ns, outcome.window_ns);
  ASSERT_EQ(outcome.counts.threads.size(), 1U);
  EXPECT_EQ(outcome.counts.threads[0].counts.blocked_ns, outcome.window_ns);
}

TEST(Syscalls, ACallThatWasUnderWayWhenTheThreadWasTakenInIsKnown) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  HeldChild child([] {});
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  const std::array<pid_t, 1> processes = {child.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  open_window(probes);
  const Outcome outcome = finish(probes);
  const SyscallStats read = outcome.call(name_of(SYS_read));
  EXPECT_EQ(read.carried_in, 1U);
  EXPECT_EQ(read.total_ns, outcome.window_ns);
}

// Reads from an empty pipe until a signal has come and a byte after it.

void read_under_signals(int flags) {
  struct sigaction action {};
  action.sa_handler = [](int) { call_many(SYS_getppid, 1); };
  action.sa_flags = flags;
  ::sigaction(SIGUSR1, &action, nullptr);
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) ::_exit(1);
  const auto reader = static_cast<pid_t>(::syscall(SYS_gettid));
  std::thread disturber([&] {
    for (int i = 0; i < 5; ++i) {
      if (!wait_until_blocked(reader)) ::_exit(1);
      ::syscall(SYS_tgkill, ::getpid(), reader, SIGUSR1);
    }
    if (!wait_until_blocked(reader)) ::_exit(1);
    (void)!::write(ends[1], "x", 1);
  });
  char byte = 0;
  while (::syscall(SYS_readahead, -1, 0, 0) == 0 || ::read(ends[0], &byte, 1) < 0) {
  }
  disturber.join();
}

TEST(Syscalls, ARestartedCallIsOneCall) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  pid_t reader = 0;
  HeldChild child([] { read_under_signals(SA_RESTART); });
  reader = child.pid();
  ASSERT_TRUE(wait_until_blocked(reader));
  const std::array<pid_t, 1> processes = {reader};
  ASSERT_TRUE(probes.adopt(processes).ok());
  open_window(probes);
  child.go();
  ASSERT_EQ(child.wait(), 0);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  const ThreadCounts* thread = outcome.thread(reader);
  ASSERT_NE(thread, nullptr);
  for (const SyscallStats& stats : thread->counts.syscalls) {
    if (stats.number != SYS_read) continue;
    EXPECT_EQ(stats.calls, 1U);       // however often the kernel restarted it
    EXPECT_EQ(stats.carried_in, 1U);  // the one that held the child
    EXPECT_EQ(stats.errors, 0U);
  }
}

TEST(Syscalls, AnInterruptedCallIsAnErrorAndItsRepetitionAnotherCall) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  HeldChild child([] { read_under_signals(0); });
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  const std::array<pid_t, 1> processes = {child.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  open_window(probes);
  child.go();
  ASSERT_EQ(child.wait(), 0);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  const ThreadCounts* thread = outcome.thread(child.pid());
  ASSERT_NE(thread, nullptr);
  for (const SyscallStats& stats : thread->counts.syscalls) {
    if (stats.number != SYS_read) continue;
    EXPECT_EQ(stats.calls, stats.errors + 1);
    EXPECT_THAT(stats.errors_by_errno, UnorderedElementsAre(Pair(EINTR, stats.errors)));
    EXPECT_GE(stats.errors, 1U);
    EXPECT_LE(stats.errors, 5U);
  }
}

TEST(Syscalls, AKilledThreadsOpenCallIsClosed) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  HeldChild child([] {
    const pid_t victim = ::fork();
    if (victim == 0) {
      ::pause();
      ::_exit(1);
    }
    if (!wait_until_blocked(victim)) ::_exit(1);
    ::kill(victim, SIGKILL);
    ::waitpid(victim, nullptr, 0);
  });
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  const std::array<pid_t, 1> processes = {child.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  open_window(probes);
  child.go();
  ASSERT_EQ(child.wait(), 0);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  const SyscallStats pause = outcome.call(name_of(kPauseCall));
  EXPECT_EQ(pause.calls, 1U);
  EXPECT_EQ(pause.in_flight, 0U);
  EXPECT_GT(pause.total_ns, 0U);
  EXPECT_EQ(outcome.counts.threads.size(), 2U);
}

TEST(Waste, FutexWakesThatWokeNobodyAreCountedByOperation) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    std::uint32_t word = 0;
    for (int i = 0; i < 70; ++i)
      ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    for (int i = 0; i < 30; ++i)  // the value is another: no wait, and no wake
      ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, nullptr, nullptr, 0);
  });
  expect_sound(outcome);
  EXPECT_THAT(*outcome.counts.total.woke_nobody,
              testing::UnorderedElementsAre(testing::Pair(std::to_string(FUTEX_WAKE_PRIVATE), 70)));
  EXPECT_EQ(outcome.call(name_of(SYS_futex)).errors_by_errno.at(EAGAIN), 30U);
}

TEST(Waste, ResultsAreAddedUp) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) ::_exit(1);
    std::array<char, 64> data{};
    for (std::size_t i = 1; i <= 10; ++i)
      if (::write(ends[1], data.data(), i) != static_cast<ssize_t>(i) ||
          ::read(ends[0], data.data(), data.size()) != static_cast<ssize_t>(i))
        ::_exit(1);
    ::close(ends[1]);
    for (int i = 0; i < 5; ++i)
      (void)!::read(ends[0], data.data(), data.size());  // the end
  });
  expect_sound(outcome);
  const SyscallStats read = outcome.call(name_of(SYS_read));
  // Held, it read a byte too.
  EXPECT_EQ(read.returned, 55U + 1U);
  EXPECT_EQ(read.empty, 5U);
  EXPECT_EQ(read.in_vain, 0U);
}

// The event is gone before the woken thread, which preempts nobody, has a look at it.
TEST(Waste, AWakeUpThatFindsNothingIsInVain) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const auto cpus = usable_cpus();
  ASSERT_TRUE(cpus.ok());
  constexpr int kTimes = 20;
  const Outcome outcome = trace(probes, [&] {
    (void)pin_thread(0, {cpus->front()});
    const int event = ::eventfd(0, EFD_NONBLOCK);
    std::atomic<pid_t> tid = 0;
    std::thread waiter([&] {
      const sched_param ordinary{};
      ::sched_setscheduler(0, SCHED_BATCH, &ordinary);  // preempts nobody when it wakes up
      pollfd polled{.fd = event, .events = POLLIN, .revents = 0};
      tid.store(static_cast<pid_t>(::syscall(SYS_gettid)));
      ::poll(&polled, 1, -1);
    });
    while (tid.load() == 0)
      ::sched_yield();
    eventfd_t value = 0;
    for (int i = 0; i < kTimes; ++i) {
      if (!wait_until_blocked(tid.load())) ::_exit(1);
      ::eventfd_write(event, 1);
      if (i < kTimes - 1) ::eventfd_read(event, &value);
    }
    waiter.join();
  });
  expect_sound(outcome);
  const SyscallStats poll = outcome.call(name_of(kPollCall));
  EXPECT_EQ(poll.calls, 1U);
  // Not where it got the CPU in between.
  EXPECT_GE(poll.in_vain, kTimes / 2U);
  EXPECT_LE(poll.in_vain, kTimes - 1U);
}

}  // namespace
}  // namespace tr::kernel_test
