// Runs of a plan with and without each of several changes, in all combinations.
#pragma once

#include <span>
#include <vector>

#include "commands/measure/fit_run.h"
#include "explain/cause.h"
#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr::commands {

struct SettingRuns : Attempts {
  std::vector<std::vector<Snapshot>> runs;  // by bit mask: bit i with changes[i]
};

// `repeats` runs of each combination, all of them once, in random order, before any comes again:
// what the machine does in the meantime meets all of them. One that is unfit is made once more. An
// error where the plan cannot be changed so.
Result<SettingRuns> measure_settings(const Plan& base, std::span<const explain::Change> changes,
                                     std::size_t repeats, Progress& progress);

}  // namespace tr::commands
