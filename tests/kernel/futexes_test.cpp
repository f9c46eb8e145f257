// Is each operation on a futex counted where, and with the result, that a known program gave it?
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <functional>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "capture/kernel_file.h"
#include "locks_run.h"
#include "shared.h"
#include "util/clock.h"
#include "util/text.h"

namespace tr::kernel_test {
namespace {

using Word = std::atomic<std::uint32_t>;

long futex(Word* word, int operation, std::uint32_t value, const timespec* timeout = nullptr,
           Word* second = nullptr, std::uint32_t third = 0) {
  return ::syscall(SYS_futex, word, operation, value, timeout, second, third);
}

// A thread of the child that is about to sleep in a futex call, and nowhere else.
struct Sleeper {
  std::atomic<pid_t> tid = 0;
  std::atomic<long> switches = 0;  // voluntary, until then

  void about_to_sleep() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    switches = usage.ru_nvcsw;
    tid = ::gettid();
  }
  // Off its CPU: its state alone says so before it is.
  void wait_until_asleep() const {
    const std::uint64_t deadline = monotonic_ns() + 10 * kNsPerSecond;
    while (monotonic_ns() < deadline) {
      const std::string status =
          tid == 0
              ? ""
              : capture::kernel_text("", fmt::format("/proc/{0}/status", tid.load())).value_or("");
      const auto switched =
          parse_u64(capture::field_of(status, "voluntary_ctxt_switches").value_or(""));
      if (switched && *switched > static_cast<std::uint64_t>(switches.load())) return;
      sleep_until_ns(monotonic_ns() + 100'000);
    }
    ::_exit(3);
  }
};

// What a program sees of its own calls.
struct Results {
  std::atomic<std::uint64_t> waits = 0;
  std::atomic<std::uint64_t> waited = 0;   // returned 0
  std::atomic<std::uint64_t> changed = 0;  // EAGAIN
  std::atomic<std::uint64_t> timeouts = 0;
  std::atomic<std::uint64_t> wakes = 0;
  std::atomic<std::uint64_t> woken = 0;
  std::atomic<std::uint64_t> woke_nobody = 0;
  std::atomic<std::uint64_t> requeued = 0;
  std::array<std::atomic<pid_t>, 8> tids{};
  std::array<Sleeper, 8> sleepers{};
  Word* word = nullptr;
  Word* second = nullptr;
};

void wait_at(Results& results, Word* word, std::uint32_t value, int operation = FUTEX_WAIT_PRIVATE,
             const timespec* timeout = nullptr) {
  ++results.waits;
  const long got = futex(word, operation, value, timeout);
  if (got == 0)
    ++results.waited;
  else if (errno == EAGAIN)
    ++results.changed;
  else if (errno == ETIMEDOUT)
    ++results.timeouts;
}

void wake_at(Results& results, Word* word, int how_many, int operation = FUTEX_WAKE_PRIVATE) {
  ++results.wakes;
  const long got = futex(word, operation, static_cast<std::uint32_t>(how_many));
  if (got > 0) results.woken += static_cast<std::uint64_t>(got);
  if (got == 0) ++results.woke_nobody;
}

// So many threads that wait at a futex: asleep, all of them, when it returns.
std::vector<std::thread> start_sleepers(Results& results, std::size_t count,
                                        const std::function<void()>& wait) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i)
    threads.emplace_back([&results, wait, i] {
      results.sleepers[i].about_to_sleep();
      wait();
    });
  for (std::size_t i = 0; i < count; ++i)
    results.sleepers[i].wait_until_asleep();
  return threads;
}

