// Runs of a plan with and without each of several changes, in all combinations.
#pragma once

#include <functional>
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

using OnSettingRun = std::function<void(std::size_t mask, const Snapshot& run)>;

// `repeats` runs of each combination, all of them once, in random order, before any comes again:
// what the machine does in the meantime meets all of them. One that is unfit is made once more,
// unless unfit ones are to be used. `on_run` is told of each, with its bit mask. An
// error where the plan cannot be changed so.
Result<SettingRuns> measure_settings(const Plan& base, std::span<const explain::Change> changes,
                                     std::size_t repeats, compare::Unfit unfit, Progress& progress,
                                     const OnSettingRun& on_run);

}  // namespace tr::commands
