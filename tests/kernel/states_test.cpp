// Is a program's time in the states that it measured itself to be in?
//
// Each program here keeps its own account by CLOCK_THREAD_CPUTIME_ID, getrusage() and
// CLOCK_MONOTONIC, and is compared with what it measured, not with what it meant to do: on a busy
// machine the two differ, and only the first is the truth.
#include <array>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <functional>
#include <linux/futex.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "parked_child.h"
#include "shared.h"
#include "traced.h"
#include "util/clock.h"
#include "util/cpu_set.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;

pid_t this_tid() {
  return static_cast<pid_t>(::syscall(SYS_gettid));
}

std::uint64_t cpu_of_call(const TaskCounts& counts, long call) {
  for (const SyscallStats& stats : counts.syscalls)
    if (stats.name == name_of(call)) return stats.cpu_ns.value_or(0);
  return 0;
}

std::uint64_t involuntary_switches_here() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_nivcsw);
}

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value) {
  while (word.load() == value)
    ::syscall(SYS_futex, &word, FUTEX_WAIT, value, nullptr, nullptr, 0);
}

void futex_post(std::atomic<std::uint32_t>& word, std::uint32_t value) {
  word.store(value);
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

// CPU time that the kernel's clock counts otherwise than the probes do, per switch: the way from
// one to the other; and where a hypervisor takes the CPU away, or an interrupt's time is kept apart
// (see Budget.AgreesWithSchedstat), it may count less. So a figure of the program's is a bound with
// little slack on one side, and with more on the other.
constexpr double kLittle = 0.05;
constexpr double kMore = 0.35;

void expect_about(std::uint64_t ours, std::uint64_t theirs, std::uint64_t slack_ns) {
  EXPECT_GE(static_cast<double>(ours + slack_ns), (1 - kLittle) * static_cast<double>(theirs));
  EXPECT_LE((1 - kMore) * static_cast<double>(ours), static_cast<double>(theirs + slack_ns));
}

struct Account {
  std::atomic<pid_t> tid = 0;
  std::atomic<std::uint32_t> turn = 0;
  std::atomic<std::uint64_t> user_ns = 0;     // CPU time in user code
  std::atomic<std::uint64_t> call_ns = 0;     // CPU time in one call
  std::atomic<std::uint64_t> blocked_ns = 0;  // wall time in the wait
  std::atomic<std::uint64_t> from_ns = 0;
  std::atomic<std::uint64_t> to_ns = 0;
};

// A part computing, a part in a system call that computes, a part asleep until a sibling wakes it.
TEST(States, UserCodeACallAndAWaitAreAsLongAsTheProgramFindsThem) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Shared<Account> account;
  constexpr std::uint32_t kRounds = 20;
  const Outcome outcome = trace(probes, [&] {
    std::thread worker([&] {
      account->tid = this_tid();
      std::vector<char> noise(1 << 16);
      for (std::uint32_t round = 0; round < kRounds; ++round) {
        std::uint64_t before = thread_cpu_ns();
        volatile std::uint64_t sink = 0;
        for (int i = 0; i < 1'000'000; ++i)
          sink = sink + static_cast<std::uint64_t>(i);
        std::uint64_t after = thread_cpu_ns();
        account->user_ns += after - before;
        for (int i = 0; i < 16; ++i)
          if (::getrandom(noise.data(), noise.size(), 0) < 0) ::_exit(1);
        before = thread_cpu_ns();
        account->call_ns += before - after;
        const std::uint64_t start = monotonic_ns();
        futex_wait(account->turn, 2 * round);
        account->blocked_ns += monotonic_ns() - start;
        futex_post(account->turn, 2 * round + 2);
      }
    });
    for (std::uint32_t round = 0; round < kRounds; ++round) {
      while (account->tid == 0 || !wait_until_blocked(account->tid))
        sleep_ms(1);
      sleep_ms(5);
      futex_post(account->turn, 2 * round + 1);
      while (account->turn.load() == 2 * round + 1)
        sleep_ms(1);
    }
    worker.join();
  });
  expect_sound(outcome);
  const ThreadCounts* worker = outcome.thread(account->tid);
  ASSERT_NE(worker, nullptr);
  const TaskCounts& counts = worker->counts;
  const Budget& budget = *counts.budget;
  const std::uint64_t slack = (counts.voluntary_switches + counts.involuntary_switches) * 10'000;
  // Interrupts come in either; the reads of the clock are calls of neither.
  expect_about(counts.user_ns + budget.interrupt_ns, account->user_ns, slack);
  EXPECT_LE((1 - kMore) * static_cast<double>(counts.user_ns),
            static_cast<double>(account->user_ns + slack + kRounds * kMs / 2));
  expect_about(cpu_of_call(counts, SYS_getrandom) + budget.interrupt_ns, account->call_ns, slack);
  // What the thread took for its wait: asleep, woken, and on its way to a CPU; no less than asleep.
  const Wait waits = waits_of(counts, SYS_futex, "");
  EXPECT_LE(waits.ns, account->blocked_ns + slack);
  EXPECT_GE(waits.ns + budget.waking_ns + counts.runqueue_ns + slack +
                cpu_of_call(counts, SYS_futex) + kRounds * kMs,
            account->blocked_ns);
  EXPECT_GE(waits.ns, kRounds * 4 * kMs);
}

