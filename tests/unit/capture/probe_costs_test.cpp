#include "capture/probe_costs.h"

#include <gtest/gtest.h>

namespace tr::capture {
namespace {

TEST(SolveCost, TakesTheOthersShareOffTheMixture) {
  const CostSample idle{.program = "p", .time_ns = 20'000, .runs = 1000, .traced_share = 0};
  // 600 traced runs at 100 ns and 400 others at 20 ns.
  const CostSample loaded{.program = "p", .time_ns = 68'000, .runs = 1000, .traced_share = 0.6};
  const CostPerRun cost = solve_cost(idle, loaded);
  EXPECT_DOUBLE_EQ(cost.untraced.value_or(-1), 20.0);
  EXPECT_DOUBLE_EQ(cost.traced.value_or(-1), 100.0);
}

TEST(SolveCost, SaysNothingFromTooFewRuns) {
  const CostSample idle{.program = "p", .time_ns = 100, .runs = 10, .traced_share = 0};
  const CostSample loaded{.program = "p", .time_ns = 100, .runs = 60, .traced_share = 0.5};
  const CostPerRun cost = solve_cost(idle, loaded);
  EXPECT_FALSE(cost.untraced.has_value());
  EXPECT_FALSE(cost.traced.has_value());
}

}  // namespace
}  // namespace tr::capture
