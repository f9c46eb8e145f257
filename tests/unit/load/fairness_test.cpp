#include "load/fairness.h"

#include <numeric>

#include <gtest/gtest.h>

namespace tr::load {
namespace {

TEST(Fairness, OfEvenSharesIsOne) {
  const Fairness even = fairness({7, 7, 7, 7});
  EXPECT_EQ(even.p5, 7);
  EXPECT_EQ(even.p50, 7);
  EXPECT_EQ(even.p95, 7);
  EXPECT_DOUBLE_EQ(even.jain, 1);
}

TEST(Fairness, OfOneThatTakesAllIsOneOverN) {
  const Fairness one = fairness({0, 0, 900, 0, 0});
  EXPECT_EQ(one.p50, 0);
  EXPECT_EQ(one.p95, 900);
  EXPECT_DOUBLE_EQ(one.jain, 0.2);
}

TEST(Fairness, HasKnownValues) {
  std::vector<std::uint64_t> messages(100);
  std::iota(messages.rbegin(), messages.rend(), 1);  // 100, 99, ... 1
  const Fairness ramp = fairness(messages);
  EXPECT_EQ(ramp.p5, 5);
  EXPECT_EQ(ramp.p50, 50);
  EXPECT_EQ(ramp.p95, 95);
  EXPECT_DOUBLE_EQ(ramp.jain, 5050.0 * 5050.0 / (100.0 * 338350.0));
}

TEST(Fairness, OfNothingIsNothing) {
  EXPECT_EQ(fairness({}).jain, 0);
  EXPECT_EQ(fairness({0, 0}).jain, 0);
}

}  // namespace
}  // namespace tr::load
