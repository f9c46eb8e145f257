#include "statistics/difference.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>

#include "noise.h"

namespace tr::statistics {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pointwise;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

void expect_interval(const Estimate& found, double low, double high, double tolerance) {
  ASSERT_TRUE(found.interval);
  EXPECT_NEAR(found.interval->low, low, tolerance);
  EXPECT_NEAR(found.interval->high, high, tolerance);
}

// Expected values: R 4.2.2, t.test of b and a and of their logarithms; for least_seen
// power.t.test(power = .8)$delta, or its equation solved with pt(ncp) for Welch's df.
const std::vector<double> kA{41.2, 39.8, 42.5, 40.1, 43.7, 38.9};
const std::vector<double> kB{43.0, 40.9, 44.8, 40.7, 46.1, 39.2};
const std::vector<double> kApart{52.1, 44.6, 61.3, 47.9};

TEST(Paired, IsThePairedTOfR) {
  const Difference found = paired(kA, kB);
  EXPECT_NEAR(found.change.value, 1.41666666666667, 1e-12);
  EXPECT_EQ(found.change.count, 6);
  expect_interval(found.change, 0.488840523549377, 2.344492809783956, 1e-10);
  ASSERT_TRUE(found.p && found.least_seen && found.ratio);
  EXPECT_NEAR(*found.p, 0.0111267119320074, 1e-10);
  EXPECT_NEAR(*found.least_seen, 1.268321, 2e-5);  // R stops there
  EXPECT_NEAR(found.ratio->value, 1.03367598126759, 1e-12);
  EXPECT_EQ(found.ratio->count, 6);
  expect_interval(*found.ratio, 1.01271459666749, 1.05507122911584, 1e-10);
  EXPECT_FALSE(found.exact);
}

TEST(Paired, ManyPairsAreBootstrappedAndPIsOfT) {
  const std::vector<double> a{120, 118, 125, 121, 119, 130, 122, 117, 124, 126, 121, 123};
  const std::vector<double> b{117, 119, 121, 118, 116, 124, 123, 113, 119, 122, 118, 120};
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i) {
    differences.push_back(b[i] - a[i]);
  }
  const Difference found = paired(a, b);
  EXPECT_EQ(found.change, estimate(differences));
  ASSERT_TRUE(found.p && found.least_seen && found.ratio);
  EXPECT_NEAR(*found.p, 0.0004187764073437, 1e-10);
  EXPECT_NEAR(*found.least_seen, 1.856340056003, 1e-6);
  EXPECT_NEAR(found.ratio->value, 0.9755428346672, 1e-10);
}

TEST(Unpaired, IsWelchsTOfR) {
  const Difference found = unpaired(kA, kApart);
  EXPECT_NEAR(found.change.value, 10.44166666666667, 1e-12);
  EXPECT_EQ(found.change.count, 10);
  expect_interval(found.change, -0.8090333439561275, 21.692366677289467, 1e-9);
  ASSERT_TRUE(found.p && found.least_seen && found.ratio);
  EXPECT_NEAR(*found.p, 0.0603335688793291, 1e-10);
  EXPECT_NEAR(*found.least_seen, 15.1007399731391, 1e-6);
  EXPECT_NEAR(found.ratio->value, 1.24652608478393, 1e-12);
  expect_interval(*found.ratio, 1.00997030503866, 1.53848808454549, 1e-9);
}

TEST(Unpaired, OneSideMayBeWithoutSpread) {
  const Difference found = unpaired(std::vector{3.0, 4.0, 3.5, 4.5}, std::vector{5.0, 5.0, 5.0});
  expect_interval(found.change, 0.22286987161974, 2.27713012838026, 1e-10);
  ASSERT_TRUE(found.p);
  EXPECT_NEAR(*found.p, 0.030466291662171, 1e-10);
  EXPECT_FALSE(found.exact);
}

TEST(Difference, OfExactCountsIsExact) {
  const std::vector<double> three(5, 3);
  const std::vector<double> four(5, 4);
  for (const Difference& found : {paired(three, four), unpaired(three, four)}) {
    EXPECT_TRUE(found.exact);
    EXPECT_EQ(found.change.value, 1);
    EXPECT_FALSE(found.change.interval);
    EXPECT_FALSE(found.p);
    EXPECT_FALSE(found.least_seen);
    ASSERT_TRUE(found.ratio);
    EXPECT_DOUBLE_EQ(found.ratio->value, 4.0 / 3);
    EXPECT_FALSE(found.ratio->interval);
  }
  EXPECT_TRUE(paired(three, three).exact);
  EXPECT_EQ(paired(three, three).change.value, 0);
}

