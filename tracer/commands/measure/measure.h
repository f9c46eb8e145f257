// The main job: starts the program (or attaches), loads it, traces it for the window, ends it.
#pragma once

#include <optional>

#include "commands/measure/plan.h"
#include "commands/measure/progress.h"
#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr::commands {

struct Measured {
  Snapshot snapshot;
  // Why the run is no good although there is something to report: wrong answers, a server that
  // died.
  std::optional<Error> failure;
};

// An error when there is nothing to report. However it ends, nothing it started is left running.
Result<Measured> measure(const Plan& plan, Progress& progress);

}  // namespace tr::commands