TEST(Futexes, PingPongIsCountedAsItsThreadsSawIt) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kLocks);
  static Word turn = 0;
  static Word ignored = 0;
  Shared<Results> seen;
  constexpr std::uint32_t kTurns = 500;
  const Traced traced = trace_locks(probes, [&] {
    seen->tids[0] = ::gettid();
    const auto play = [&](std::uint32_t first) {
      for (std::uint32_t i = first; i < kTurns; i += 2) {
        while (turn.load() != i)
          wait_at(*seen, &turn, turn.load() == i ? i + 1 : turn.load());
        turn.store(i + 1);
        wake_at(*seen, &turn, INT_MAX);
      }
    };
    std::thread other([&] {
      seen->tids[1] = ::gettid();
      play(1);
    });
    play(0);
    other.join();
    wake_at(*seen, &ignored, 1);
    futex(&ignored, FUTEX_WAKE_BITSET_PRIVATE, 1, nullptr, nullptr, 1);
  });
  const Futex at_turn = traced.at(&turn);
  EXPECT_EQ(at_turn.kind, "private");
  EXPECT_EQ(at_turn.operations.at("WAIT"), seen->waits);
  EXPECT_EQ(at_turn.operations.at("WAKE"), seen->wakes - 1);
  EXPECT_EQ(at_turn.operations.size(), 2U);
  EXPECT_EQ(at_turn.changed, seen->changed);
  EXPECT_EQ(at_turn.woken, seen->woken);
  EXPECT_EQ(at_turn.woken, seen->waited);
  EXPECT_EQ(at_turn.woke_nobody, seen->woke_nobody - 1);
  EXPECT_EQ(at_turn.timeouts, 0U);
  EXPECT_EQ(at_turn.most_waiters, 1U);
  EXPECT_GT(at_turn.waits, 0U);
  // A wait that is over before its thread slept is none; a hand-off is from asleep to running.
  EXPECT_LE(at_turn.waits, seen->waited);
  EXPECT_EQ(at_turn.handoffs, at_turn.waits);
  // Each of the two hands to the other alone.
  const std::uint32_t row = traced.row_of(&turn);
  std::uint64_t handoffs = 0;
  for (const auto& [key, count] : traced.raw.handoffs) {
    const auto& [at, waker, woken] = key;
    if (at != row) continue;
    EXPECT_NE(waker, woken);
    for (const std::uint32_t tid : {waker, woken})
      EXPECT_TRUE(static_cast<pid_t>(tid) == seen->tids[0] ||
                  static_cast<pid_t>(tid) == seen->tids[1]);
    handoffs += count;
  }
  EXPECT_EQ(handoffs, at_turn.handoffs);
  const Futex nobody = traced.at(&ignored);
  EXPECT_EQ(nobody.operations.at("WAKE"), 1U);
  EXPECT_EQ(nobody.operations.at("WAKE_BITSET"), 1U);
  EXPECT_EQ(nobody.woke_nobody, 2U);
  EXPECT_EQ(nobody.waits, 0U);
}

TEST(Futexes, TimeoutsAreCounted) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kLocks);
  static Word word = 0;
  const Traced traced = trace_locks(probes, [] {
    const timespec timeout{.tv_sec = 0, .tv_nsec = 2'000'000};
    for (int i = 0; i < 20; ++i)
      if (futex(&word, FUTEX_WAIT_PRIVATE, 0, &timeout) != -1 || errno != ETIMEDOUT) ::_exit(1);
    if (futex(&word, FUTEX_WAIT_PRIVATE, 1) != -1 || errno != EAGAIN) ::_exit(2);
  });
  const Futex at = traced.at(&word);
  EXPECT_EQ(at.operations.at("WAIT"), 21U);
  EXPECT_EQ(at.timeouts, 20U);
  EXPECT_EQ(at.changed, 1U);
  // A timer may fire before its sleeper has left the CPU: then there was no wait.
  EXPECT_LE(at.waits, 20U);
  EXPECT_GE(at.waits, 10U);
  EXPECT_GE(at.wait_ns, at.waits * kMs * 19 / 10);
  EXPECT_EQ(at.handoffs, 0U);
  EXPECT_EQ(at.most_waiters, 1U);
}

// K threads asleep at once, then all woken by one call.
TEST(Futexes, WaitersAtOnceAndAWakeOfAll) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kLocks);
  static Word gate = 0;
  constexpr std::size_t kThreads = 6;
  Shared<Results> seen;
  const Traced traced = trace_locks(probes, [&] {
    std::vector<std::thread> threads =
        start_sleepers(*seen, kThreads, [&] { wait_at(*seen, &gate, 0); });
    gate.store(1);
    wake_at(*seen, &gate, INT_MAX);
    for (std::thread& thread : threads)
      thread.join();
  });
  ASSERT_EQ(seen->woken, kThreads);
  const Futex at = traced.at(&gate);
  EXPECT_EQ(at.waits, kThreads);
  EXPECT_EQ(at.woken, kThreads);
  EXPECT_EQ(at.most_waiters, kThreads);
  EXPECT_EQ(at.handoffs, kThreads);
  std::uint64_t pairs = 0;
  for (const LockHandoffs& handoffs : at.handoffs_by_name)
    pairs += handoffs.pairs;
  EXPECT_EQ(pairs, kThreads);
}

