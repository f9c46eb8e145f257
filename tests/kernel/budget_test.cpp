// Is each thread's time in the state, and each wait under the cause, that a known program gave it?
#include <array>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstdint>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>

#include "capture/schedstat.h"
#include "parked_child.h"
#include "traced.h"
#include "util/clock.h"
#include "util/cpu_set.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;

const Budget& budget_of(const Outcome& outcome) {
  return *outcome.counts.total.budget;
}

TEST(Budget, SleepsEndWithATimer) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    for (int i = 0; i < 20; ++i)
      sleep_ms(1);
  });
  expect_sound(outcome);
  const Wait sleeps = waits_of(outcome.counts.total, SYS_clock_nanosleep, "", "timer");
  // A timer may fire before its sleeper has left the CPU: then there was no wait.
  EXPECT_LE(sleeps.count, 20U);
  EXPECT_GE(sleeps.count, 10U);
  EXPECT_GE(sleeps.ns, sleeps.count * kMs * 9 / 10);  // who slept late was on the run queue
}

TEST(Budget, AFutexNamesTheSiblingThatWakes) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  constexpr std::uint32_t kTurns = 20;
  const Outcome outcome = trace(probes, [] {
    std::atomic<std::uint32_t> turn = 0;
    std::thread waiter([&] {
      for (std::uint32_t i = 0; i < kTurns; ++i)
        while (turn.load() <= i)
          ::syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, i, nullptr, nullptr, 0);
    });
    for (std::uint32_t i = 0; i < kTurns; ++i) {
      sleep_ms(2);
      turn.store(i + 1);
      ::syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
    }
    waiter.join();
  });
  expect_sound(outcome);
  ASSERT_EQ(outcome.counts.threads.size(), 2U);
  const TaskCounts& waiter = outcome.counts.threads[1].counts;
  const Wait waits = waits_of(waiter, SYS_futex, "", "server");
  // At most one for each turn, and one at the stack's lock when it is joined; a waiter that comes
  // late to a turn does not wait for it.
  EXPECT_LE(waits.count, kTurns + 1U);
  EXPECT_GE(waits.ns, (kTurns - 5) * kMs);
}

// What is read from outside the tree: the object is told by the descriptor, the waker is another.
TEST(Budget, APipesWriterOutsideTheTreeIsAnother) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Fd read_end(ends[0]);
  const Fd write_end(ends[1]);
  HeldChild child([&] {
    char byte = 0;
    for (int i = 0; i < 10; ++i)
      if (::read(read_end.get(), &byte, 1) != 1) ::_exit(1);
  });
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  ASSERT_TRUE(probes.adopt(std::array{child.pid()}).ok());
  open_window(probes);
  child.go();
  for (int i = 0; i < 10; ++i) {
    sleep_ms(1);
    ASSERT_TRUE(wait_until_blocked(child.pid()));
    ASSERT_EQ(::write(write_end.get(), "x", 1), 1);
  }
  EXPECT_EQ(child.wait(), 0);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  // Held, it read from a pipe too. A thread may be about to sleep, and woken before it has.
  EXPECT_GE(waits_of(outcome.counts.total, SYS_read, "pipe", "other").count, 9U);
  EXPECT_LE(waits_of(outcome.counts.total, SYS_read, "pipe", "other").count, 11U);
}

TEST(Budget, WhoTheLoadIsIsSaid) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  HeldChild load([&] {
    std::thread([&] {
      char byte = 0;
      for (int i = 0; i < 50; ++i)
        if (::write(ends[0], "x", 1) != 1 || ::read(ends[0], &byte, 1) != 1) ::_exit(1);
    }).join();
  });
  HeldChild child([&] {
    char byte = 0;
    for (int i = 0; i < 50; ++i)
      if (::read(ends[1], &byte, 1) != 1 || ::write(ends[1], "x", 1) != 1) ::_exit(1);
  });
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  ASSERT_TRUE(wait_until_blocked(load.pid()));
  ASSERT_TRUE(probes.adopt(std::array{child.pid()}).ok());
  ASSERT_TRUE(probes.mark_load(load.pid()).ok());
  open_window(probes);
  child.go();
  load.go();
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(load.wait(), 0);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  const Wait waits = waits_of(outcome.counts.total, SYS_read, "socket");
  EXPECT_GT(waits.count, 0U);
  EXPECT_EQ(waits_of(outcome.counts.total, SYS_read, "socket", "load").count, waits.count);
  EXPECT_GT(outcome.counts.cpu_time->load_ns, 0U);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Budget, KindsOfDescriptorsAreTold) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    const int event = ::eventfd(0, 0);
    const int epoll = ::epoll_create1(0);
    epoll_event watched{.events = EPOLLIN, .data = {}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, event, &watched);
    const auto waiter = static_cast<pid_t>(::syscall(SYS_gettid));
    std::atomic<bool> seen = false;
    std::thread writer([&] {
      if (!wait_until_blocked(waiter)) ::_exit(1);
      ::eventfd_write(event, 1);
      while (!seen.load())
        ::sched_yield();
      if (!wait_until_blocked(waiter)) ::_exit(1);
      ::eventfd_write(event, 1);
    });
    eventfd_t value = 0;
    ::epoll_pwait(epoll, &watched, 1, -1, nullptr);
    ::eventfd_read(event, &value);
    seen.store(true);
    ::eventfd_read(event, &value);
    writer.join();
  });
  expect_sound(outcome);
  const TaskCounts& counts = outcome.counts.total;
  EXPECT_EQ(waits_of(counts, SYS_epoll_pwait, "", "server").count, 1U);
  EXPECT_EQ(waits_of(counts, SYS_read, "eventfd", "server").count, 1U);
}

