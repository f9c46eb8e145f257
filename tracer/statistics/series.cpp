#include "statistics/series.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "statistics/inference.h"

namespace tr::statistics {
namespace {

// Serial correlations that are tried.
constexpr std::array kCorrelations{0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9};
// Of a change, in units of ln n: 2 for its place and its level would be Schwarz's criterion.
constexpr double kPenalty = 3;
// The variance of a series without noise, in units of its range's square.
constexpr double kLeastVariance = 1e-12;

// Sums that make the cost of any stretch of a series a matter of a few operations.
//
// With serial correlation r, y[t] - r y[t-1] is (1 - r) level + white noise, and a segment's first
// bin stands alone with variance 1 / (1 - r^2) of that noise. So the squares are, with weights
// (1 - r)^2 for the inner bins' (y[t] - r y[t-1]) / (1 - r) and 1 - r^2 for the first bin, those of
// values about one level.
class Costs {
 public:
  Costs(std::span<const double> series, double correlation)
      : series_(series),
        first_weight_(1 - correlation * correlation),
        inner_weight_((1 - correlation) * (1 - correlation)),
        sums_(series.size() + 1),
        squares_(series.size() + 1) {
    for (std::size_t t = 1; t < series.size(); ++t) {
      const double value = (series[t] - correlation * series[t - 1]) / (1 - correlation);
      sums_[t + 1] = sums_[t] + value;
      squares_[t + 1] = squares_[t] + value * value;
    }
  }

  // The squared noise of bins [begin, end) about their own level.
  [[nodiscard]] double operator()(std::size_t begin, std::size_t end) const {
    const double first = series_[begin];
    const double weight = first_weight_ + inner_weight_ * static_cast<double>(end - begin - 1);
    const double sum = first_weight_ * first + inner_weight_ * (sums_[end] - sums_[begin + 1]);
    const double squares =
        first_weight_ * first * first + inner_weight_ * (squares_[end] - squares_[begin + 1]);
    return std::max(0.0, squares - sum * sum / weight);
  }

  // What a segment's first bin adds to twice the negative logarithm of the likelihood.
  [[nodiscard]] double start() const { return -std::log(first_weight_); }

 private:
  std::span<const double> series_;
  double first_weight_;
  double inner_weight_;
  std::vector<double> sums_;
  std::vector<double> squares_;
};

using Ends = std::vector<std::size_t>;  // of segments, in order

// The segmentation of least cost plus `penalty` for each segment.
Ends pelt(const Costs& cost, std::size_t bins, std::size_t least_bins, double penalty) {
  struct Candidate {
    std::size_t begin;     // of the last segment
    std::size_t good_for;  // ends before this one
    double unpaid = 0;     // at the end looked at, without the last segment's penalty
  };
  constexpr auto kAlways = std::numeric_limits<std::size_t>::max();
  std::vector<double> least(bins + 1, std::numeric_limits<double>::infinity());
  std::vector<std::size_t> last(bins + 1, 0);
  least[0] = 0;
  std::vector<Candidate> candidates;
  for (std::size_t end = least_bins; end <= bins; ++end) {
    if (std::isfinite(least[end - least_bins])) {
      candidates.push_back({.begin = end - least_bins, .good_for = kAlways});
    }
    for (Candidate& candidate : candidates) {
      candidate.unpaid = least[candidate.begin] + cost(candidate.begin, end);
      if (candidate.unpaid + penalty < least[end]) {
        least[end] = candidate.unpaid + penalty;
        last[end] = candidate.begin;
      }
    }
    // A candidate that a change here would beat, even unpaid for, is beaten at every end that is
    // far enough away for such a change.
    for (Candidate& candidate : candidates) {
      if (candidate.good_for == kAlways && candidate.unpaid > least[end]) {
        candidate.good_for = end + least_bins;
      }
    }
    std::erase_if(candidates, [&](const Candidate& c) { return c.good_for <= end + 1; });
  }
  Ends ends;
  for (std::size_t end = bins; end > 0; end = last[end]) {
    ends.push_back(end);
  }
  std::ranges::reverse(ends);
  return ends;
}

double cost_of(const Costs& cost, const Ends& ends) {
  double sum = 0;
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    sum += cost(begin, end);
    begin = end;
  }
  return sum;
}

// The noise's variance from first differences, which changes of level hardly touch: by their median
// absolute value (0.6745 of a normal deviation).
double variance_of_differences(std::span<const double> series, double correlation) {
  std::vector<double> steps;
  for (std::size_t t = 1; t < series.size(); ++t) {
    steps.push_back(std::abs(series[t] - series[t - 1]));
  }
  const double deviation = quantile(std::move(steps), 0.5) / 0.6745;
  // Of the autoregression the differences' variance is 2 / (1 + r) of the noise's.
  return deviation * deviation * (1 + correlation) / 2;
}

struct Choice {
  Ends ends;
  double badness = std::numeric_limits<double>::infinity();
};

// Finds the segments for one serial correlation.
class Search {
 public:
  Search(std::span<const double> series, double correlation, std::size_t least_bins)
      : cost_(series, correlation),
        bins_(series.size()),
        least_bins_(least_bins),
        change_(kPenalty * std::log(static_cast<double>(bins_)) + cost_.start()) {
    follow({bins_});
    settle(whole_variance());
    // A variance of many changes hides the smaller ones: begin once more from below.
    if (const double below = variance_of_differences(series, correlation); below > 0) {
      settle(std::min(below, whole_variance()));
    }
  }