// What sleeps over both edges of the window is cut there, and was a waiter all the time.
TEST(Futexes, AWaiterOverBothEdgesIsCutThere) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kLocks);
  static Word word = 0;
  HeldChild child([] { futex(&word, FUTEX_WAIT_PRIVATE, 0); });
  child.go();
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  // It waits for go() in a read first: only a futex call will do.
  const std::string syscall = "/proc/" + std::to_string(child.pid()) + "/syscall";
  const std::uint64_t deadline = monotonic_ns() + 10 * kNsPerSecond;
  while (!capture::kernel_text("", syscall)
              .value_or("")
              .starts_with(std::to_string(SYS_futex) + " ")) {
    ASSERT_LT(monotonic_ns(), deadline);
    sleep_until_ns(monotonic_ns() + kMs / 10);
  }
  ASSERT_TRUE(probes.adopt(std::array{child.pid()}).ok());
  open_window(probes);
  sleep_until_ns(monotonic_ns() + 5 * kMs);
  const Traced traced = collected(probes, finish(probes));
  const Futex at = traced.at(&word);
  EXPECT_EQ(at.waits, 1U);
  EXPECT_EQ(at.wait_ns, traced.outcome.window_ns);
  EXPECT_EQ(at.waited_ns, traced.outcome.window_ns);
  EXPECT_EQ(at.most_waiters, 1U);
  EXPECT_TRUE(at.operations.empty());  // entered before the window
}

// Waits, is requeued to another futex, and is woken there.
TEST(Futexes, ARequeuedThreadWaitsAtTheOtherFutex) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kLocks);
  static Word from = 0;
  static Word to = 0;
  constexpr std::size_t kThreads = 3;
  Shared<Results> seen;
  const Traced traced = trace_locks(probes, [&] {
    std::vector<std::thread> threads =
        start_sleepers(*seen, kThreads, [&] { wait_at(*seen, &from, 0); });
    // Wakes one, moves two.
    const timespec* const both = reinterpret_cast<const timespec*>(std::uintptr_t{INT_MAX});
    if (futex(&from, FUTEX_CMP_REQUEUE_PRIVATE, 1, both, &to, 0) != 3) ::_exit(1);
    const timespec pause{.tv_sec = 0, .tv_nsec = 5'000'000};
    ::nanosleep(&pause, nullptr);
    if (futex(&from, FUTEX_WAKE_PRIVATE, INT_MAX) != 0) ::_exit(2);
    if (futex(&to, FUTEX_WAKE_PRIVATE, INT_MAX) != 2) ::_exit(2);
    for (std::thread& thread : threads)
      thread.join();
  });
  const Futex first = traced.at(&from);
  const Futex second = traced.at(&to);
  EXPECT_EQ(first.operations.at("WAIT"), kThreads);
  EXPECT_EQ(first.operations.at("CMP_REQUEUE"), 1U);
  EXPECT_EQ(first.woken, 1U);
  EXPECT_EQ(first.requeued, 2U);
  EXPECT_EQ(first.waits, 3U);
  EXPECT_EQ(first.handoffs, 1U);
  EXPECT_EQ(first.most_waiters, 3U);
  EXPECT_EQ(first.woke_nobody, 1U);
  EXPECT_EQ(second.requeued_in, 2U);
  EXPECT_EQ(second.woken, 2U);
  EXPECT_EQ(second.waits, 2U);
  EXPECT_EQ(second.handoffs, 2U);
  EXPECT_EQ(second.most_waiters, 2U);
  EXPECT_GE(second.waited_ns, 5 * kMs);
  EXPECT_GE(second.wait_ns, 10 * kMs);
}

