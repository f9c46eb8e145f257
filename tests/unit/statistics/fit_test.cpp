#include "statistics/fit.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>

#include "noise.h"

namespace tr::statistics {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void expect_near(const Estimate& found, double value, double low, double high) {
  EXPECT_NEAR(found.value, value, 1e-10);
  ASSERT_TRUE(found.interval);
  EXPECT_NEAR(found.interval->low, low, 1e-8);
  EXPECT_NEAR(found.interval->high, high, 1e-8);
}

// R 4.2.2: lm(y ~ x), confint.
TEST(FitLine, IsThatOfR) {
  const auto line = fit_line(std::vector<double>{1, 2, 4, 8, 16, 32},
                             std::vector{12.1, 13.9, 18.4, 25.8, 42.9, 75.2});
  ASSERT_TRUE(line);
  expect_near(line->intercept, 9.95721393034827, 9.43972914619657, 10.47469871449996);
  expect_near(line->slope, 2.04058280028429, 2.00627389317639, 2.07489170739219);
  EXPECT_NEAR(line->r_squared, 0.999853336031027, 1e-12);
  EXPECT_EQ(line->slope.count, 6);
}

TEST(FitLine, ThroughPointsOnALineHasNoIntervals) {
  const auto line = fit_line(std::vector<double>{1, 2, 3, 4}, std::vector{1.3, 1.6, 1.9, 2.2});
  ASSERT_TRUE(line);
  EXPECT_NEAR(line->slope.value, 0.3, 1e-12);
  EXPECT_NEAR(line->intercept.value, 1, 1e-12);
  EXPECT_DOUBLE_EQ(line->r_squared, 1);
  EXPECT_FALSE(line->slope.interval);
  EXPECT_FALSE(line->intercept.interval);
}

TEST(FitLine, OfALevelIsLevel) {
  const auto line = fit_line(std::vector<double>{1, 2, 3}, std::vector(3, 5.0));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->slope.value, 0);
  EXPECT_EQ(line->intercept.value, 5);
  EXPECT_EQ(line->r_squared, 1);
}

TEST(FitLine, NeedsTwoPlaces) {
  EXPECT_FALSE(fit_line({}, {}));
  EXPECT_FALSE(fit_line(std::vector{1.0}, std::vector{1.0}));
  EXPECT_FALSE(fit_line(std::vector(5, 2.0), std::vector<double>{1, 2, 3, 4, 5}));
  EXPECT_FALSE(fit_line(std::vector{1.0, kNan}, std::vector<double>{1, 2}));
}

double law(double lambda, double sigma, double kappa, double n) {
  return lambda * n / (1 + sigma * (n - 1) + kappa * n * (n - 1));
}

const std::vector<double> kCpus{1, 2, 4, 8, 16, 32, 64};

std::vector<double> law_at(double lambda, double sigma, double kappa) {
  std::vector<double> throughput;
  for (const double n : kCpus) {
    throughput.push_back(law(lambda, sigma, kappa, n));
  }
  return throughput;
}

TEST(CommonSlope, OfOneGroupIsThatOfItsLine) {
  const std::vector<double> x{1, 2, 4, 8, 16, 32};
  const std::vector<double> y{12.1, 13.9, 18.4, 25.8, 42.9, 75.2};
  PointList points;
  for (std::size_t i = 0; i < x.size(); ++i)
    points.emplace_back(x[i], y[i]);
  const auto slope = common_slope(std::vector<PointList>{points});
  const auto line = fit_line(x, y);
  ASSERT_TRUE(slope && line);
  expect_near(*slope, line->slope.value, line->slope.interval->low, line->slope.interval->high);
  EXPECT_EQ(slope->count, 6);
}

TEST(CommonSlope, KnowsNothingOfTheGroupsLevels) {
  const PointList low{{0, 1.0}, {1, 1.6}, {2, 1.9}};
  PointList high = low;
  for (auto& [x, y] : high) {
    x += 5;
    y -= 1'000;
  }
  const auto of_low = common_slope(std::vector<PointList>{low, low});
  const auto of_both = common_slope(std::vector<PointList>{low, high});
  ASSERT_TRUE(of_low && of_both);
  EXPECT_NEAR(of_both->value, 0.45, 1e-9);
  EXPECT_NEAR(of_both->value, of_low->value, 1e-9);
  ASSERT_TRUE(of_both->interval && of_low->interval);
  EXPECT_NEAR(of_both->interval->low, of_low->interval->low, 1e-9);
}

