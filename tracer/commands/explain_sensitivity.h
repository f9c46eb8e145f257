// `trace-run explain SERVER --sensitivity`: at which stage does a delay cost throughput?
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "commands/measure/plan.h"
#include "commands/measure/progress.h"
#include "commands/output.h"
#include "commands/run_store.h"
#include "compare/comparison.h"
#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr::commands {

struct SensitivityOptions {
  std::string stages;  // as given, or "true", what CLI11 makes of a flag without a value: all
  std::string delays;  // as given, per message
  std::size_t rounds = 1;
  compare::Unfit unfit = compare::Unfit::kLeaveOut;
  KeepOptions store;  // checked
};

// Measures the server of this plan and reports.
Status explain_sensitivity(const Plan& plan, const SensitivityOptions& options, Progress& progress,
                           const DocumentOptions& document);

// The same of runs that were made before.
Status explain_sensitivity(std::vector<Snapshot> runs, compare::Unfit unfit,
                           const DocumentOptions& document);

}  // namespace tr::commands