struct Pair {
  std::array<std::atomic<pid_t>, 2> tids{};
  std::array<std::atomic<std::uint64_t>, 2> cpu_ns{};
  std::array<std::atomic<std::uint64_t>, 2> involuntary{};
};

// Two threads that only compute, on one CPU: while one runs, the other waits for it.
TEST(States, APreemptedThreadWaitsAsLongAsTheOtherRuns) {
  const auto cpus = usable_cpus();
  ASSERT_TRUE(cpus.ok());
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Shared<Pair> shared;
  const Shared<std::atomic<std::uint32_t>> phase;
  const capture::ParkedChild child(
      [&] {
        futex_post(*phase, 1);
        while (phase->load() < 3)
          sleep_ms(2);
      },
      [&] {
        for (std::size_t i = 0; i < 2; ++i)
          std::thread([&, i] {
            (void)pin_thread(0, {cpus->front()});
            shared->tids[i] = this_tid();
            futex_wait(*phase, 0);
            const std::uint64_t before = involuntary_switches_here();
            const std::uint64_t cpu_before = thread_cpu_ns();
            spin_for(60 * kMs);
            shared->cpu_ns[i] = thread_cpu_ns() - cpu_before;
            shared->involuntary[i] = involuntary_switches_here() - before;
            ++*phase;
            ::pause();
          }).detach();
        while (shared->tids[0] == 0 || shared->tids[1] == 0)
          sleep_ms(1);
      });
  ASSERT_TRUE(probes.adopt(std::array{child.pid()}).ok());
  open_window(probes);
  child.run();
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  std::uint64_t waited = 0, ran = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    const ThreadCounts* thread = outcome.thread(shared->tids[i]);
    ASSERT_NE(thread, nullptr);
    EXPECT_EQ(thread->counts.involuntary_switches, shared->involuntary[i]);
    EXPECT_GT(thread->counts.involuntary_switches, 2U);
    expect_about(thread->counts.user_ns + thread->counts.system_ns, shared->cpu_ns[i], 2 * kMs);
    waited += thread->counts.budget->preempted_ns;
    ran += thread->counts.user_ns + thread->counts.system_ns;
  }
  // While both of them want the CPU, one of them runs, or a stranger for whom both wait: so the two
  // waited at least as long as the one that was done first ran, which is near half of all, and can
  // wait longer only for strangers.
  EXPECT_GE(waited + 20 * kMs, ran * 4 / 10);
}