TEST(CommonSlope, HoldsTheTruthInNineteenOfTwentyIntervals) {
  Noise noise(4);
  int held = 0;
  for (int draw = 0; draw < 1'000; ++draw) {
    std::vector<PointList> groups(5);
    for (PointList& group : groups) {
      const double level = 100 * noise.normal();
      for (const double x : {0.0, 1.0, 2.0, 4.0})
        group.emplace_back(x, level + 0.7 * x + noise.normal());
    }
    const auto slope = common_slope(groups);
    ASSERT_TRUE(slope && slope->interval);
    held += slope->interval->low <= 0.7 && 0.7 <= slope->interval->high;
  }
  EXPECT_GE(held, 930);
  EXPECT_LE(held, 970);
}

TEST(CommonSlope, NeedsAGroupWithTwoPlaces) {
  EXPECT_FALSE(common_slope({}));
  EXPECT_FALSE(common_slope(std::vector<PointList>{{{1, 2}}, {{5, 3}}}));
  EXPECT_FALSE(common_slope(std::vector<PointList>{{{1, 2}, {1, 3}}}));
  EXPECT_FALSE(common_slope(std::vector<PointList>{{{1, 2}, {kNan, 3}}}));
  const auto exact = common_slope(std::vector<PointList>{{{1, 2}, {2, 4}}, {{1, 7}, {2, 9}}});
  ASSERT_TRUE(exact);
  EXPECT_NEAR(exact->value, 2, 1e-12);
  EXPECT_FALSE(exact->interval);  // all on their lines
}

TEST(FitScalability, RecoversTheCoefficients) {
  const auto found = fit_scalability(kCpus, law_at(52'000, 0.03, 0.0004));
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->lambda, 52'000, 1e-4);
  EXPECT_NEAR(found->sigma, 0.03, 1e-9);
  EXPECT_NEAR(found->kappa, 0.0004, 1e-11);
  EXPECT_NEAR(found->r_squared, 1, 1e-12);
  ASSERT_TRUE(found->peak);
  EXPECT_NEAR(*found->peak, std::sqrt(0.97 / 0.0004), 1e-4);
}

TEST(FitScalability, HasNoPeakWithoutCrosstalk) {
  for (const double sigma : {0.0, 0.05, 1.0}) {
    const auto found = fit_scalability(kCpus, law_at(100, sigma, 0));
    ASSERT_TRUE(found);
    EXPECT_NEAR(found->lambda, 100, 1e-6);
    EXPECT_NEAR(found->sigma, sigma, 1e-8);
    EXPECT_EQ(found->kappa, 0);
    EXPECT_FALSE(found->peak) << sigma;
  }
}

// SPEC SDM91 on a Sun SPARCcenter 2000 (Gunther, Guerrilla Capacity Planning, 2007), as fitted by
// the R package usl, 3.0: its README; peak and r_squared follow from scipy 1.10.1, curve_fit(law,
// n, x, bounds = (0, inf)).
TEST(FitScalability, IsThatOfThePackageUsl) {
  const auto found =
      fit_scalability(std::vector<double>{1, 18, 36, 72, 108, 144, 216},
                      std::vector{64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2});
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->lambda, 89.9952330, 1e-6);
  EXPECT_NEAR(found->sigma, 0.0277285, 1e-7);
  EXPECT_NEAR(found->kappa, 0.0001044, 1e-7);
  EXPECT_NEAR(found->r_squared, 0.9895614780526, 1e-10);
  ASSERT_TRUE(found->peak);
  EXPECT_NEAR(*found->peak, 96.51943, 1e-2);
}

// scipy 1.10.1, as above: noise, repeats, and a peak between the first points.
TEST(FitScalability, OfRetrogradeThroughput) {
  const auto found = fit_scalability(std::vector<double>{1, 1, 2, 2, 4, 4, 8, 8},
                                     std::vector<double>{100, 97, 131, 128, 119, 121, 84, 80});
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->lambda, 98.5736138658764, 1e-4);
  EXPECT_NEAR(found->sigma, 0.287917795277437, 1e-6);
  EXPECT_NEAR(found->kappa, 0.118107825068862, 1e-6);
  ASSERT_TRUE(found->peak);
  EXPECT_NEAR(*found->peak, 2.45541964816867, 1e-5);
}

// scipy 1.10.1, as above: without the bounds the coefficients would be below 0.
TEST(FitScalability, IsNeverNegative) {
  const auto found =
      fit_scalability(std::vector<double>{1, 2, 3, 4, 6}, std::vector<double>{10, 21, 33, 46, 70});
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->lambda, 11.439393939, 1e-6);
  EXPECT_EQ(found->sigma, 0);
  EXPECT_EQ(found->kappa, 0);
  EXPECT_NEAR(found->r_squared, 0.995725957637, 1e-9);
  EXPECT_FALSE(found->peak);
}

