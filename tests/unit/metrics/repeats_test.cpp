#include "metrics/repeats.h"

#include <gmock/gmock.h>

namespace tr::metrics {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// 1 s in which so many messages took one `call` each.
Metrics run(std::uint64_t messages, const std::string& call, std::uint64_t calls) {
  Snapshot snapshot;
  snapshot.config.load = "echo";
  snapshot.window_close_ns = 1'000'000'000;
  snapshot.load.emplace().messages = messages;
  SyscallStats& stats = snapshot.total.syscalls.emplace_back();
  stats.name = call;
  stats.calls = calls;
  snapshot.unmeasured[Figures::kScheduling] = "not looked at";
  return compute(snapshot);
}

std::vector<RepeatedFigure> spreads(const std::vector<Metrics>& runs) {
  std::vector<const Metrics*> pointers;
  for (const Metrics& run : runs)
    pointers.push_back(&run);
  return repeated_figures(pointers);
}

RepeatedFigure spread(const std::vector<Metrics>& runs, const char* name) {
  const std::vector<RepeatedFigure> all = spreads(runs);
  const RepeatedFigure* const found = find(all, name);
  EXPECT_NE(found, nullptr) << name;
  return found == nullptr ? RepeatedFigure{} : *found;
}

TEST(Repeats, HaveMeanAndSpreadOfEachFigure) {
  const std::vector<Metrics> runs{run(1'000, "read", 1'000), run(1'100, "read", 2'200),
                                  run(900, "read", 2'700)};
  const RepeatedFigure throughput = spread(runs, "throughput.messages_per_second");
  EXPECT_DOUBLE_EQ(throughput.mean.value, 1'000);
  EXPECT_DOUBLE_EQ(throughput.figure.value, 1'000);
  EXPECT_EQ(throughput.mean.count, 3U);
  EXPECT_DOUBLE_EQ(throughput.deviation.value_or(0), 0.1);
  EXPECT_EQ(throughput.least, 900);
  EXPECT_EQ(throughput.greatest, 1'100);
  // t of 2 degrees of freedom: 4.303; 100 / sqrt(3).
  ASSERT_TRUE(throughput.mean.interval);
  EXPECT_NEAR(throughput.mean.interval->low, 1'000 - 248.4, 0.1);
  EXPECT_NEAR(throughput.mean.interval->high, 1'000 + 248.4, 0.1);
  EXPECT_DOUBLE_EQ(spread(runs, "syscalls.read.per_message").mean.value, 2);
}

TEST(Repeats, OfOneRunHaveNoInterval) {
  const RepeatedFigure one = spread({run(1'000, "read", 1'000)}, "per_message.syscalls");
  EXPECT_EQ(one.mean.value, 1);
  EXPECT_EQ(one.mean.interval, std::nullopt);
  EXPECT_EQ(one.deviation, std::nullopt);
  EXPECT_EQ(one.least, 1);
  EXPECT_EQ(one.greatest, 1);
}

TEST(Repeats, OfNoRunsHaveNothing) {
  EXPECT_THAT(spreads({}), IsEmpty());
}

TEST(Repeats, CountACallThatARunDidNotMakeAsNone) {
  const std::vector<Metrics> runs{run(1'000, "read", 1'000), run(1'000, "recvfrom", 500)};
  EXPECT_DOUBLE_EQ(spread(runs, "syscalls.read.per_message").mean.value, 0.5);
  EXPECT_DOUBLE_EQ(spread(runs, "syscalls.recvfrom.per_message").mean.value, 0.25);
  EXPECT_EQ(spread(runs, "syscalls.recvfrom.per_message").least, 0);
}

// Without messages there is no throughput; and what was not measured is not 0.
TEST(Repeats, LeaveOutRunsInWhichAFigureWasNotMeasured) {
  const std::vector<Metrics> runs{run(1'000, "read", 1'000), run(0, "read", 5)};
  const RepeatedFigure reads = spread(runs, "syscalls.read.per_message");
  EXPECT_EQ(reads.mean.count, 1U);
  EXPECT_EQ(reads.mean.value, 1);
}

TEST(Repeats, KeepTheOrderOfTheFigures) {
  Metrics with_latency = run(1'000, "read", 1'000);
  with_latency.latency = Latency{.count = 1, .p50_ns = 7};
  std::vector<std::string> names;
  for (const RepeatedFigure& each : spreads({run(1'000, "read", 1'000), with_latency}))
    names.push_back(each.figure.name);
  const std::vector<std::string> first(names.begin(), names.begin() + 2);
  EXPECT_THAT(first, ElementsAre("throughput.messages_per_second", "latency_ns.p50"));
  EXPECT_EQ(names.back(), "syscalls.read.per_message");
}

}  // namespace
}  // namespace tr::metrics
