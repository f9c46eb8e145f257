#include "statistics/fit.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <set>

#include "statistics/inference.h"

namespace tr::statistics {
namespace {

struct Points {
  std::vector<double> x;
  std::vector<double> y;

  void add(double at, double value) {
    x.push_back(at);
    y.push_back(value);
  }
  [[nodiscard]] std::size_t distinct_x() const { return std::set(x.begin(), x.end()).size(); }
};

double sum_of_squares(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) {
    sum += value * value;
  }
  return sum;
}

double sum_of_squares_about_mean(std::span<const double> values) {
  const double deviation = deviation_of(values, mean_of(values));
  return deviation * deviation * static_cast<double>(values.size() - 1);
}

double explained(double residual_squares, std::span<const double> y) {
  const double all = sum_of_squares_about_mean(y);
  return all > 0 ? std::clamp(1 - residual_squares / all, 0.0, 1.0) : 1;
}

// A row of a linear problem with three unknowns.
struct Row {
  std::array<double, 3> factors;
  double value;
};

using Coefficients = std::array<double, 3>;

// Least squares over the unknowns in `free` (a bit mask), the others 0: Gram-Schmidt, done twice
// for columns that are nearly alike. Absent where they are alike.
std::optional<Coefficients> solve_for(std::span<const Row> rows, unsigned free) {
  std::array<std::vector<double>, 3> columns;
  std::array<Coefficients, 3> mix{};  // orthogonal column i = sum over j of mix[i][j] column j
  std::array<double, 3> projected{};
  for (std::size_t i = 0; i < 3; ++i) {
    if ((free >> i & 1U) == 0) {
      continue;
    }
    std::vector<double>& column = columns[i];
    for (const Row& row : rows) {
      column.push_back(row.factors[i]);
    }
    mix[i][i] = 1;
    const double before = std::sqrt(sum_of_squares(column));
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t j = 0; j < i; ++j) {
        if (columns[j].empty()) {
          continue;
        }
        double along = 0;
        for (std::size_t k = 0; k < column.size(); ++k) {
          along += column[k] * columns[j][k];
        }
        for (std::size_t k = 0; k < column.size(); ++k) {
          column[k] -= along * columns[j][k];
        }
        for (std::size_t k = 0; k < 3; ++k) {
          mix[i][k] -= along * mix[j][k];
        }
      }
    }
    const double length = std::sqrt(sum_of_squares(column));
    if (!(length > before * 1e-12)) {
      return std::nullopt;
    }
    for (double& value : column) {
      value /= length;
    }
    for (double& value : mix[i]) {
      value /= length;
    }
    for (std::size_t k = 0; k < column.size(); ++k) {
      projected[i] += column[k] * rows[k].value;
    }
  }
  Coefficients found{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t k = 0; k < 3; ++k) {
      found[k] += projected[i] * mix[i][k];
    }
  }
  return found;
}

double residual_squares(std::span<const Row> rows, const Coefficients& coefficients) {
  double sum = 0;
  for (const Row& row : rows) {
    double rest = row.value;
    for (std::size_t i = 0; i < 3; ++i) {
      rest -= row.factors[i] * coefficients[i];
    }
    sum += rest * rest;
  }
  return sum;
}

// Least squares under "none negative": the best of the solutions over each choice of unknowns that
// are not 0. Of three unknowns there are seven.
std::optional<Coefficients> solve_non_negative(std::span<const Row> rows) {
  std::optional<Coefficients> best;
  double least = 0;
  for (unsigned free = 1; free < 8; ++free) {
    const auto found = solve_for(rows, free);
    if (!found || std::ranges::any_of(*found, [](double c) { return c < 0; })) {
      continue;
    }
    const double rest = residual_squares(rows, *found);
    if (!best || rest < least) {
      best = found;
      least = rest;
    }
  }
  return best;
}

// The law as X = n / q, where q is linear in coefficients: c0 + c1 (n - 1) + c2 n (n - 1), with
// lambda = 1 / c0, sigma = c1 / c0, kappa = c2 / c0.
Coefficients terms(double n) {
  return {1, n - 1, n * (n - 1)};
}

double predicted(const Coefficients& c, double n) {
  const Coefficients f = terms(n);
  return n / (c[0] * f[0] + c[1] * f[1] + c[2] * f[2]);
}

