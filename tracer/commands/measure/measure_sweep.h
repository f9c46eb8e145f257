// The runs of a sweep, one after the other; what is there already is not made again.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "commands/measure/measure.h"
#include "sweep/folder.h"

namespace tr::commands {

struct SweepEnd {
  std::uint64_t made = 0;        // runs, now
  bool stopped = false;          // by a signal: some are missing
  std::optional<Error> failure;  // what keeps every further run from being made
};

// Goes over the whole grid once per repeat, in random order, and makes what the folder does not
// hold, each run with a fresh process. plans[i] is that of cell i; those of skipped cells are not
// looked at. A run that fails, or is unfit to be compared, is made once more. If it is unfit again,
// it is kept as that; if it fails again, that is noted, and the cell is given up until the sweep is
// started anew. Ctrl-C lets the present run come to its end. Nothing is left running.
SweepEnd measure_sweep(const sweep::Folder& folder, std::span<const Plan> plans,
                       Progress& progress);

}  // namespace tr::commands