// perf's own count of one thread, from now on.
class Migrations {
 public:
  explicit Migrations(pid_t tid) {
    perf_event_attr attr{};
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_CPU_MIGRATIONS;
    fd_.reset(
        static_cast<int>(::syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  }
  [[nodiscard]] bool works() const { return static_cast<bool>(fd_); }
  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t count = 0;
    EXPECT_EQ(::read(fd_.get(), &count, sizeof count), static_cast<ssize_t>(sizeof count));
    return count;
  }

 private:
  Fd fd_;
};

TEST(States, MigrationsAreWhatPerfCounts) {
  const auto cpus = usable_cpus();
  ASSERT_TRUE(cpus.ok());
  if (cpus->size() < 2) GTEST_SKIP() << "needs two CPUs";
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  constexpr std::uint64_t kMoves = 100;
  const capture::ParkedChild child(
      [&] {
        for (std::uint64_t i = 0; i < kMoves; ++i)
          (void)pin_thread(0, {cpus->at(i % 2 == 0 ? 1 : 0)});
      },
      [&] { (void)pin_thread(0, {cpus->at(0)}); });
  ASSERT_TRUE(probes.adopt(std::array{child.pid()}).ok());
  const Migrations perf(child.pid());
  if (!perf.works()) GTEST_SKIP() << "perf events are not allowed here";
  open_window(probes);
  child.run();
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  EXPECT_EQ(outcome.counts.total.migrations, kMoves);
  EXPECT_EQ(perf.count(), kMoves);
}

// Threads at rest: their lives are one wait, in progress at both edges.
TEST(States, AParkedThreadIsInOneWaitAllTheWindow) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Shared<Account> account;
  const capture::ParkedChild child([] {},
                                   [&] {
                                     std::thread([&] {
                                       account->tid = this_tid();
                                       futex_wait(account->turn, 0);
                                     }).detach();
                                     while (account->tid == 0)
                                       sleep_ms(1);
                                   });
  ASSERT_TRUE(probes.adopt(std::array{child.pid()}).ok());
  open_window(probes);
  sleep_ms(5);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  const ThreadCounts* thread = outcome.thread(account->tid);
  ASSERT_NE(thread, nullptr);
  ASSERT_EQ(thread->counts.budget->waits.size(), 1U);
  EXPECT_EQ(thread->counts.budget->waits[0],
            (Wait{name_of(SYS_futex), "", "nobody", 1, outcome.window_ns}));
  ASSERT_EQ(thread->counts.syscalls.size(), 1U);
  EXPECT_EQ(thread->counts.syscalls[0].in_flight, 1U);
  EXPECT_EQ(thread->counts.syscalls[0].carried_in, 1U);
  EXPECT_EQ(thread->counts.syscalls[0].total_ns, outcome.window_ns);
}

// exit never returns: its thread's last state is that call, and its life ends there.
TEST(States, AThreadThatExitsEndsInsideItsCall) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Shared<Account> account;
  const Outcome outcome = trace(probes, [&] {
    std::thread([&] {
      account->tid = this_tid();
      account->from_ns = monotonic_ns();
      spin_for(3 * kMs);
      account->to_ns = monotonic_ns();
      ::syscall(SYS_exit, 0);
    }).join();
  });
  expect_sound(outcome);
  const ThreadCounts* thread = outcome.thread(account->tid);
  ASSERT_NE(thread, nullptr);
  EXPECT_TRUE(thread->exited);
  EXPECT_GE(thread->life_ns, account->to_ns - account->from_ns);
  EXPECT_LT(thread->life_ns, outcome.window_ns);
  bool found = false;
  for (const SyscallStats& stats : thread->counts.syscalls)
    if (stats.name == name_of(SYS_exit)) {
      found = true;
      EXPECT_EQ(stats.calls, 1U);
      EXPECT_EQ(stats.in_flight, 0U);
      EXPECT_EQ(durations(stats), 1U);
    }
  EXPECT_TRUE(found);
}

// Killed in its sleep: the wait ends with the signal, and what is left of its life is its way out.
TEST(States, AThreadKilledInItsSleepWaitedUntilThen) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Shared<Account> account;
  const Outcome outcome = trace(probes, [&] {
    const pid_t victim = ::fork();
    if (victim == 0) {
      account->tid = this_tid();
      account->from_ns = monotonic_ns();
      futex_wait(account->turn, 0);
      ::_exit(1);
    }
    while (account->tid == 0 || !wait_until_blocked(victim))
      sleep_ms(1);
    sleep_ms(10);
    account->to_ns = monotonic_ns();
    ::kill(victim, SIGKILL);
    int status = 0;
    ::waitpid(victim, &status, 0);
    account->blocked_ns = monotonic_ns() - account->to_ns;  // until it was gone
    if (!WIFSIGNALED(status)) ::_exit(1);
  });
  expect_sound(outcome);
  const ThreadCounts* thread = outcome.thread(account->tid);
  ASSERT_NE(thread, nullptr);
  EXPECT_TRUE(thread->exited);
  Wait wait;
  for (const Wait& one : thread->counts.budget->waits)
    if (one.call == name_of(SYS_futex)) wait = one;
  EXPECT_EQ(wait.count, 1U);
  EXPECT_EQ(wait.waker, "server");  // its parent, who sent the signal
  EXPECT_LE(wait.ns, account->to_ns - account->from_ns + account->blocked_ns);
  EXPECT_GE(wait.ns, 10 * kMs);
  for (const SyscallStats& stats : thread->counts.syscalls)
    if (stats.name == name_of(SYS_futex)) {
      EXPECT_EQ(stats.calls, 1U);
      EXPECT_EQ(stats.in_flight, 0U);  // it ended with the thread
    }
}