TEST(Futexes, APriorityInheritanceMutex) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kLocks);
  static pthread_mutex_t mutex;
  Shared<Results> seen;
  const Traced traced = trace_locks(probes, [&] {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if (pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) != 0) ::_exit(1);
    pthread_mutex_init(&mutex, &attributes);
    pthread_mutex_lock(&mutex);  // alone: without a call
    std::thread waiter([&] {
      seen->sleepers[0].about_to_sleep();
      pthread_mutex_lock(&mutex);
      pthread_mutex_unlock(&mutex);
    });
    seen->sleepers[0].wait_until_asleep();
    pthread_mutex_unlock(&mutex);
    waiter.join();
  });
  const Futex at = traced.at(&mutex);
  // LOCK_PI2 where glibc and the kernel have it.
  std::uint64_t locks = 0;
  std::uint64_t unlocks = 0;
  for (const auto& [operation, count] : at.operations)
    (operation.starts_with("LOCK_PI") ? locks : unlocks) += count;
  EXPECT_EQ(locks, 1U);
  EXPECT_EQ(at.operations.at("UNLOCK_PI"), unlocks);
  EXPECT_GE(unlocks, 1U);
  EXPECT_EQ(at.woken, 1U);
  EXPECT_EQ(at.waits, 1U);
  EXPECT_EQ(at.handoffs, 1U);
}

struct Waitv {
  std::uint64_t value;
  std::uint64_t address;
  std::uint32_t flags;
  std::uint32_t reserved;
};

constexpr std::uint32_t kFutex2U32Private = 2 | 128;  // FUTEX2_SIZE_U32 | FUTEX2_PRIVATE

Waitv waiter_of(Word* word, std::uint32_t value) {
  return {value, reinterpret_cast<std::uintptr_t>(word), kFutex2U32Private, 0};
}

// By their numbers: the libc has no functions for them.
constexpr long kFutexWaitv = 449;
constexpr long kFutexWake = 454;
constexpr long kFutexWait = 455;
constexpr long kFutexRequeue = 456;

bool kernel_has(long number) {
  return ::syscall(number, nullptr, 0, 0, 0, 0, 0) == -1 && errno != ENOSYS;
}

TEST(Futexes, AWaitAtSeveralFutexesIsAWaitAtEach) {
  if (!kernel_has(kFutexWaitv)) GTEST_SKIP() << "no futex_waitv before Linux 5.16";
  TRACE_RUN_LOAD_OR_SKIP(probes, kLocks);
  static std::array<Word, 3> words{};
  Shared<Results> seen;
  const Traced traced = trace_locks(probes, [&] {
    std::thread waiter([&] {
      seen->sleepers[0].about_to_sleep();
      const std::array<Waitv, 3> list{waiter_of(&words[0], 0), waiter_of(&words[1], 0),
                                      waiter_of(&words[2], 0)};
      seen->waited = static_cast<std::uint64_t>(
          ::syscall(kFutexWaitv, list.data(), list.size(), 0, nullptr, CLOCK_MONOTONIC));
    });
    seen->sleepers[0].wait_until_asleep();
    if (futex(&words[1], FUTEX_WAKE_PRIVATE, 1) != 1) ::_exit(1);
    waiter.join();
  });
  EXPECT_EQ(seen->waited, 1U);  // the second
  for (Word& word : words) {
    const Futex at = traced.at(&word);
    EXPECT_EQ(at.operations.at("futex_waitv"), 1U);
    EXPECT_EQ(at.waits, 1U);
    EXPECT_EQ(at.most_waiters, 1U);
    EXPECT_EQ(at.handoffs, &word == &words[1] ? 1U : 0U);
    EXPECT_EQ(at.woken, &word == &words[1] ? 1U : 0U);
  }
}

