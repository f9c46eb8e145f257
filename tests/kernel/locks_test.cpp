// Is contention of the kernel's locks counted, and how long a mutex is held?
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <pthread.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "capture/kernel_file.h"
#include "capture/lock_hold.h"
#include "locks_run.h"
#include "util/clock.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;

// Threads that map and unmap all contend for their address space's lock.
TEST(Locks, ContentionOfTheKernelsLocks) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kLocks);
  const Traced traced = trace_locks(probes, [] {
    const std::uint64_t end = monotonic_ns() + 400 * kMs;
    const auto map = [&] {
      while (monotonic_ns() < end) {
        void* const at = ::mmap(nullptr, 1 << 18, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        ::munmap(at, 1 << 18);
      }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back(map);
    for (std::thread& thread : threads)
      thread.join();
  });
  if (!traced.locks.kernel) GTEST_SKIP() << traced.locks.kernel_unmeasured;
  std::uint64_t count = 0;
  std::uint64_t ns = 0;
  for (const KernelLock& lock : *traced.locks.kernel) {
    EXPECT_GT(lock.count, 0U);
    EXPECT_GE(lock.longest_ns * lock.count, lock.ns);
    if (!lock.mmap_lock) continue;
    EXPECT_TRUE(lock.kind == "rwsem read" || lock.kind == "rwsem write") << lock.kind;
    EXPECT_LE(lock.locks, 1U);  // one address space
    count += lock.count;
    ns += lock.ns;
  }
  EXPECT_GT(count, 0U);
  // Spinning or asleep, each of the four in its own time.
  EXPECT_LE(ns, 4 * traced.outcome.window_ns);
  EXPECT_GT(ns, 0U);
}

// How long a mutex is held, by uprobes: also over a wait at a condition variable, which gives it.
TEST(Locks, HoldsOfAMutex) {
  const ProbeOptions kHold{.locks = true, .lock_hold = true};
  TRACE_RUN_LOAD_OR_SKIP(probes, kHold);
  const auto libc = capture::libc_of(capture::kernel_text("", "/proc/self/maps").value_or(""));
  ASSERT_THAT(libc, testing::SizeIs(1));
  ASSERT_TRUE(probes.watch_mutexes(libc.front()).ok());
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  const Traced traced = trace_locks(probes, [] {
    const timespec hold{.tv_sec = 0, .tv_nsec = 2'000'000};
    for (int i = 0; i < 10; ++i) {
      pthread_mutex_lock(&mutex);
      ::nanosleep(&hold, nullptr);
      pthread_mutex_unlock(&mutex);
    }
    timespec until{};
    ::clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 0;
    until.tv_nsec += 50'000'000;
    if (until.tv_nsec >= 1'000'000'000) {
      until.tv_nsec -= 1'000'000'000;
      ++until.tv_sec;
    }
    pthread_mutex_lock(&mutex);
    if (pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &until) != ETIMEDOUT)
      ::_exit(1);
    pthread_mutex_unlock(&mutex);
  });
  ASSERT_TRUE(traced.locks.holds.has_value());
  const MutexHold* found = nullptr;
  for (const MutexHold& hold : *traced.locks.holds)
    if (hold.address == reinterpret_cast<std::uintptr_t>(&mutex)) found = &hold;
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->holds, 12U);  // around the wait there are two
  EXPECT_EQ(count_of(found->hold), 12U);
  EXPECT_GE(found->hold_ns, 20 * kMs);
  EXPECT_LT(found->hold_ns, 20 * kMs + 45 * kMs);  // not the wait's 50 ms
  EXPECT_GE(found->longest_ns, 2 * kMs);
}

}  // namespace
}  // namespace tr::kernel_test
