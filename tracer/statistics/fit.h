// Which simple law do measured points follow?
#pragma once

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "statistics/sample.h"

namespace tr::statistics {

// y = intercept + slope x, by least squares with 95 % intervals (t). No intervals with two points,
// or where all lie on the line.
struct Line {
  Estimate intercept;
  Estimate slope;
  double r_squared =
      0;  // the share of y's variance that the line explains; 1 where y does not vary
};
// Absent with fewer than two distinct x.
std::optional<Line> fit_line(std::span<const double> x, std::span<const double> y);

// The slope that several lines have in common, each with an intercept of its own (analysis of
// covariance): least squares about each group's means, with a 95 % interval (t, n - groups - 1
// degrees of freedom). Groups of one point tell nothing. Absent where no group has two distinct x.
using PointList = std::vector<std::pair<double, double>>;  // (x, y)
std::optional<Estimate> common_slope(std::span<const PointList> groups);

// The universal scalability law (Gunther, 1993): X(n) = lambda n / (1 + sigma (n - 1) + kappa n (n
// - 1)).
struct Scalability {
  double lambda = 0;  // throughput of one
  double sigma = 0;   // contention
  double kappa = 0;   // crosstalk
  double r_squared = 0;
  // The n of highest throughput, at least 1; absent where the law knows none: kappa is 0, and sigma
  // at most 1.
  std::optional<double> peak{};
};
// Least squares of the throughput, coefficients never negative. Absent with fewer than 4 distinct
// n, and where throughput falls so steeply from the first point on that no finite lambda fits best.
// Points with an n below 1 or a negative throughput are left out.
std::optional<Scalability> fit_scalability(std::span<const double> n,
                                           std::span<const double> throughput);

// A 2^k factorial design: runs[i] are the results at the factor setting whose bits are i. Effects
// and interactions by bit mask (mask 1: factor 0; 3: 0 with 1; mask 0: the grand mean), each the
// change of the mean from low to high. Their intervals are t's, of the deviation within settings,
// taken to be the same for all; absent where no setting was repeated, or repeats never differ.
// Empty if the number of settings is no power of two, or one of them has no results.
std::vector<Estimate> factorial_effects(std::span<const std::vector<double>> runs);

}  // namespace tr::statistics
