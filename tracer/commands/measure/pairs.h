// Runs of two plans beside each other, so that what the machine does in the meantime meets both.
#pragma once

#include <functional>
#include <vector>

#include "commands/measure/fit_run.h"

namespace tr::commands {

// The notes say in which order they were made, too.
struct Pairs : Attempts {
  std::vector<Snapshot> a;  // a[i] and b[i] were made one after the other
  std::vector<Snapshot> b;
};

// Called after each pair; an error ends the measuring.
using OnPair = std::function<Status(const Pairs& pairs)>;

// Makes `pairs` of them, in each pair in random order, each order as often as the other (or once
// more). Each run has a fresh process. A run that fails, or is unfit to be compared, is made once
// more, unless unfit ones are to be used; the pair goes without a third try. Ctrl-C ends the
// present run, which is dropped, and the measuring. Nothing that was started is left running.
Pairs measure_pairs(const Plan& a, const Plan& b, std::size_t pairs, compare::Unfit unfit,
                    Progress& progress, const OnPair& on_pair);

// What one command may be asked for: each pair is kept in memory.
inline constexpr std::size_t kMostPairs = 1000;

}  // namespace tr::commands
