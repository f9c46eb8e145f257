#include "metrics/waits.h"

#include <gmock/gmock.h>

namespace tr::metrics {
namespace {

using testing::IsEmpty;
using testing::Optional;
using testing::SizeIs;

Durations durations(std::vector<std::uint64_t> values) {
  Histogram histogram(kKernelBuckets);
  for (const std::uint64_t value : values)
    histogram.record(value);
  return {histogram.count(), histogram.sum(), histogram.max(), histogram.buckets()};
}

WaitCause cause(std::string call, std::uint64_t which, std::int64_t tgid, std::string waker,
                std::string waker_name, std::vector<std::uint64_t> values) {
  WaitCause cause;
  cause.call = std::move(call);
  cause.place = "descriptor";
  cause.which = which;
  cause.tgid = tgid;
  cause.waker = std::move(waker);
  cause.waker_name = std::move(waker_name);
  cause.waits = durations(values);
  cause.run_queue = durations({5});
  return cause;
}

Snapshot some_run() {
  Snapshot run;
  run.waits.emplace();
  run.waits->causes = {cause("epoll_wait", 5, 10, "load", "", {100, 200}),
                       cause("epoll_wait", 5, 11, "load", "", {400}),
                       cause("epoll_wait", 5, 11, "server", "worker", {900}),
                       cause("epoll_wait", 6, 11, "load", "", {7}),
                       cause("futex", 5, 11, "server", "worker", {2'000})};
  run.waits->handoffs = {
      {1, 2, "worker", "main", 10}, {3, 2, "worker", "main", 5}, {2, 1, "main", "worker", 11}};
  return run;
}

TEST(WaitFigures, SumWhatIsTheSameInSeveralProcesses) {
  const auto figures = wait_figures(some_run());
  ASSERT_TRUE(figures.has_value());
  ASSERT_THAT(figures->groups, SizeIs(3));
  EXPECT_EQ(figures->groups[0].at.call, "futex");
  EXPECT_FALSE(figures->groups[0].idle);
  const WaitGroup& events = figures->groups[1];
  EXPECT_TRUE(events.idle);
  EXPECT_EQ(events.processes, 2U);
  EXPECT_EQ(events.waits, durations({100, 200, 400, 900}));
  EXPECT_EQ(events.run_queue, durations({5, 5, 5}));
  ASSERT_THAT(events.wakers, SizeIs(2));
  EXPECT_EQ(events.wakers[0].waker_name, "worker");
  EXPECT_EQ(events.wakers[1].waits, durations({100, 200, 400}));
  EXPECT_EQ(figures->groups[2].at.which, 6U);
}

TEST(WaitFigures, SumHandoffsByName) {
  const auto figures = wait_figures(some_run());
  ASSERT_THAT(figures->handoffs, SizeIs(2));
  EXPECT_EQ(figures->handoffs[0].waker, "worker");
  EXPECT_EQ(figures->handoffs[0].count, 15U);
  EXPECT_EQ(figures->handoffs[0].pairs, 2U);
  EXPECT_EQ(figures->handoffs[1].count, 11U);
}

TEST(WaitFigures, AreAbsentWhereNothingWasAskedFor) {
  EXPECT_FALSE(wait_figures(Snapshot{}).has_value());
  Snapshot run;
  run.waits.emplace();
  EXPECT_THAT(wait_figures(run)->groups, IsEmpty());
}

TEST(WaitFigures, QuantilesAreWithinABucket) {
  std::vector<std::uint64_t> values(89, 1'000);
  values.resize(98, 10'000);
  values.resize(100, 100'000);
  const Spread spread = spread_of(durations(values));
  EXPECT_EQ(spread.count, 100U);
  EXPECT_EQ(spread.max_ns, 100'000U);
  EXPECT_NEAR(static_cast<double>(*spread.p50_ns), 1'000, 63);
  EXPECT_NEAR(static_cast<double>(*spread.p90_ns), 10'000, 630);
  EXPECT_NEAR(static_cast<double>(*spread.p99_ns), 100'000, 6'300);
}

// A bucket of the probes counts to 2^32: beyond, nothing can be said but the sum.
TEST(WaitFigures, QuantilesAreAbsentWhereBucketsAreIncomplete) {
  Durations some = durations({1, 2, 3});
  some.count += std::uint64_t{1} << 32;
  EXPECT_FALSE(spread_of(some).p50_ns.has_value());
  EXPECT_EQ(spread_of(some).count, some.count);
  EXPECT_FALSE(spread_of(Durations{}).p99_ns.has_value());
}

}  // namespace
}  // namespace tr::metrics