// Two threads that want one CPU for 20 ms each: together they waited for it at least as long as the
// shorter of them ran.
TEST(Budget, WhoHasNoCpuWaitsForIt) {
  const auto cpus = usable_cpus();
  ASSERT_TRUE(cpus.ok());
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [&] {
    (void)pin_thread(0, {cpus->front()});
    std::atomic<int> ready = 0;
    const auto work = [&] {
      ++ready;
      while (ready.load() < 2)
        ::sched_yield();
      spin_for(20 * kMs);
    };
    std::thread one(work);
    std::thread two(work);
    one.join();
    two.join();
  });
  expect_sound(outcome);
  const Budget& budget = budget_of(outcome);
  EXPECT_GE(budget.preempted_ns + budget.woken_ns, 19 * kMs);
  EXPECT_GT(budget.preempted_ns, 0U);
  EXPECT_EQ(budget.delivery_ns, 0U);
}

// The kernel's tick alone comes 100 times a second at least.
TEST(Budget, InterruptsAreTheirOwnState) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] { spin_for(100 * kMs); });
  expect_sound(outcome);
  EXPECT_GT(budget_of(outcome).interrupt_ns, 0U);
  EXPECT_LT(budget_of(outcome).interrupt_ns, outcome.counts.total.user_ns);
}

TEST(Budget, OnLoopbackTheSenderDelivers) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const auto talk = [](int family) {
    std::array<int, 2> ends{};
    if (family == AF_UNIX) {
      if (::socketpair(family, SOCK_STREAM, 0, ends.data()) != 0) ::_exit(1);
    } else {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      socklen_t length = sizeof address;
      auto* name = reinterpret_cast<sockaddr*>(&address);
      const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
      ends[0] = ::socket(AF_INET, SOCK_STREAM, 0);
      if (::bind(listener, name, length) != 0 || ::listen(listener, 1) != 0 ||
          ::getsockname(listener, name, &length) != 0 || ::connect(ends[0], name, length) != 0)
        ::_exit(1);
      ends[1] = ::accept(listener, nullptr, nullptr);
    }
    std::array<char, 64> data{};
    for (int i = 0; i < 200; ++i)
      if (::send(ends[0], data.data(), data.size(), 0) != 64 ||
          ::recv(ends[1], data.data(), data.size(), MSG_WAITALL) != 64)
        ::_exit(1);
  };
  const Outcome tcp = trace(probes, [&] { talk(AF_INET); });
  expect_sound(tcp);
  TRACE_RUN_LOAD_OR_SKIP(others, ProbeOptions{});
  const Outcome unix = trace(others, [&] { talk(AF_UNIX); });
  expect_sound(unix);
  EXPECT_GT(budget_of(tcp).delivery_ns, 200 * 500U);
  EXPECT_LT(budget_of(tcp).delivery_ns, tcp.counts.total.system_ns);
  EXPECT_EQ(budget_of(unix).delivery_ns, 0U);
}

TEST(Budget, WhoIsAsleepAtTheEndWasWokenByNobody) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  HeldChild child([] {});
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  ASSERT_TRUE(probes.adopt(std::array{child.pid()}).ok());
  open_window(probes);
  sleep_ms(2);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  ASSERT_EQ(budget_of(outcome).waits.size(), 1U);
  EXPECT_EQ(budget_of(outcome).waits[0].waker, "nobody");
  EXPECT_EQ(budget_of(outcome).waits[0].ns, outcome.window_ns);
  EXPECT_EQ(outcome.counts.cpu_time->server_ns, 0U);
}

TEST(Budget, OfThreadsBeyondTheRecordsIsNotLost) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{.max_threads = 16});
  const Outcome outcome = trace(probes, [] {
    for (int i = 0; i < 60; ++i)
      std::thread([] { sleep_ms(1); }).join();
  });
  expect_sound(outcome);
  EXPECT_GT(outcome.counts.folded_threads, 0U);
  EXPECT_LE(waits_of(outcome.counts.total, SYS_clock_nanosleep, "", "timer").count, 60U);
  EXPECT_GE(waits_of(outcome.counts.total, SYS_clock_nanosleep, "", "timer").count, 40U);
}

