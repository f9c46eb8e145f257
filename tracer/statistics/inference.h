// What do this room's tests and intervals share? Private to it.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "statistics/sample.h"

namespace tr::statistics {

inline constexpr double kConfidence = 0.95;
inline constexpr double kPower = 0.80;

// Finite, and its square can be summed.
bool usable(double value);
std::vector<double> usable_values(std::span<const double> values);
// mean() and standard_deviation() of values known to be usable, or differences of such.
double mean_of(std::span<const double> values);
double deviation_of(std::span<const double> values, double mean);
// The largest |value|; 0 for none.
double magnitude(std::span<const double> values);

// Whether the values differ by no more than the rounding of numbers as large as `scale` explains,
// or by so little that squares vanish: a test that divides by such a spread would find anything
// significant (R's t.test refuses it too).
bool without_spread(std::span<const double> values, double scale);

// estimate() of usable values that were computed from numbers as large as `scale`.
Estimate estimate_of(std::span<const double> values, double scale);

// value +- the 95 % quantile of Student's t times its standard error; df > 0.
Interval t_interval(double value, double standard_error, double df);
// The chance of |t| or more, df > 0.
double two_sided_p(double t, double df);
// The t, in standard errors, that a true difference must have to be shown at 5 % in 80 of 100
// tests.
double noncentrality_shown(double df);

}  // namespace tr::statistics
