#include "statistics/sample.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "statistics/inference.h"

namespace tr::statistics {
namespace {

constexpr std::size_t kLeastToResample = 10;
constexpr std::size_t kMostToResample =
    1'000;  // where skewness no longer matters much, but time does
constexpr std::size_t kDraws = 10'000;

double quantile_of(std::vector<double>& values, double q) {
  const double position = static_cast<double>(values.size() - 1) * q;
  const auto below = static_cast<std::size_t>(position);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), at, values.end());
  const double share = position - static_cast<double>(below);
  if (share == 0) {
    return *at;
  }
  return *at + share * (*std::min_element(at + 1, values.end()) - *at);
}

// SplitMix64 (Steele, Lea and Flood, 2014): the distributions of the standard library differ
// between libraries, and its engines are several times slower.
class Random {
 public:
  std::uint64_t operator()() {
    state_ += 0x9e37'79b9'7f4a'7c15;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58'476d'1ce4'e5b9;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d0'49bb'1331'11eb;
    return mixed ^ (mixed >> 31U);
  }

 private:
  std::uint64_t state_ = 0x7472'6163'652d'7275;  // any fixed number
};

// The sums of which a drawn sample's t is made.
struct Sums {
  double values = 0;
  double squares = 0;

  void add(double value) {
    values += value;
    squares += value * value;
  }
};

// The t of kDraws samples drawn with replacement from deviations from their mean, so that the true
// value is 0. A sample without spread has an infinite t.
std::vector<double> resampled_t(std::span<const double> deviations) {
  const std::uint64_t n = deviations.size();
  const auto size = static_cast<double>(n);
  Random random;
  Sums whole;
  for (const double deviation : deviations) {
    whole.add(deviation);
  }
  // Below this the drawn values are equal, but for what rounding leaves of squares less squares.
  const double no_variance = whole.squares * 1e-12;
  // From 32 random bits; for n of at most 1,000 no value is favoured by more than 1 in 4 million.
  const auto drawn = [&](std::uint64_t bits) { return deviations[(bits * n) >> 32U]; };
  std::vector<double> all_t(kDraws);
  for (double& t : all_t) {
    // Two values from one number, into two sums: neither addition waits for the other.
    Sums even;
    Sums odd;
    for (std::uint64_t i = 0; i + 1 < n; i += 2) {
      const std::uint64_t bits = random();
      even.add(drawn(bits >> 32U));
      odd.add(drawn(bits & 0xffff'ffffU));
    }
    if (n % 2 != 0) {
      even.add(drawn(random() >> 32U));
    }
    const double sum = even.values + odd.values;
    const double variance = (even.squares + odd.squares - sum * sum / size) / (size - 1);
    t = variance > no_variance ? sum / size / std::sqrt(variance / size)
                               : std::copysign(std::numeric_limits<double>::infinity(), sum);
  }
  return all_t;
}

}  // namespace

double mean(std::span<const double> values) {
  return mean_of(usable_values(values));
}

double standard_deviation(std::span<const double> values) {
  const std::vector<double> used = usable_values(values);
  return deviation_of(used, mean_of(used));
}

double quantile(std::vector<double> values, double q) {
  std::erase_if(values, [](double value) { return !usable(value); });
  if (values.empty()) {
    return 0;
  }
  return quantile_of(values, q >= 0 ? std::min(q, 1.0) : 0);
}

Estimate estimate(std::span<const double> values) {
  const std::vector<double> used = usable_values(values);
  return estimate_of(used, magnitude(used));
}

Estimate estimate_of(std::span<const double> values, double scale) {
  Estimate found{.value = mean_of(values), .count = values.size()};
  if (values.size() < 2 || without_spread(values, scale)) {
    return found;
  }
  const auto n = static_cast<double>(values.size());
  const double standard_error = deviation_of(values, found.value) / std::sqrt(n);
  found.interval = t_interval(found.value, standard_error, n - 1);
  if (values.size() < kLeastToResample || values.size() > kMostToResample) {
    return found;
  }
  std::vector<double> deviations(values.begin(), values.end());
  for (double& deviation : deviations) {
    deviation -= found.value;
  }
  std::vector<double> t = resampled_t(deviations);
  const double low = quantile_of(t, (1 - kConfidence) / 2);
  const double high = quantile_of(t, (1 + kConfidence) / 2);
  // A few values that stand out from others all alike: too many draws show no spread, and what is
  // left is Student's t.
  if (std::isfinite(low) && std::isfinite(high)) {
    // Efron and Tibshirani, An Introduction to the Bootstrap, 12.5: the upper quantile makes the
    // lower end.
    found.interval = {found.value - high * standard_error, found.value - low * standard_error};
  }
  return found;
}

}  // namespace tr::statistics
