#include "metrics/uring.h"

#include <cerrno>

#include <gmock/gmock.h>

#include "metrics/budget.h"

namespace tr::metrics {
namespace {

using testing::DoubleEq;
using testing::Optional;

UringOperation operation(std::string name, std::uint64_t submitted, std::uint64_t completed) {
  UringOperation operation;
  operation.name = std::move(name);
  operation.submitted = submitted;
  operation.completed = completed;
  return operation;
}

SyscallStats call(std::string name, std::uint64_t calls) {
  SyscallStats stats;
  stats.name = std::move(name);
  stats.calls = calls;
  return stats;
}

Snapshot echo_run() {
  Snapshot run;
  Uring& uring = run.total.uring.emplace();
  UringOperation receive = operation("RECV", 10, 1'000);
  receive.more = 990;
  receive.errors_by_errno = {{ECANCELED, 4}, {ENOBUFS, 5}, {ECONNRESET, 1}};
  UringOperation send = operation("SEND", 990, 3);
  send.silent = 980;
  send.broke_silence = 2;
  send.by_sqpoll = 500;
  Histogram latency(kKernelBuckets);
  latency.record(1'000, 100);
  send.latency = latency.buckets();
  uring.operations = {operation("ACCEPT", 1, 1), receive, send};
  run.total.syscalls = {call("io_uring_enter", 100)};
  for (const std::int64_t tgid : {20, 10, 20}) {
    ThreadCounts thread;
    thread.tgid = tgid;
    thread.counts.uring = Uring{{operation("RECV", 1, 2), operation("SEND", 3, 4)}, 0, 0};
    run.threads.push_back(thread);
  }
  return run;
}

TEST(UringUse, RanksOperationsAndDividesThemByMessageAndCall) {
  const auto use = uring_use(echo_run(), 500);
  ASSERT_TRUE(use);
  ASSERT_EQ(use->rows.size(), 3U);
  EXPECT_EQ(use->rows[0].counts.name, "RECV");
  EXPECT_EQ(use->rows[1].counts.name, "SEND");
  EXPECT_THAT(use->rows[0].per_message, Optional(DoubleEq(2)));
  EXPECT_EQ(use->submitted, 1'001U);
  EXPECT_EQ(use->completed, 1'004U);
  // What the kernel's thread submits is no call's work.
  EXPECT_THAT(use->submitted_per_enter, Optional(DoubleEq(5.01)));
  EXPECT_THAT(use->completed_per_enter, Optional(DoubleEq(10.04)));
}

TEST(UringUse, TellsErrorsFromCancellationsAndSilenceFromLoss) {
  const auto use = uring_use(echo_run(), {});
  EXPECT_EQ(use->rows[0].cancelled, 4U);
  EXPECT_EQ(use->rows[0].errors, 6U);
  EXPECT_EQ(use->rows[1].silent, 978U);
  EXPECT_FALSE(use->rows[0].per_message);
  EXPECT_FALSE(use->rows[0].p50_ns);
  ASSERT_TRUE(use->rows[1].p50_ns);
  EXPECT_NEAR(static_cast<double>(*use->rows[1].p50_ns), 1'000, 63);
}

TEST(UringUse, IsKnownByProcess) {
  const auto processes = uring_use(echo_run(), {})->processes;
  ASSERT_EQ(processes.size(), 2U);
  EXPECT_EQ(processes[0].tgid, 10);
  EXPECT_EQ(processes[1].tgid, 20);
  EXPECT_EQ(processes[1].submitted, 8U);
  EXPECT_EQ(processes[1].completed, 12U);
}

TEST(UringUse, IsMissedWhereItsCallsWereMadeAndItWasNotMeasured) {
  Snapshot run = echo_run();
  EXPECT_FALSE(misses_uring(run));
  run.total.uring.reset();
  EXPECT_FALSE(uring_use(run, {}).has_value());
  EXPECT_FALSE(misses_uring(run));  // looked for, and there was nothing
  run.unmeasured[Figures::kUring] = "why";
  EXPECT_TRUE(misses_uring(run));
  run.total.syscalls = {call("epoll_wait", 5)};
  EXPECT_FALSE(misses_uring(run));
}

TEST(UringUse, ItsThreadsAreIdleWithoutWork) {
  Wait wait;
  wait.call = kIoWorker;
  EXPECT_FALSE(waits_for_work(wait));
  wait.object = "io_uring";
  EXPECT_TRUE(waits_for_work(wait));
  wait.call = kSqpoll;
  EXPECT_TRUE(waits_for_work(wait));
  wait.call = "read";
  EXPECT_FALSE(waits_for_work(wait));
}

TEST(UringUse, ItsThreadsTimeIsTheKernels) {
  Snapshot run;
  ThreadCounts thread;
  thread.life_ns = 100;
  thread.counts.system_ns = 100;
  Budget& budget = thread.counts.budget.emplace();
  budget.delivery_ns = 10;
  budget.io_worker_ns = 60;
  budget.sqpoll_ns = 30;
  run.total = thread.counts;
  run.threads = {thread};
  const auto time = time_budget(run);
  ASSERT_TRUE(time);
  EXPECT_EQ(time->residual_ns, 0U);
  std::map<std::string, std::uint64_t> system;
  for (const TimeRow& row : time->rows)
    if (row.state == TimeState::kSystem) system[row.call] = row.ns;
  EXPECT_THAT(system, testing::ElementsAre(testing::Pair("io_uring sqpoll", 30U),
                                           testing::Pair("io_uring worker", 60U)));
}

}  // namespace
}  // namespace tr::metrics
