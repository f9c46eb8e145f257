// `trace-run explain SERVER --sensitivity`: at which stage does a delay cost throughput?
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "commands/measure/plan.h"
#include "commands/measure/progress.h"
#include "commands/output.h"
#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr::commands {

// Measures the server of this plan and reports. `stages`: as given with the option, or "true", what
// CLI11 makes of a flag without a value: all. `force`: unfit runs are used too.
Status explain_sensitivity(const Plan& plan, std::string_view stages, std::size_t rounds,
                           bool force, Progress& progress, const DocumentOptions& document);

// The same of runs that were made before.
Status explain_sensitivity(std::vector<Snapshot> runs, bool force, const DocumentOptions& document);

}  // namespace tr::commands
