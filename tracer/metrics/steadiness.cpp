#include "metrics/steadiness.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

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
  const Segment part = longest_at(common_level(segments), segments);
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