// Each wait of this program has another cause: more of them than a record has room for.
TEST(Budget, WaitsThatDoNotFitARecordAreNotLost) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    const timespec pause{.tv_sec = 0, .tv_nsec = 5'000'000};
    const int event = ::eventfd(0, 0);
    const int epoll = ::epoll_create1(0);
    pollfd polled{.fd = event, .events = POLLIN, .revents = 0};
    std::uint32_t word = 0;
    sigset_t none{};
    timeval tv{.tv_sec = 0, .tv_usec = 5000};
    const timeval receive_timeout = tv;
    epoll_event ready{};
    ::nanosleep(&pause, nullptr);
    ::syscall(SYS_nanosleep, &pause, nullptr);
    ::poll(&polled, 1, 5);
    ::ppoll(&polled, 1, &pause, nullptr);
    ::select(0, nullptr, nullptr, nullptr, &tv);
    ::pselect(0, nullptr, nullptr, nullptr, &pause, nullptr);
    ::epoll_wait(epoll, &ready, 1, 5);
    ::syscall(SYS_epoll_pwait, epoll, &ready, 1, 5, nullptr, 8);
    ::syscall(SYS_epoll_pwait2, epoll, &ready, 1, &pause, nullptr, 8);
    ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &pause, nullptr, 0);
    ::sigtimedwait(&none, nullptr, &pause);
    std::array<int, 2> ends{};
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
      if (::socketpair(AF_UNIX, type, 0, ends.data()) != 0) ::_exit(1);
      ::setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &receive_timeout, sizeof receive_timeout);
      char byte = 0;
      iovec part{&byte, 1};
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      mmsghdr messages{.msg_hdr = message, .msg_len = 0};
      (void)!::read(ends[0], &byte, 1);
      (void)!::readv(ends[0], &part, 1);
      (void)!::recv(ends[0], &byte, 1, 0);
      (void)!::recvmsg(ends[0], &message, 0);
      (void)!::recvmmsg(ends[0], &messages, 1, 0, nullptr);
    }
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    ::listen(listener, 1);
    ::setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &receive_timeout, sizeof receive_timeout);
    (void)!::accept(listener, nullptr, nullptr);
    (void)!::accept4(listener, nullptr, nullptr, 0);
  });
  expect_sound(outcome);
  EXPECT_GT(budget_of(outcome).waits.size(), 16U + 1U);
  // On a busy machine a timer may fire before its sleeper sleeps.
  const auto timed = [&](long call, const char* object) {
    return waits_of(outcome.counts.total, call, object, "timer").count;
  };
  EXPECT_GE(timed(SYS_accept, "listener") + timed(SYS_accept4, "listener"), 1U);
  EXPECT_LE(timed(SYS_accept, "listener"), 1U);
  EXPECT_LE(timed(SYS_recvmsg, "socket"), 2U);
}

// Between two points at which the child stands still, the kernel's own sums are exact, and taken a
// few instructions from the probes. But where a woken thread preempts, the kernel skips an update
// of its clock (kernel/sched/core.c, wakeup_preempt: rq_clock_skip_update), and so counts the way
// from the wake-up to the switch as CPU time: only the sum of the two is the same. And what a
// hypervisor took, and interrupts, it takes off CPU time where it is built so.
TEST(Budget, AgreesWithSchedstat) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const capture::ParkedChild child([] {
    for (int i = 0; i < 300; ++i) {
      spin_for(kMs / 10);
      const timespec time{.tv_sec = 0, .tv_nsec = 100'000};
      ::nanosleep(&time, nullptr);
    }
  });
  ASSERT_TRUE(probes.adopt(std::array{child.pid()}).ok());
  const std::array<capture::Task, 1> tasks = {capture::Task{child.pid(), child.pid()}};
  const auto before = capture::read_schedstat("/proc", tasks);
  open_window(probes);
  child.run();
  const Outcome outcome = finish(probes);
  const Schedstat theirs =
      capture::since(before, capture::read_schedstat("/proc", tasks)).at(child.pid());
  expect_sound(outcome);
  const TaskCounts& ours = outcome.counts.total;
  const std::uint64_t switches = ours.voluntary_switches + ours.involuntary_switches;
  const auto slack = static_cast<double>(switches * 5'000);
  const auto cpu_ns = static_cast<double>(ours.user_ns + ours.system_ns);
  const auto runqueue_ns = static_cast<double>(ours.runqueue_ns);
  const auto their_sum = static_cast<double>(theirs.cpu_ns + theirs.runqueue_ns);
  EXPECT_LE(their_sum, cpu_ns + runqueue_ns + slack);
  EXPECT_GE(their_sum, 0.7 * (cpu_ns + runqueue_ns));
  EXPECT_LE(0.7 * cpu_ns, static_cast<double>(theirs.cpu_ns) + slack);
  EXPECT_GE(runqueue_ns, static_cast<double>(theirs.runqueue_ns) - slack);
}

TEST(Budget, IsLeftOutOnRequest) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{.budget = false});
  const Outcome outcome = trace(probes, [] { sleep_ms(10); });
  expect_sound(outcome);
  EXPECT_FALSE(outcome.counts.total.budget.has_value());
  EXPECT_FALSE(outcome.counts.cpu_time.has_value());
  EXPECT_GE(outcome.counts.total.blocked_ns, 5 * kMs);
}

}  // namespace
}  // namespace tr::kernel_test