  [[nodiscard]] const Choice& best() const { return best_; }

 private:
  [[nodiscard]] double whole_variance() const {
    return cost_(0, bins_) / static_cast<double>(bins_);
  }

  // The noise's variance follows from the segments found, until they stay.
  void settle(double variance) {
    Ends before;
    for (int round = 0; round < 8; ++round) {
      Ends ends = pelt(cost_, bins_, least_bins_, change_ * std::max(variance, kLeastVariance));
      if (ends == before) {
        break;
      }
      follow(ends);
      variance = followed_variance_;
      before = std::move(ends);
    }
  }

  // Keeps the segments if they are the best so far.
  void follow(const Ends& ends) {
    const auto n = static_cast<double>(bins_);
    const auto count = static_cast<double>(ends.size());
    const double squares = cost_of(cost_, ends);
    followed_variance_ = squares / std::max(1.0, n - count);
    // Twice the negative logarithm of the likelihood, and what the segments pay: more in a short
    // series, by the factor that corrects Akaike's criterion (Hurvich and Tsai, 1989).
    const double free = n - 2 * count - 2;
    const double badness =
        free > 0 ? n * std::log(std::max(squares / n, kLeastVariance)) + change_ * count * n / free
                 : std::numeric_limits<double>::infinity();
    if (badness < best_.badness) {
      best_ = {ends, badness};
    }
  }

  Costs cost_;
  std::size_t bins_;
  std::size_t least_bins_;
  double change_;  // what a segment pays, in units of the noise's variance
  double followed_variance_ = 0;
  Choice best_;
};

// What was not measured as the bin before it.
std::vector<double> filled(std::span<const double> bins) {
  const auto first = std::ranges::find_if(bins, usable);
  double value = first == bins.end() ? 0 : *first;
  std::vector<double> series;
  for (const double bin : bins) {
    value = usable(bin) ? bin : value;
    series.push_back(value);
  }
  return series;
}

// The ends of the segments of a series that varies.
Ends ends_of(std::span<const double> series, std::size_t least_bins) {
  const auto [low, high] = std::ranges::minmax(series);
  std::vector<double> in_range(series.begin(), series.end());
  for (double& value : in_range) {
    value = (value - low) / (high - low);
  }
  Choice best{.ends = {series.size()}};
  for (const double correlation : kCorrelations) {
    const Search search(in_range, correlation, least_bins);
    if (search.best().badness < best.badness) {
      best = search.best();
    }
  }
  return best.ends;
}

}  // namespace

std::vector<Segment> segments(std::span<const double> bins, std::size_t least_bins) {
  if (bins.empty()) {
    return {};
  }
  const std::vector<double> series = filled(bins);
  const std::size_t n = series.size();
  const std::size_t shortest = std::clamp(least_bins, std::size_t{1}, n);
  const bool level = shortest > n / 2 || without_spread(series, magnitude(series));
  std::vector<Segment> found;
  std::size_t begin = 0;
  for (const std::size_t end : level ? Ends{n} : ends_of(series, shortest)) {
    found.push_back({begin, end, mean_of(std::span(series).subspan(begin, end - begin))});
    begin = end;
  }
  return found;
}

}  // namespace tr::statistics
