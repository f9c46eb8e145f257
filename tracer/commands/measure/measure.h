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
  // By a signal: no further run is wanted.
  bool stop_asked = false;
};

// What the first Ctrl-C does. The next one, and other signals, always close the window.
enum class FirstInterrupt {
  kCloseWindow,  // the run is cut short
  kFinishRun,    // the run goes on to its end, as the last one
};

// An error when there is nothing to report. However it ends, nothing it started is left running.
Result<Measured> measure(const Plan& plan, Progress& progress,
                         FirstInterrupt first = FirstInterrupt::kCloseWindow);

}  // namespace tr::commands