struct Queue {
  std::atomic<pid_t> worker = 0;
  std::atomic<pid_t> client = 0;
  std::atomic<std::uint32_t> done = 0;
  std::atomic<std::uint64_t> queued_ns = 0;  // how long the second job waited for the worker
  std::atomic<std::uint64_t> held_ns = 0;    // how long the client waited for its answer
};

// One worker, which a job holds: the next client waits for its answer all that time, and the
// budget has it as that client's wait, by the worker's hand.
TEST(States, AQueueIsTheWaitOfWhoStandsInIt) {
  TRACE_RUN_LOAD_OR_SKIP(probes, (ProbeOptions{.waits = true}));
  const Shared<Queue> queue;
  const Outcome outcome = trace(probes, [&] {
    std::array<int, 2> jobs{};
    if (::pipe(jobs.data()) != 0) ::_exit(1);
    std::thread worker([&] {
      ::pthread_setname_np(::pthread_self(), "worker");
      queue->worker = this_tid();
      for (int i = 0; i < 2; ++i) {
        std::uint64_t sent = 0;
        if (::read(jobs[0], &sent, sizeof sent) != sizeof sent) ::_exit(1);
        if (i == 0) {
          spin_for(20 * kMs);
        } else {
          queue->queued_ns = monotonic_ns() - sent;
          futex_post(queue->done, 1);
        }
      }
    });
    while (queue->worker == 0 || !wait_until_blocked(queue->worker))
      sleep_ms(1);
    const auto send = [&] {
      const std::uint64_t now = monotonic_ns();
      if (::write(jobs[1], &now, sizeof now) != sizeof now) ::_exit(1);
      return now;
    };
    std::thread client([&] {
      queue->client = this_tid();
      (void)send();  // the job that holds the worker
      const std::uint64_t sent = send();
      futex_wait(queue->done, 0);
      queue->held_ns = monotonic_ns() - sent;
    });
    client.join();
    worker.join();
  });
  expect_sound(outcome);
  const ThreadCounts* client = outcome.thread(queue->client);
  ASSERT_NE(client, nullptr);
  const Wait wait = waits_of(client->counts, SYS_futex, "");
  EXPECT_GE(queue->queued_ns, 15 * kMs);
  EXPECT_LE(wait.ns, queue->held_ns);
  EXPECT_GE(wait.ns + 5 * kMs, queue->queued_ns);
  bool found = false;
  for (const WaitCause& cause : outcome.waits->causes)
    found = found || (cause.which == address_of(&queue->done) && cause.waker_name == "worker");
  EXPECT_TRUE(found);
}

// A server of one thread with a delay in one place, which it measures itself.
struct Delayed {
  std::atomic<pid_t> tid = 0;
  std::atomic<pid_t> holder = 0;
  std::atomic<std::uint64_t> cpu_ns = 0;
  std::atomic<std::uint64_t> wall_ns = 0;
  std::atomic<std::uint32_t> lock = 0;
};

constexpr int kRequests = 10;

