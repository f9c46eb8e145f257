// Where does a series of equal time bins change its level?
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tr::statistics {

struct Segment {
  std::size_t begin = 0;  // bins [begin, end)
  std::size_t end = 0;
  double level = 0;  // its mean
  friend bool operator==(const Segment&, const Segment&) = default;
};

// Change points by PELT (Killick et al. 2012): Gaussian noise of unknown, common variance about a
// level for each segment, which is at least `least_bins` long; each change must pay 3 ln n. A slow
// wandering is not taken for changes: the noise is a first-order autoregression, and its serial
// correlation (0 to 0.9) is found together with the changes, by likelihood. One segment where
// nothing changes, none of no bins. A ramp becomes a stair. A bin that was not measured (not
// finite) counts as the one before it. Time grows with the square of the number of bins: for up to
// some thousands.
std::vector<Segment> segments(std::span<const double> bins, std::size_t least_bins);

}  // namespace tr::statistics