TEST(Difference, OfZerosIsExactAndHasNoRatio) {
  const std::vector<double> zeros(4, 0.0);
  for (const Difference& found : {paired(zeros, zeros), unpaired(zeros, zeros)}) {
    EXPECT_TRUE(found.exact);
    EXPECT_EQ(found.change.value, 0);
    EXPECT_FALSE(found.ratio);
    EXPECT_FALSE(found.p);
  }
}

TEST(Difference, OfOneValueASideHasOnlyTheChange) {
  for (const Difference& found :
       {paired(std::vector{3.0}, std::vector{6.0}), unpaired(std::vector{3.0}, std::vector{6.0})}) {
    EXPECT_EQ(found.change.value, 3);
    EXPECT_FALSE(found.change.interval);
    EXPECT_FALSE(found.p);
    EXPECT_FALSE(found.least_seen);
    EXPECT_FALSE(found.exact);
    ASSERT_TRUE(found.ratio);
    EXPECT_DOUBLE_EQ(found.ratio->value, 2);
  }
  EXPECT_FALSE(unpaired(std::vector{3.0}, kB).p);
}

TEST(Difference, OfNothingIsNone) {
  EXPECT_EQ(paired({}, {}), Difference{});
  EXPECT_EQ(unpaired({}, kB), Difference{});
  EXPECT_EQ(unpaired(kA, {}), Difference{});
}

TEST(Paired, LeavesOutPairsThatWereNotMeasured) {
  std::vector<double> a = kA;
  std::vector<double> b = kB;
  a.insert(a.end(), {kNan, 1, 7, 8});
  b.insert(b.end(), {1, kInfinity});
  EXPECT_EQ(paired(a, b), paired(kA, kB));
  EXPECT_EQ(unpaired(std::vector{kNan, 1.0, 2.0}, kB), unpaired(std::vector{1.0, 2.0}, kB));
}

// t is infinite, but ten coins that fall alike are a chance of 2 in 1,024.
TEST(Paired, EqualChangesOnVaryingSidesAreJudgedBySigns) {
  std::vector<double> a;
  std::vector<double> b;
  for (int i = 0; i < 10; ++i) {
    a.push_back(0.1 * i);
    b.push_back(0.1 * i + 0.7);
  }
  const Difference found = paired(a, b);
  EXPECT_NEAR(found.change.value, 0.7, 1e-12);
  EXPECT_FALSE(found.change.interval);
  EXPECT_FALSE(found.least_seen);
  EXPECT_FALSE(found.exact);
  ASSERT_TRUE(found.p);
  EXPECT_EQ(*found.p, std::exp2(-9));
  EXPECT_EQ(paired(a, a).p, 1);
}

TEST(Difference, IsFiniteForAnyValues) {
  const std::vector<std::vector<double>> sides{
      {0, 0}, {1e140, -1e140}, {5e-324, 1e140}, {1e-200, 2e-200}, {0x1p64, 0x1p64 - 2048}, {1, 2}};
  const auto finite = [](const Estimate& estimate) {
    return std::isfinite(estimate.value) &&
           (!estimate.interval ||
            (std::isfinite(estimate.interval->low) && std::isfinite(estimate.interval->high)));
  };
  for (const auto& a : sides) {
    for (const auto& b : sides) {
      for (const Difference& found : {paired(a, b), unpaired(a, b)}) {
        EXPECT_TRUE(finite(found.change));
        EXPECT_TRUE(!found.ratio || finite(*found.ratio));
        EXPECT_TRUE(!found.p || (*found.p >= 0 && *found.p <= 1));
        EXPECT_TRUE(!found.least_seen || std::isfinite(*found.least_seen));
      }
    }
  }
}

// Where nothing differs each p is as likely as any other: the largest distance between the shares
// below p and p itself (Kolmogorov and Smirnov) stays below 1.63 / sqrt(n) in 99 of 100 cases.
double distance_from_uniform(std::vector<double> p) {
  std::ranges::sort(p);
  double most = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const auto n = static_cast<double>(p.size());
    most =
        std::max({most, p[i] - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p[i]});
  }
  return most;
}