TEST(Futexes, TheCallsOfFutex2) {
  if (!kernel_has(kFutexRequeue)) GTEST_SKIP() << "no futex2 calls before Linux 6.7";
  TRACE_RUN_LOAD_OR_SKIP(probes, kLocks);
  static Word from = 0;
  static Word to = 0;
  Shared<Results> seen;
  const Traced traced = trace_locks(probes, [&] {
    constexpr std::uint64_t kAll = ~std::uint32_t{0};
    std::vector<std::thread> threads = start_sleepers(*seen, 2, [&] {
      if (::syscall(kFutexWait, &from, 0, kAll, kFutex2U32Private, nullptr, CLOCK_MONOTONIC) != 0)
        ::_exit(1);
    });
    const std::array<Waitv, 2> pair{waiter_of(&from, 0), waiter_of(&to, 0)};
    if (::syscall(kFutexRequeue, pair.data(), 0, 1, 1) != 2) ::_exit(2);
    if (::syscall(kFutexWake, &to, kAll, 1, kFutex2U32Private) != 1) ::_exit(3);
    for (std::thread& thread : threads)
      thread.join();
  });
  const Futex first = traced.at(&from);
  const Futex second = traced.at(&to);
  EXPECT_EQ(first.operations.at("futex_wait"), 2U);
  EXPECT_EQ(first.operations.at("futex_requeue"), 1U);
  EXPECT_EQ(first.woken, 1U);
  EXPECT_EQ(first.requeued, 1U);
  EXPECT_EQ(second.operations.at("futex_wake"), 1U);
  EXPECT_EQ(second.woken, 1U);
  EXPECT_EQ(second.handoffs, 1U);
}

// The same futex, mapped at different addresses in two processes.
TEST(Futexes, ASharedFutexIsOneRowInAllItsProcesses) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kLocks);
  Shared<Results> seen;
  const Traced traced = trace_locks(probes, [&] {
    const int memory = ::memfd_create("shared", MFD_CLOEXEC);
    if (::ftruncate(memory, 8192) != 0) ::_exit(1);
    const auto map = [&] {
      void* at = ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
      return reinterpret_cast<Word*>(static_cast<char*>(at) + 4096 + 64);
    };
    seen->word = map();
    const pid_t child = ::fork();
    if (child == 0) {
      seen->second = map();
      seen->sleepers[0].about_to_sleep();
      ::_exit(futex(seen->second, FUTEX_WAIT, 0) == 0 ? 0 : 1);
    }
    seen->sleepers[0].wait_until_asleep();
    if (futex(seen->word, FUTEX_WAKE, 1) != 1) ::_exit(2);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status != 0) ::_exit(3);
  });
  ASSERT_NE(seen->word, seen->second);
  EXPECT_EQ(traced.at(seen->word).operations.size(), 0U);  // the waiter came first
  const Futex at = traced.at(seen->second);
  EXPECT_EQ(at.kind, "shared");
  EXPECT_TRUE(at.several_processes);
  EXPECT_EQ(at.operations.at("WAIT"), 1U);
  EXPECT_EQ(at.operations.at("WAKE"), 1U);
  EXPECT_EQ(at.handoffs, 1U);
}

// Two processes at the same address of their own: two futexes.
TEST(Futexes, PrivateFutexesAreTheirProcesses) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kLocks);
  static Word word = 0;
  const Traced traced = trace_locks(probes, [] {
    const pid_t child = ::fork();
    futex(&word, FUTEX_WAKE_PRIVATE, 1);
    if (child == 0) ::_exit(0);
    futex(&word, FUTEX_WAKE, 1);  // shared, but the memory is private: the same one
    int status = 0;
    ::waitpid(child, &status, 0);
  });
  std::vector<std::uint64_t> wakes;
  for (const Futex& futex : traced.locks.futexes)
    if (futex.address == reinterpret_cast<std::uintptr_t>(&word))
      wakes.push_back(futex.operations.at("WAKE"));
  EXPECT_THAT(wakes, testing::UnorderedElementsAre(2U, 1U));
}

// More futexes than there are rows: nothing is lost, only no longer told apart.
TEST(Futexes, FutexesBeyondTheRowsAreInOneRow) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kLocks);
  constexpr std::size_t kFutexes = TR_FUTEX_ROWS + 500;
  static std::array<Word, kFutexes> words{};
  const Traced traced = trace_locks(probes, [] {
    for (Word& word : words)
      futex(&word, FUTEX_WAKE_PRIVATE, 1);
  });
  std::uint64_t wakes = 0;
  std::uint64_t others = 0;
  for (const Futex& futex : traced.locks.futexes) {
    const auto found = futex.operations.find("WAKE");
    if (found == futex.operations.end()) continue;
    wakes += found->second;
    if (futex.kind == "others") others += found->second;
  }
  EXPECT_EQ(wakes, kFutexes);
  EXPECT_GE(others, 500U);
}

}  // namespace
}  // namespace tr::kernel_test
