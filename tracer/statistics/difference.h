// Do two sets of runs differ, by how much, and how small a difference could they have shown?
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "statistics/sample.h"

namespace tr::statistics {

struct Difference {
  Estimate change;                // B - A, in the quantity's unit; a count of 0: nothing to compare
  std::optional<Estimate> ratio;  // B / A; absent unless all values are above 0
  // Two-sided; absent with fewer than two values on a side, or no spread on either (`exact`).
  std::optional<double> p;
  // The least |B - A| that 80 of 100 such comparisons would show at 5 %; absent where the compared
  // values show no spread.
  std::optional<double> least_seen;
  // Each side repeated one and the same value, at least twice. The change (0, if both are alike)
  // then has neither p nor interval: it is certain as far as `change.count` values show, and no
  // more can be said of values that were not seen.
  bool exact = false;
  friend bool operator==(const Difference&, const Difference&) = default;
};

// Runs made in pairs: a[i] beside b[i]; what one side has more is left out. p is of the paired t;
// the ratio is the geometric mean of the pairs' ratios; `count` is of pairs. The intervals are
// those of estimate(): from 10 pairs on, where they are bootstrapped, one may just hold 0 beside a
// p just below 0.05, or the other way round. Pairs that all differ by the same amount on sides that
// do vary leave t without a spread: p is then of the sign test, 2^(1 - n), and there is no
// interval.
Difference paired(std::span<const double> a, std::span<const double> b);

// Made apart: Welch's t, for the ratio on logarithms: of the geometric means. `count` is of both
// sides' values together.
Difference unpaired(std::span<const double> a, std::span<const double> b);

// Adjusted p-values (Benjamini and Hochberg, 1995), in the order given: reporting those below q
// keeps the expected share of false reports below q. What is no probability counts as 1.
std::vector<double> benjamini_hochberg(std::span<const double> p);

// How many pairs it takes to show `effect` at 5 % in 80 of 100 comparisons, where a difference has
// this standard deviation; from 2 to `most`. Runs made apart: that many on each side, with the
// deviation sqrt(sA^2 + sB^2); it may be one too many then.
std::uint64_t repeats_needed(double effect, double deviation, std::uint64_t most);

}  // namespace tr::statistics