TEST(Difference, OfTheSameWithItselfHasUniformP) {
  Noise noise(5);
  constexpr int kComparisons = 500;
  std::vector<double> of_paired;
  std::vector<double> of_unpaired;
  for (int i = 0; i < kComparisons; ++i) {
    const std::vector<double> a = noise.normals(6, 100, 3);
    const std::vector<double> b = noise.normals(6, 100, 3);
    of_paired.push_back(paired(a, b).p.value());
    of_unpaired.push_back(unpaired(a, b).p.value());
  }
  EXPECT_LT(distance_from_uniform(of_paired), 1.63 / std::sqrt(kComparisons));
  EXPECT_LT(distance_from_uniform(of_unpaired), 1.63 / std::sqrt(kComparisons));
}

// A difference of the size that least_seen names, of a known deviation, is shown 80 times of 100;
// the standard deviation of that share over 1,000 comparisons is 1.3.
TEST(Difference, LeastSeenIsSeenFourTimesOfFive) {
  Noise noise(6);
  const double effect = 1.268321 / 0.884119;  // of kA and kB, per deviation of their differences
  int seen = 0;
  for (int i = 0; i < 1'000; ++i) {
    seen +=
        paired(std::vector<double>(6, 0.0), noise.normals(6, effect, 1)).p.value() < 0.05 ? 1 : 0;
  }
  EXPECT_NEAR(seen / 10.0, 80, 5);
}

// R 4.2.2: p.adjust(p, "BH").
TEST(BenjaminiHochberg, IsThatOfR) {
  const std::vector<double> p{0.0008, 0.009, 0.165, 0.205, 0.396, 0.450, 0.0119,
                              0.041,  0.042, 0.06,  0.074, 1.0,   0.009};
  EXPECT_THAT(benjamini_hochberg(p),
              Pointwise(DoubleNear(1e-12),
                        {0.0104, 0.038675, 0.238333333333333, 0.2665, 0.468, 0.4875, 0.038675,
                         0.091, 0.091, 0.111428571428571, 0.12025, 1.0, 0.038675}));
}

TEST(BenjaminiHochberg, OfNothingOfOneAndOfWhatIsNoProbability) {
  EXPECT_THAT(benjamini_hochberg({}), IsEmpty());
  EXPECT_THAT(benjamini_hochberg(std::vector{0.03}), ElementsAre(0.03));
  EXPECT_THAT(benjamini_hochberg(std::vector{kNan, 0.01, -1.0, 7.0}),
              ElementsAre(1, DoubleNear(0.04, 1e-15), 1, 1));
  EXPECT_THAT(benjamini_hochberg(std::vector{0.0, 0.0}), ElementsAre(0, 0));
}

// R 4.2.2: ceiling(power.t.test(power = .8, delta = effect, sd = 1, type = "paired")$n).
TEST(RepeatsNeeded, AreThoseOfR) {
  EXPECT_EQ(repeats_needed(0.05, 1, 1'000'000), 3'142);
  EXPECT_EQ(repeats_needed(0.1, 1, 1'000'000), 787);
  EXPECT_EQ(repeats_needed(0.5, 1, 1'000'000), 34);
  EXPECT_EQ(repeats_needed(-1, 1, 1'000'000), 10);
  EXPECT_EQ(repeats_needed(2, 1, 1'000'000), 5);
  EXPECT_EQ(repeats_needed(5, 1, 1'000'000), 3);
}

TEST(RepeatsNeeded, AreAtMostWhatIsAllowed) {
  EXPECT_EQ(repeats_needed(0.1, 1, 100), 100);
  EXPECT_EQ(repeats_needed(0, 1, 100), 100);
  EXPECT_EQ(repeats_needed(kNan, 1, 100), 100);
  EXPECT_EQ(repeats_needed(1, kInfinity, 100), 100);
  EXPECT_EQ(repeats_needed(1, 0, 100), 2);
  EXPECT_EQ(repeats_needed(1, 1, 1), 1);
  EXPECT_EQ(repeats_needed(1e-100, 1e100, std::numeric_limits<std::uint64_t>::max()),
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(repeats_needed(1, 1, std::numeric_limits<std::uint64_t>::max()), 10);
}

}  // namespace
}  // namespace tr::statistics
