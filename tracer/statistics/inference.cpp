#include "statistics/inference.h"

#include <algorithm>
#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <cstdint>
#include <limits>

namespace tr::statistics {
namespace {

// Squares of what lies between can be summed and divided.
constexpr double kLargest = 1e140;
constexpr double kSmallest = 1e-140;
// Of more degrees of freedom Student's t is normal to 7 digits; Boost's series are not made for
// them.
constexpr double kMostDf = 1e7;

// Of Student's t, what 95 % lie within.
double critical_t(double df) {
  return boost::math::quantile(
      boost::math::complement(boost::math::students_t(df), (1 - kConfidence) / 2));
}

}  // namespace

bool usable(double value) {
  return std::abs(value) <= kLargest;
}

std::vector<double> usable_values(std::span<const double> values) {
  std::vector<double> used;
  used.reserve(values.size());
  std::ranges::copy_if(values, std::back_inserter(used), usable);
  return used;
}

double mean_of(std::span<const double> values) {
  if (values.empty()) {
    return 0;
  }
  const auto [low, high] = std::ranges::minmax(values);
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  const double first = sum / n;
  // A second pass takes back what rounding did to the sum of many or large values.
  double rest = 0;
  for (const double value : values) {
    rest += value - first;
  }
  return std::clamp(first + rest / n, low, high);
}

double deviation_of(std::span<const double> values, double mean) {
  if (values.size() < 2) {
    return 0;
  }
  double squares = 0;
  for (const double value : values) {
    squares += (value - mean) * (value - mean);
  }
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double magnitude(std::span<const double> values) {
  double most = 0;
  for (const double value : values) {
    most = std::max(most, std::abs(value));
  }
  return most;
}

bool without_spread(std::span<const double> values, double scale) {
  if (values.empty()) {
    return true;
  }
  const auto [low, high] = std::ranges::minmax(values);
  return high - low <= 8 * std::numeric_limits<double>::epsilon() * scale + kSmallest;
}

Interval t_interval(double value, double standard_error, double df) {
  const double half = critical_t(df) * standard_error;
  return {value - half, value + half};
}

double two_sided_p(double t, double df) {
  return 2 * boost::math::cdf(boost::math::complement(boost::math::students_t(df), std::abs(t)));
}

double noncentrality_shown(double degrees_of_freedom) {
  const double df = std::min(degrees_of_freedom, kMostDf);
  const double critical = critical_t(df);
  // The other tail is left out, as in R's power.t.test: below 1e-6 at this power.
  const auto missing = [&](double noncentrality) {
    return boost::math::cdf(
               boost::math::complement(boost::math::non_central_t(df, noncentrality), critical)) -
           kPower;
  };
  std::uintmax_t steps = 60;
  // At half the critical value the power is far below a half; at twice it, and the quantile of the
  // power beyond, above.
  const double beyond = boost::math::quantile(boost::math::students_t(df), kPower);
  const auto [low, high] =
      boost::math::tools::toms748_solve(missing, critical / 2, 2 * critical + beyond,
                                        boost::math::tools::eps_tolerance<double>(30), steps);
  return (low + high) / 2;
}

}  // namespace tr::statistics
