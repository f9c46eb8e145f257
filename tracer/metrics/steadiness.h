// In which part of its window did the server run at one level?
//
// The mean over a whole window is that of its beginning too, when caches were cold, threads were
// still being made and code was not compiled yet; a longer window would give another. Where runs
// are held against each other, throughput is therefore that of the window's steady part.
#pragma once

#include <cstdint>
#include <optional>

#include "snapshot/snapshot.h"

namespace tr::metrics {

// Levels closer than this share of one another are one. Statistics find smaller changes in quiet
// series, but nobody would call a server unsteady for them.
inline constexpr double kSameLevel = 0.03;
// A steady part may leave its level for this share of its bins and still be one: a collection of
// garbage, or a flush, that comes now and then belongs to the server, and to its throughput.
inline constexpr double kMaxExcursions = 0.1;
// A part shorter than these is no ground to stand on: the rest of the window says otherwise, or
// there is too little of it to tell a level from a slope.
inline constexpr double kMinSteadyShare = 0.5;
inline constexpr std::size_t kMinSteadyBins = 10;

struct Steadiness {
  // The longest part at one level, from the window's opening on.
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;
  double share = 0;       // of the whole bins of the window
  double per_second = 0;  // answers, excursions included
  double deviation = 0;   // standard deviation of the bins' throughput there, as a share of it
  bool steady = false;    // long enough to speak for the run

  friend bool operator==(const Steadiness&, const Steadiness&) = default;
};

// Absent where there are no answers by time: another's load, older files, no answers, or a window
// below kMinSteadyBins bins.
std::optional<Steadiness> steadiness(const Snapshot& snapshot);

}  // namespace tr::metrics
