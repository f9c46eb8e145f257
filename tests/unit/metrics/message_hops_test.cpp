#include "metrics/message_hops.h"

#include <gmock/gmock.h>

#include "snapshot/histogram.h"

namespace tr::metrics {
namespace {

using testing::DoubleEq;
using testing::Optional;

HopTime time_of(const std::string& name, std::uint64_t ns, std::uint64_t count) {
  Histogram values(kKernelBuckets);
  values.record(ns, count);
  return {name, ns * count, values.buckets()};
}

Snapshot some_run() {
  Snapshot run;
  MessageHops& hops = run.message_hops.emplace();
  hops.hops = {{210, 200, {time_of("whole", 1'000, 200)}},
               {100, 90, {time_of("whole", 3'000, 90)}}};
  hops.uncertain = {12, 10, {time_of("whole", 2'000, 9)}};
  hops.spread = time_of("spread", 9'000, 95);
  hops.notes = {{"late", 5}};
  return run;
}

TEST(HopsFigures, AreAbsentWhereNoServersAreConnected) {
  EXPECT_FALSE(hops_figures(Snapshot{}, 100).has_value());
}

TEST(HopsFigures, ArePerClientMessage) {
  const auto figures = hops_figures(some_run(), 100);
  ASSERT_TRUE(figures.has_value());
  ASSERT_EQ(figures->hops.size(), 2U);
  EXPECT_THAT(figures->hops[0].per_message, Optional(DoubleEq(2)));
  EXPECT_THAT(figures->hops[1].per_message, Optional(DoubleEq(0.9)));
  EXPECT_THAT(figures->uncertain.per_message, Optional(DoubleEq(0.1)));
  EXPECT_THAT(figures->per_message, Optional(DoubleEq(3)));
  EXPECT_EQ(figures->hops[0].sent, 210U);
  EXPECT_EQ(figures->notes.at("late"), 5U);
}

TEST(HopsFigures, WithoutMessagesThereAreNoRates) {
  for (const std::optional<std::uint64_t> none : {std::optional<std::uint64_t>(), {0}}) {
    const auto figures = hops_figures(some_run(), none);
    ASSERT_TRUE(figures.has_value());
    EXPECT_EQ(figures->per_message, std::nullopt);
    EXPECT_EQ(figures->hops[0].per_message, std::nullopt);
    EXPECT_EQ(figures->hops[0].received, 200U);
  }
}

// A mean is over what has the time, not over all that was received.
TEST(HopsFigures, TimesAreOfWhatHasThem) {
  const auto figures = hops_figures(some_run(), 100);
  ASSERT_TRUE(figures.has_value());
  const PathTime& time = figures->uncertain.times.at("whole");
  EXPECT_EQ(time.messages, 9U);
  EXPECT_DOUBLE_EQ(time.mean_ns, 2'000);
  EXPECT_NEAR(static_cast<double>(time.p50_ns), 2'000, 125);
  EXPECT_EQ(figures->spread.messages, 95U);
  EXPECT_DOUBLE_EQ(figures->spread.mean_ns, 9'000);
}

}  // namespace
}  // namespace tr::metrics