// Answers kRequests bytes, with delay() for each; the outcome, and the server's own figures.
Outcome serve_with(
    capture::Probes& probes, const Shared<Delayed>& own, const std::function<void()>& delay,
    const std::function<void()>& helper = [] {}) {
  return trace(probes, [&] {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) ::_exit(1);
    std::thread server([&] {
      own->tid = this_tid();
      char byte = 0;
      for (int i = 0; i < kRequests; ++i) {
        if (::recv(ends[1], &byte, 1, 0) != 1) ::_exit(1);
        const std::uint64_t start = monotonic_ns(), cpu_start = thread_cpu_ns();
        delay();
        own->cpu_ns += thread_cpu_ns() - cpu_start;
        own->wall_ns += monotonic_ns() - start;
        if (::send(ends[1], &byte, 1, 0) != 1) ::_exit(1);
      }
    });
    char byte = 0;
    for (int i = 0; i < kRequests; ++i) {
      helper();
      if (::send(ends[0], &byte, 1, 0) != 1 || ::recv(ends[0], &byte, 1, 0) != 1) ::_exit(1);
    }
    server.join();
  });
}

const TaskCounts* server_counts(const Outcome& outcome, const Shared<Delayed>& own) {
  expect_sound(outcome);
  const ThreadCounts* server = outcome.thread(own->tid);
  return server == nullptr ? nullptr : &server->counts;
}

TEST(States, ADelayInUserCodeIsFoundThere) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Shared<Delayed> own;
  const Outcome outcome = serve_with(probes, own, [] {  // without calls but those of the clock
    const std::uint64_t end = monotonic_ns() + 3 * kMs;
    while (monotonic_ns() < end) {
    }
  });
  const TaskCounts* server = server_counts(outcome, own);
  ASSERT_NE(server, nullptr);
  const Budget& budget = *server->budget;
  // The delay is from clock to clock: on the CPU, interrupted, or robbed of it.
  const std::uint64_t computing_ns = server->user_ns + cpu_of_call(*server, SYS_clock_gettime);
  EXPECT_GE(computing_ns + budget.interrupt_ns + budget.preempted_ns + kMs, own->wall_ns);
  EXPECT_LE((1 - kMore) * static_cast<double>(computing_ns),
            static_cast<double>(own->cpu_ns + 2 * kMs));
  EXPECT_EQ(waits_of(*server, SYS_clock_nanosleep, "").count, 0U);
}

TEST(States, ADelayInASleepIsFoundThere) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Shared<Delayed> own;
  const Outcome outcome = serve_with(probes, own, [] { sleep_ms(3); });
  const TaskCounts* server = server_counts(outcome, own);
  ASSERT_NE(server, nullptr);
  const Wait sleeps = waits_of(*server, SYS_clock_nanosleep, "");
  const Budget& budget = *server->budget;
  EXPECT_EQ(sleeps.count, kRequests + 0U);
  EXPECT_LE(sleeps.ns, own->wall_ns);
  // The rest of what it measured: on its way into the sleep and out of it.
  EXPECT_GE(
      sleeps.ns + budget.waking_ns + server->runqueue_ns + server->user_ns + server->system_ns,
      own->wall_ns);
  EXPECT_GE(sleeps.ns, kRequests * 2 * kMs);
}

TEST(States, ADelayAtALockIsFoundThere) {
  TRACE_RUN_LOAD_OR_SKIP(probes, (ProbeOptions{.waits = true}));
  const Shared<Delayed> own;
  const Outcome outcome = serve_with(
      probes, own, [&] { futex_wait(own->lock, 1); },
      [&] {  // the lock is held for 3 ms from before the request until after its arrival
        own->lock = 1;
        std::thread([&] {
          own->holder = this_tid();
          sleep_ms(3);
          futex_post(own->lock, 0);
        }).detach();
      });
  const TaskCounts* server = server_counts(outcome, own);
  ASSERT_NE(server, nullptr);
  const Wait locks = waits_of(*server, SYS_futex, "");
  const Budget& budget = *server->budget;
  EXPECT_LE(locks.ns, own->wall_ns);
  EXPECT_GE(locks.ns + budget.waking_ns + server->runqueue_ns + server->user_ns + server->system_ns,
            own->wall_ns);
  EXPECT_GE(locks.ns, kRequests * kMs);
  std::uint64_t at_lock_ns = 0;
  for (const WaitCause& cause : outcome.waits->causes)
    if (cause.which == address_of(&own->lock)) at_lock_ns += cause.waits.ns;
  EXPECT_GE(at_lock_ns, kRequests * kMs);
  EXPECT_LE(at_lock_ns, locks.ns);
}

}  // namespace
}  // namespace tr::kernel_test