// scipy 1.10.1, as above: more than one costs from the second on; the best is one.
TEST(FitScalability, PeaksAtOneWhereAnyMoreIsLess) {
  const auto found =
      fit_scalability(std::vector<double>{1, 2, 4, 8}, std::vector<double>{100, 60, 52, 51});
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->lambda, 99.61501672, 1e-4);
  EXPECT_NEAR(found->sigma, 2.20237179, 1e-6);
  EXPECT_EQ(found->kappa, 0);
  EXPECT_EQ(found->peak, 1);
}

TEST(FitScalability, FindsCoefficientsInNoise) {
  Noise noise(4);
  std::vector<double> measured = law_at(1'000, 0.05, 0.001);
  for (double& value : measured) {
    value *= 1 + 0.01 * noise.normal();
  }
  const auto found = fit_scalability(kCpus, measured);
  ASSERT_TRUE(found && found->peak);
  EXPECT_NEAR(found->sigma, 0.05, 0.02);
  EXPECT_NEAR(*found->peak, std::sqrt(0.95 / 0.001), 3);
}

TEST(FitScalability, IsAbsentWhereThereIsTooLittle) {
  EXPECT_FALSE(fit_scalability({}, {}));
  EXPECT_FALSE(fit_scalability(std::vector<double>{1, 2, 4, 4, 4}, std::vector<double>(5, 7)));
  EXPECT_FALSE(fit_scalability(kCpus, std::vector<double>(7, 0.0)));
  EXPECT_FALSE(fit_scalability(kCpus, std::vector<double>(7, kNan)));
  EXPECT_FALSE(fit_scalability(std::vector<double>{0, -1, 1, 2, 4}, std::vector<double>(5, 7)));
  // Steeper than any law from n = 2 on: what one would do is beyond all bounds.
  EXPECT_FALSE(fit_scalability(std::vector<double>{2, 3, 4, 5}, std::vector{1.0, 0.3, 0.1, 0.05}));
}

// 2^3, two results each. R 4.2.2: lm(y ~ A * B * C) with levels -1 and 1, twice coef and confint
// (but for the mean, once).
TEST(FactorialEffects, AreThoseOfR) {
  const std::vector<std::vector<double>> runs{{45.1, 46.0}, {71.2, 69.5}, {48.3, 47.1},
                                              {65.0, 64.2}, {68.4, 67.0}, {60.9, 61.8},
                                              {80.2, 81.7}, {65.1, 66.0}};
  const std::vector<Estimate> effects = factorial_effects(runs);
  ASSERT_THAT(effects, SizeIs(8));
  EXPECT_EQ(effects[0].count, 16);
  expect_near(effects[0], 62.96875, 62.4776655201677, 63.4598344798323);
  const double half = 0.982168959664575;  // of each effect's interval
  const std::vector<double> expected{0,       4.9875,   3.4625, -4.2375,
                                     11.8375, -15.8625, 5.2625, -0.2875};
  for (std::size_t mask = 1; mask < 8; ++mask) {
    SCOPED_TRACE(mask);
    expect_near(effects[mask], expected[mask], expected[mask] - half, expected[mask] + half);
  }
}

TEST(FactorialEffects, OfUnrepeatedOrExactRunsHaveNoIntervals) {
  for (const std::vector<std::vector<double>>& runs :
       {std::vector<std::vector<double>>{{1}, {3}, {6}, {10}},
        std::vector<std::vector<double>>{{1, 1}, {3, 3}, {6, 6}, {10, 10}}}) {
    const std::vector<Estimate> effects = factorial_effects(runs);
    ASSERT_THAT(effects, SizeIs(4));
    EXPECT_EQ(effects[0].value, 5);
    EXPECT_EQ(effects[1].value, 3);
    EXPECT_EQ(effects[2].value, 6);
    EXPECT_EQ(effects[3].value, 1);
    for (const Estimate& effect : effects) {
      EXPECT_FALSE(effect.interval);
    }
  }
}

TEST(FactorialEffects, OfWhatIsNoDesignAreNone) {
  EXPECT_THAT(factorial_effects({}), IsEmpty());
  EXPECT_THAT(factorial_effects(std::vector<std::vector<double>>{{1}, {2}, {3}}), IsEmpty());
  EXPECT_THAT(factorial_effects(std::vector<std::vector<double>>{{1}, {}}), IsEmpty());
  EXPECT_THAT(factorial_effects(std::vector<std::vector<double>>{{1}, {kNan}}), IsEmpty());
}

}  // namespace
}  // namespace tr::statistics