double misfit(const Coefficients& c, const Points& points) {
  double sum = 0;
  for (std::size_t i = 0; i < points.x.size(); ++i) {
    const double rest = points.y[i] - predicted(c, points.x[i]);
    sum += rest * rest;
  }
  return sum;
}

// Gauss and Newton's step: the law is taken for linear about `now`.
std::optional<Coefficients> step_from(const Coefficients& now, const Points& points) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < points.x.size(); ++i) {
    const double at = predicted(now, points.x[i]);
    Row row{.factors = terms(points.x[i]), .value = points.y[i] - 2 * at};
    // d X / d c_j = - X^2 / n f_j; and the sum of c_j f_j X^2 / n is X.
    for (double& factor : row.factors) {
      factor *= -at * at / points.x[i];
    }
    rows.push_back(row);
  }
  return solve_non_negative(rows);
}

Coefficients refine(Coefficients now, const Points& points) {
  double rest = misfit(now, points);
  for (int round = 0; round < 100; ++round) {
    const auto aim = step_from(now, points);
    if (!aim) {
      break;
    }
    bool better = false;
    for (double share = 1; share > 1e-6 && !better; share /= 2) {
      Coefficients next = now;
      for (std::size_t i = 0; i < 3; ++i) {
        next[i] += share * ((*aim)[i] - now[i]);
      }
      const double next_rest = misfit(next, points);
      if (next_rest < rest) {
        better = rest - next_rest > 1e-14 * rest;
        now = next;
        rest = next_rest;
        break;
      }
    }
    if (!better) {
      break;
    }
  }
  return now;
}

}  // namespace

std::optional<Line> fit_line(std::span<const double> x, std::span<const double> y) {
  Points points;
  for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    if (usable(x[i]) && usable(y[i])) {
      points.add(x[i], y[i]);
    }
  }
  const std::size_t n = points.x.size();
  if (without_spread(points.x, magnitude(points.x))) {
    return std::nullopt;
  }
  const double mean_x = mean_of(points.x);
  const double mean_y = mean_of(points.y);
  const double deviation_x = deviation_of(points.x, mean_x);
  // In units of x's deviation, so that no product overflows.
  double together = 0;
  for (std::size_t i = 0; i < n; ++i) {
    together += (points.x[i] - mean_x) / deviation_x * (points.y[i] - mean_y);
  }
  const auto size = static_cast<double>(n);
  const double slope = together / (size - 1) / deviation_x;
  std::vector<double> rest;
  for (std::size_t i = 0; i < n; ++i) {
    rest.push_back(points.y[i] - mean_y - slope * (points.x[i] - mean_x));
  }
  const double squares = sum_of_squares(rest);
  Line line{.intercept = {.value = mean_y - slope * mean_x, .count = n},
            .slope = {.value = slope, .count = n},
            .r_squared = explained(squares, points.y)};
  if (n > 2 && !without_spread(rest, magnitude(points.y))) {
    const double df = size - 2;
    const double deviation = std::sqrt(squares / df);
    const double from_origin = mean_x / deviation_x / std::sqrt(size - 1);
    line.slope.interval = t_interval(slope, deviation / deviation_x / std::sqrt(size - 1), df);
    line.intercept.interval = t_interval(
        line.intercept.value, deviation * std::hypot(1 / std::sqrt(size), from_origin), df);
  }
  return line;
}

std::optional<Estimate> common_slope(std::span<const PointList> groups) {
  Points about_means;
  double largest_x = 0;
  double largest_y = 0;
  std::size_t used = 0;
  for (const PointList& group : groups) {
    Points points;
    for (const auto& [x, y] : group) {
      if (usable(x) && usable(y)) {
        points.add(x, y);
      }
    }
    if (points.x.size() < 2) {
      continue;
    }
    ++used;
    largest_x = std::max(largest_x, magnitude(points.x));
    largest_y = std::max(largest_y, magnitude(points.y));
    const double mean_x = mean_of(points.x);
    const double mean_y = mean_of(points.y);
    for (std::size_t i = 0; i < points.x.size(); ++i) {
      about_means.add(points.x[i] - mean_x, points.y[i] - mean_y);
    }
  }
  if (without_spread(about_means.x, largest_x)) {
    return std::nullopt;
  }
  // In units of x's deviation, so that no product overflows.
  const double scale = std::sqrt(sum_of_squares(about_means.x));
  const std::size_t n = about_means.x.size();
  double slope = 0;
  for (std::size_t i = 0; i < n; ++i) {
    slope += about_means.x[i] / scale * (about_means.y[i] / scale);
  }
  std::vector<double> rest;
  for (std::size_t i = 0; i < n; ++i) {
    rest.push_back(about_means.y[i] - slope * about_means.x[i]);
  }
  Estimate estimate{.value = slope, .count = n};
  if (n > used + 1 && !without_spread(rest, largest_y)) {
    const auto df = static_cast<double>(n - used - 1);
    estimate.interval = t_interval(slope, std::sqrt(sum_of_squares(rest) / df) / scale, df);
  }
  return estimate;
}

