#include "metrics/budget.h"

#include <gmock/gmock.h>

namespace tr::metrics {
namespace {

Wait wait(std::string call, std::string object, std::string waker, std::uint64_t count,
          std::uint64_t ns) {
  return {std::move(call), std::move(object), std::move(waker), count, ns};
}

SyscallStats call(std::string name, std::uint64_t cpu_ns) {
  SyscallStats stats;
  stats.name = std::move(name);
  stats.cpu_ns = cpu_ns;
  return stats;
}

// 1000 ns of one thread.
TaskCounts counts() {
  TaskCounts counts;
  counts.user_ns = 100;
  counts.system_ns = 300;
  counts.runqueue_ns = 50;
  counts.blocked_ns = 550;
  counts.budget.emplace();
  counts.budget->delivery_ns = 60;
  counts.budget->interrupt_ns = 40;
  counts.budget->woken_ns = 30;
  counts.budget->preempted_ns = 20;
  counts.budget->waking_ns = 50;
  counts.budget->waits = {wait("epoll_wait", "", "load", 3, 300),
                          wait("epoll_wait", "", "timer", 1, 50),
                          wait("futex", "", "server", 2, 150)};
  counts.syscalls = {call("recvfrom", 80), call("sendto", 120)};
  return counts;
}

Snapshot snapshot_of(const TaskCounts& counts) {
  Snapshot snapshot;
  snapshot.total = counts;
  ThreadCounts thread;
  thread.tid = thread.tgid = 7;
  thread.life_ns = 1000;
  thread.counts = counts;
  snapshot.threads.push_back(std::move(thread));
  return snapshot;
}

std::uint64_t sum_of(const TimeBudget& budget) {
  std::uint64_t ns = 0;
  for (const TimeRow& row : budget.rows)
    ns += row.ns;
  return ns;
}

TEST(TimeBudget, AddsUpToTheThreadsLives) {
  const auto budget = time_budget(snapshot_of(counts()));
  ASSERT_TRUE(budget.has_value());
  EXPECT_EQ(budget->life_ns, 1000U);
  EXPECT_EQ(budget->residual_ns, 0U);
  EXPECT_EQ(sum_of(*budget), 1000U);
  EXPECT_EQ(budget->sum(TimeState::kSystem), 200U);
  EXPECT_EQ(budget->sum(TimeState::kIdle), 350U);
  EXPECT_EQ(budget->sum(TimeState::kBlocked), 150U);
}

TEST(TimeBudget, PutsTheLongestOfAStateFirst) {
  const auto budget = time_budget(snapshot_of(counts()));
  ASSERT_GE(budget->rows.size(), 3U);
  EXPECT_EQ(budget->rows[0].state, TimeState::kUser);
  EXPECT_EQ(budget->rows[1].call, "sendto");
  EXPECT_EQ(budget->rows[2].call, "recvfrom");
  const TimeRow& idle = budget->rows.back();
  EXPECT_EQ(idle.state, TimeState::kIdle);
  EXPECT_EQ(idle.times, 4U);
  ASSERT_EQ(idle.wakers.size(), 2U);
  EXPECT_EQ(idle.wakers[0].waker, "load");
}

TEST(TimeBudget, SaysWhatIsInNoKnownCallOrWait) {
  TaskCounts some = counts();
  some.syscalls.pop_back();
  some.budget->waits.pop_back();
  const auto budget = time_budget(snapshot_of(some));
  EXPECT_EQ(sum_of(*budget), 1000U);
  const auto unknown = [&](TimeState state) {
    for (const TimeRow& row : budget->rows)
      if (row.state == state && row.call.empty()) return row.ns;
    return std::uint64_t{0};
  };
  EXPECT_EQ(unknown(TimeState::kSystem), 120U);
  EXPECT_EQ(unknown(TimeState::kBlocked), 150U);
}

TEST(TimeBudget, AResidualIsTold) {
  Snapshot snapshot = snapshot_of(counts());
  snapshot.threads[0].life_ns = 1005;
  EXPECT_EQ(time_budget(snapshot)->residual_ns, 5U);
  EXPECT_EQ(time_budget(snapshot)->threads[0].residual_ns, 5);
  snapshot.threads[0].life_ns = 990;
  EXPECT_EQ(time_budget(snapshot)->residual_ns, 10U);
  EXPECT_EQ(time_budget(snapshot)->threads[0].residual_ns, -10);
}

TEST(TimeBudget, HoldsThreadsThatWereNotKeptOneByOne) {
  Snapshot snapshot = snapshot_of(counts());
  snapshot.total.user_ns += 500;
  EXPECT_EQ(time_budget(snapshot)->residual_ns, 500U);
  snapshot.folded_threads = 3;
  snapshot.folded_life_ns = 500;
  EXPECT_EQ(time_budget(snapshot)->residual_ns, 0U);
  EXPECT_EQ(time_budget(snapshot)->life_ns, 1500U);
}

TEST(TimeBudget, IsAbsentWhereNoneWasTaken) {
  EXPECT_FALSE(time_budget(Snapshot{}).has_value());
}

TEST(Work, IsWaitedForAtClientsAndForEvents) {
  EXPECT_TRUE(waits_for_work(wait("epoll_wait", "", "load", 1, 1)));
  EXPECT_TRUE(waits_for_work(wait("accept4", "listener", "load", 1, 1)));
  EXPECT_TRUE(waits_for_work(wait("recvfrom", "client", "load", 1, 1)));
  EXPECT_FALSE(waits_for_work(wait("recvfrom", "socket", "other", 1, 1)));
  EXPECT_FALSE(waits_for_work(wait("sendto", "client", "load", 1, 1)));
  EXPECT_FALSE(waits_for_work(wait("futex", "", "server", 1, 1)));
  EXPECT_FALSE(waits_for_work(wait("", "", "kernel", 1, 1)));
}

}  // namespace
}  // namespace tr::metrics
