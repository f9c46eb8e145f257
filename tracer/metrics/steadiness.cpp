#include "metrics/steadiness.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "statistics/fit.h"
#include "statistics/sample.h"
#include "statistics/series.h"

namespace tr::metrics {
namespace {

using statistics::Segment;

// Shorter ones cannot be told from noise.
constexpr std::size_t kLeastSegment = 5;

std::size_t length(const Segment& segment) {
  return segment.end - segment.begin;
}

bool at_level(const Segment& segment, double level) {
  return std::abs(segment.level - level) <= kSameLevel * level;
}

// The level that most of the bins share; among equals the last, when the server was warmest.
double common_level(std::span<const Segment> segments) {
  double common = 0;
  std::size_t most = 0;
  for (const Segment& candidate : segments) {
    std::size_t sharing = 0;
    for (const Segment& segment : segments)
      if (at_level(segment, candidate.level)) sharing += length(segment);
    if (sharing < most) continue;
    most = sharing;
    common = candidate.level;
  }
  return common;
}

// The longest part that begins and ends at the level and seldom leaves it in between; among equals
// the last.
Segment longest_at(double level, std::span<const Segment> segments) {
  Segment longest;
  for (std::size_t first = 0; first < segments.size(); ++first) {
    if (!at_level(segments[first], level)) continue;
    std::size_t away = 0;
    for (std::size_t last = first; last < segments.size(); ++last) {
      if (!at_level(segments[last], level)) {
        away += length(segments[last]);
        continue;
      }
      const Segment part{segments[first].begin, segments[last].end, level};
      const bool seldom =
          static_cast<double>(away) <= kMaxExcursions * static_cast<double>(length(part));
      if (seldom && length(part) >= length(longest)) longest = part;
    }
  }
  return longest;
}

// Whether a line through the bins rises or falls by more than a level may, all of its interval
// beyond that. A slope may lie in one segment, where its noise passes for a slow wandering.
bool drifts(std::span<const double> bins) {
  std::vector<double> places(bins.size());
  std::iota(places.begin(), places.end(), 0.0);
  const auto line = statistics::fit_line(places, bins);
  if (!line) return false;
  const auto [low, high] =
      line->slope.interval.value_or(statistics::Interval{line->slope.value, line->slope.value});
  const double least = low > 0 ? low : std::max(0.0, -high);
  return least * static_cast<double>(bins.size()) > 2 * kSameLevel * statistics::mean(bins);
}

// Without the part of its beginning in which it has not come to its level yet.
Segment settled(Segment part, std::span<const double> bins) {
  while (length(part) >= kMinSteadyBins && drifts(bins.subspan(part.begin, length(part))))
    part.begin += std::max<std::size_t>(1, length(part) / 20);
  return part;
}

}  // namespace

std::optional<Steadiness> steadiness(const Snapshot& snapshot) {
  if (!snapshot.load || !snapshot.load->bins || snapshot.load->messages == 0) return std::nullopt;
  const AnswerBins& counted = *snapshot.load->bins;
  if (counted.bin_ns == 0) return std::nullopt;
  // What the close has cut short is no bin.
  const std::size_t whole =
      std::min<std::uint64_t>(counted.answers.size(), snapshot.window_ns() / counted.bin_ns);
  if (whole < kMinSteadyBins) return std::nullopt;
  const std::vector<double> bins(counted.answers.begin(),
                                 counted.answers.begin() + static_cast<std::ptrdiff_t>(whole));
  const std::vector<Segment> segments = statistics::segments(bins, kLeastSegment);
  const Segment part = settled(longest_at(common_level(segments), segments), bins);
  if (length(part) == 0) return std::nullopt;

  const std::span<const double> inside = std::span(bins).subspan(part.begin, length(part));
  const double level = statistics::mean(inside);
  Steadiness found;
  found.begin_ns = part.begin * counted.bin_ns;
  found.end_ns = part.end * counted.bin_ns;
  found.share = static_cast<double>(length(part)) / static_cast<double>(whole);
  found.per_second = level * 1e9 / static_cast<double>(counted.bin_ns);
  found.deviation = level > 0 ? statistics::standard_deviation(inside) / level : 0;
  found.steady = level > 0 && length(part) >= kMinSteadyBins && found.share >= kMinSteadyShare;
  return found;
}

}  // namespace tr::metrics