std::optional<Scalability> fit_scalability(std::span<const double> n,
                                           std::span<const double> throughput) {
  Points points;
  for (std::size_t i = 0; i < std::min(n.size(), throughput.size()); ++i) {
    if (n[i] >= 1 && n[i] <= 1e9 && usable(throughput[i]) && throughput[i] >= 0) {
      points.add(n[i], throughput[i]);
    }
  }
  const double unit = magnitude(points.y);
  if (points.distinct_x() < 4 || !(unit > 0)) {
    return std::nullopt;
  }
  for (double& value : points.y) {
    value /= unit;
  }
  // To begin with, n / X is fitted, which is linear; weighted with X^2 / n, as an error of X
  // counts.
  std::vector<Row> rows;
  for (std::size_t i = 0; i < points.x.size(); ++i) {
    Row row{.factors = terms(points.x[i]), .value = points.y[i]};
    for (double& factor : row.factors) {
      factor *= points.y[i] * points.y[i] / points.x[i];
    }
    rows.push_back(row);
  }
  std::optional<Coefficients> start = solve_non_negative(rows);
  if (!start) {
    return std::nullopt;
  }
  (*start)[0] = std::max((*start)[0], 1e-3);  // q must be above 0 at n = 1
  const Coefficients found = refine(*start, points);
  if (!(found[0] > 1e-9)) {
    return std::nullopt;
  }
  // Below this a coefficient is what rounding left of 0: at the largest n it changes nothing.
  const double largest = *std::ranges::max_element(points.x);
  const double all = largest / predicted(found, largest);
  const auto coefficient = [&](std::size_t i) {
    return found[i] * terms(largest)[i] > 1e-9 * all ? found[i] / found[0] : 0;
  };
  Scalability law{.lambda = unit / found[0],
                  .sigma = coefficient(1),
                  .kappa = coefficient(2),
                  .r_squared = explained(misfit(found, points), points.y)};
  if (law.sigma > 1 + 1e-9) {
    law.peak = 1;
  } else if (law.kappa > 0) {
    law.peak = std::max(1.0, std::sqrt(std::max(0.0, 1 - law.sigma) / law.kappa));
  }
  return law;
}

std::vector<Estimate> factorial_effects(std::span<const std::vector<double>> runs) {
  if (!std::has_single_bit(runs.size())) {
    return {};
  }
  std::vector<double> means;
  double squares = 0;    // within settings
  double variances = 0;  // of the settings' means, in units of one result's variance
  double most = 0;
  std::uint64_t count = 0;
  for (const std::vector<double>& setting : runs) {
    const std::vector<double> used = usable_values(setting);
    if (used.empty()) {
      return {};
    }
    means.push_back(mean_of(used));
    squares += sum_of_squares_about_mean(used);
    variances += 1 / static_cast<double>(used.size());
    most = std::max(most, magnitude(used));
    count += used.size();
  }
  const std::size_t settings = runs.size();
  const auto df = static_cast<double>(count - settings);
  const double deviation = df > 0 ? std::sqrt(squares / df) : 0;
  std::vector<Estimate> effects;
  for (std::size_t mask = 0; mask < settings; ++mask) {
    // Of the settings, half stand on either side; the grand mean is of all.
    const double side = static_cast<double>(settings) / (mask == 0 ? 1 : 2);
    double sum = 0;
    for (std::size_t setting = 0; setting < settings; ++setting) {
      // Each factor of the mask that is low turns the sign.
      const bool minus = std::popcount(mask & ~setting) % 2 != 0;
      sum += minus ? -means[setting] : means[setting];
    }
    Estimate effect{.value = sum / side, .count = count};
    if (deviation > most * 1e-15) {
      effect.interval = t_interval(effect.value, deviation * std::sqrt(variances) / side, df);
    }
    effects.push_back(effect);
  }
  return effects;
}

}  // namespace tr::statistics
