#include "statistics/difference.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "statistics/inference.h"

namespace tr::statistics {
namespace {

std::vector<double> logarithms(std::span<const double> values) {
  std::vector<double> logs;
  logs.reserve(values.size());
  for (const double value : values) {
    logs.push_back(std::log(value));
  }
  return logs;
}

bool all_positive(std::span<const double> values) {
  return std::ranges::all_of(values, [](double value) { return value > 0; });
}

bool repeats_one_value(std::span<const double> values) {
  return values.size() >= 2 && without_spread(values, magnitude(values));
}

// An estimate of logarithms as one of ratios.
Estimate exponential(Estimate of_logs) {
  // Ends beyond what a double holds are its last ones.
  const auto back = [](double log) {
    return std::min(std::exp(log), std::numeric_limits<double>::max());
  };
  of_logs.value = back(of_logs.value);
  if (of_logs.interval) {
    of_logs.interval = {back(of_logs.interval->low), back(of_logs.interval->high)};
  }
  return of_logs;
}

// B less A of pairs, with the size of what was subtracted: rounding errors are to be judged by it.
struct Pairs {
  std::vector<double> differences{};
  double scale = 0;
};

Pairs pairs_of(std::span<const double> a, std::span<const double> b, double least_scale) {
  Pairs pairs{.scale = std::max({magnitude(a), magnitude(b), least_scale})};
  pairs.differences.reserve(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    pairs.differences.push_back(b[i] - a[i]);
  }
  return pairs;
}

double sign_test(const Pairs& pairs) {
  if (without_spread(std::vector{0.0, pairs.differences.front()}, pairs.scale)) {
    return 1;
  }
  return std::exp2(1 - static_cast<double>(pairs.differences.size()));
}

// B less A of two sets made apart. Satterthwaite's degrees of freedom; no standard error where none
// can be had.
struct Apart {
  Estimate change;
  double standard_error = 0;
  double df = 0;
};

Apart welch(std::span<const double> a, std::span<const double> b, double least_scale) {
  const double mean_a = mean_of(a);
  const double mean_b = mean_of(b);
  Apart apart{.change = {.value = mean_b - mean_a, .count = a.size() + b.size()}};
  const double scale = std::max({magnitude(a), magnitude(b), least_scale});
  if (a.size() < 2 || b.size() < 2 || (without_spread(a, scale) && without_spread(b, scale))) {
    return apart;
  }
  const auto n_a = static_cast<double>(a.size());
  const auto n_b = static_cast<double>(b.size());
  const double error_a = deviation_of(a, mean_a) / std::sqrt(n_a);
  const double error_b = deviation_of(b, mean_b) / std::sqrt(n_b);
  apart.standard_error = std::hypot(error_a, error_b);
  // By shares of the whole, so that no fourth power overflows.
  const double share_a = std::pow(error_a / apart.standard_error, 2);
  const double share_b = std::pow(error_b / apart.standard_error, 2);
  apart.df = 1 / (share_a * share_a / (n_a - 1) + share_b * share_b / (n_b - 1));
  apart.change.interval = t_interval(apart.change.value, apart.standard_error, apart.df);
  return apart;
}

}  // namespace

Difference paired(std::span<const double> a, std::span<const double> b) {
  std::vector<double> used_a;
  std::vector<double> used_b;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (usable(a[i]) && usable(b[i])) {
      used_a.push_back(a[i]);
      used_b.push_back(b[i]);
    }
  }
  const std::size_t n = used_a.size();
  const Pairs pairs = pairs_of(used_a, used_b, 0);
  Difference found;
  found.change = estimate_of(pairs.differences, pairs.scale);
  found.exact = repeats_one_value(used_a) && repeats_one_value(used_b);
  if (n > 0 && all_positive(used_a) && all_positive(used_b)) {
    // A logarithm's own rounding is that of a number of at least 1: its argument was rounded
    // before.
    const Pairs logs = pairs_of(logarithms(used_a), logarithms(used_b), 1);
    found.ratio = exponential(estimate_of(logs.differences, logs.scale));
  }
  if (n < 2 || found.exact) {
    return found;
  }
  if (!found.change.interval) {
    found.p = sign_test(pairs);
    return found;
  }
  const double standard_error =
      deviation_of(pairs.differences, found.change.value) / std::sqrt(static_cast<double>(n));
  const auto df = static_cast<double>(n - 1);
  found.p = two_sided_p(found.change.value / standard_error, df);
  found.least_seen = noncentrality_shown(df) * standard_error;
  return found;
}

Difference unpaired(std::span<const double> a, std::span<const double> b) {
  const std::vector<double> used_a = usable_values(a);
  const std::vector<double> used_b = usable_values(b);
  Difference found;
  if (used_a.empty() || used_b.empty()) {
    return found;
  }
  const Apart apart = welch(used_a, used_b, 0);
  found.change = apart.change;
  found.exact = repeats_one_value(used_a) && repeats_one_value(used_b);
  if (all_positive(used_a) && all_positive(used_b)) {
    found.ratio = exponential(welch(logarithms(used_a), logarithms(used_b), 1).change);
  }
  if (apart.change.interval) {
    found.p = two_sided_p(apart.change.value / apart.standard_error, apart.df);
    found.least_seen = noncentrality_shown(apart.df) * apart.standard_error;
  }
  return found;
}

std::vector<double> benjamini_hochberg(std::span<const double> p) {
  std::vector<double> adjusted(p.size());
  std::ranges::transform(p, adjusted.begin(),
                         [](double value) { return value >= 0 && value <= 1 ? value : 1; });
  std::vector<std::size_t> largest_first(p.size());
  std::iota(largest_first.begin(), largest_first.end(), std::size_t{0});
  std::ranges::stable_sort(largest_first, std::ranges::greater{},
                           [&](std::size_t i) { return adjusted[i]; });
  const auto tests = static_cast<double>(p.size());
  double least = 1;
  for (std::size_t i = 0; i < largest_first.size(); ++i) {
    double& value = adjusted[largest_first[i]];
    least = std::min(least, value * tests / static_cast<double>(p.size() - i));
    value = least;
  }
  return adjusted;
}

std::uint64_t repeats_needed(double effect, double deviation, std::uint64_t most) {
  constexpr std::uint64_t kFewest = 2;
  const auto shown_by = [&](std::uint64_t n) {
    const auto size = static_cast<double>(n);
    return noncentrality_shown(size - 1) * std::abs(deviation) <=
           std::abs(effect) * std::sqrt(size);
  };
  if (!usable(effect) || !usable(deviation) || effect == 0 || most <= kFewest) {
    return most;
  }
  std::uint64_t few = kFewest;
  std::uint64_t enough = most;
  while (few < enough) {
    const std::uint64_t middle = few + (enough - few) / 2;
    if (shown_by(middle)) {
      enough = middle;
    } else {
      few = middle + 1;
    }
  }
  return enough;
}

}  // namespace tr::statistics
