// Is a difference beyond what somebody is willing to take? ("per_message.syscalls > +1%")
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compare/comparison.h"
#include "util/result.h"

namespace tr::compare {

struct Gate {
  std::string text;    // as it was given
  std::string figure;  // as metrics::Figure
  bool rises = true;   // fails above the bound; else below it, which then is negative or 0
  double bound = 0;
  // The bound is a share of A's; else in `unit`.
  bool relative = false;
  std::optional<metrics::Unit> unit;  // absent: none was given
};

// FIGURE > +BOUND or FIGURE < -BOUND; a BOUND is a number with %, ns, us, ms, s, B, KiB, MiB, /s or
// nothing behind it.
Result<Gate> parse_gate(std::string_view text);

struct GateResult {
  Gate gate;
  double change = 0;  // of B against A, as the bound: a share or a difference
  bool failed = false;
};

// A gate fails if the change is shown, and beyond its bound. A usage error where a figure is not
// among the rows, or is of another unit than the bound; and with one run on a side, which cannot
// show anything.
Result<std::vector<GateResult>> judge_gates(const std::vector<Gate>& gates,
                                            const Comparison& comparison);

}  // namespace tr::compare
