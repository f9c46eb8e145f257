// One run among several that are held against each other: made once more where it is unfit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "commands/measure/measure.h"
#include "compare/comparison.h"

namespace tr::commands {

// Why a run cannot be held against others; absent: it can.
std::optional<std::string> unfit_for(const Snapshot& run);
std::optional<std::string> unfit_for(const Measured& run);

// What became of runs that were asked for.
struct Attempts {
  std::vector<std::string> notes;  // what was made again, and why there are fewer
  bool stopped = false;            // by a signal
  std::optional<Error> failure;    // what kept the next run from being made
};

// A run of the plan, called `which` for people. One that fails, or is unfit to be compared, is made
// once more; unfit again, it is handed back, with a note. One that is to be used all the same is
// not made twice. Absent when that is the end: stopped, or no run to be had. `stopped` may be set
// with a run, too: then it is the last.
std::optional<Snapshot> fit_run(const Plan& plan, const std::string& which, compare::Unfit unfit,
                                Progress& progress, Attempts& attempts);

}  // namespace tr::commands
