// Are switches, migrations and the states of a thread counted exactly?
#include <array>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "traced.h"
#include "util/clock.h"
#include "util/cpu_set.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;

// Memory that a child shares with the test.
template <class T>
class Shared {
 public:
  Shared()
      : at_(static_cast<T*>(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(at_, sizeof(T)); }
  T* operator->() { return at_; }

 private:
  T* at_;
};

TEST(Scheduler, SwitchesAgreeWithTheKernelsOwnCount) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  struct Usage {
    rusage before, after;
  };
  Shared<Usage> usage;
  const Outcome outcome = trace(probes, [&] {
    ::getrusage(RUSAGE_SELF, &usage->before);
    for (int i = 0; i < 200; ++i)
      sleep_until_ns(monotonic_ns() + 100'000);
    for (int i = 0; i < 50; ++i)
      ::sched_yield();
    ::getrusage(RUSAGE_SELF, &usage->after);
  });
  expect_sound(outcome);
  ASSERT_EQ(outcome.counts.threads.size(), 1U);
  const TaskCounts& counts = outcome.counts.threads[0].counts;
  const auto voluntary = static_cast<std::uint64_t>(usage->after.ru_nvcsw - usage->before.ru_nvcsw);
  const auto involuntary =
      static_cast<std::uint64_t>(usage->after.ru_nivcsw - usage->before.ru_nivcsw);
  EXPECT_GT(voluntary, 100U);
  EXPECT_EQ(counts.voluntary_switches, voluntary);
  EXPECT_EQ(counts.wakeups, voluntary + 1);  // and the one that let it go
  // Between the two readings and the thread's end it may be preempted once more, or a few times.
  EXPECT_GE(counts.involuntary_switches, involuntary);
  EXPECT_LE(counts.involuntary_switches, involuntary + 5);
}

TEST(Scheduler, EachMoveToAnotherCpuIsOneMigration) {
  const auto cpus = usable_cpus();
  ASSERT_TRUE(cpus.ok());
  if (cpus->size() < 2) GTEST_SKIP() << "needs two CPUs";
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const int first = cpus->at(0);
  const int second = cpus->at(1);
  constexpr int kMoves = 200;
  const Outcome outcome = trace(probes, [=] {
    (void)pin_thread(0, {first});
    call_many(SYS_getppid, 1);
    for (int i = 0; i < kMoves; ++i)
      (void)pin_thread(0, {i % 2 == 0 ? second : first});
  });
  expect_sound(outcome);
  // The first pinning moves it only if it ran elsewhere.
  EXPECT_GE(outcome.counts.total.migrations, kMoves + 0U);
  EXPECT_LE(outcome.counts.total.migrations, kMoves + 1U);
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
