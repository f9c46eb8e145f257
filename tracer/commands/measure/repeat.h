// The same measurement several times, each with a fresh process: how far do runs differ?
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "commands/measure/measure.h"

namespace tr::commands {

struct Repeats {
  std::vector<Measured> runs;  // in the order in which they were made
  bool stopped = false;        // by a signal: fewer than asked for
  // What kept a run from being made, or its result from being kept; none was made after it.
  std::optional<Error> failure;
};

// Called with each run when it is over; an error ends the repeats.
using OnRun = std::function<Status(const Measured& run)>;

// Makes `repeats` runs of the plan. Ctrl-C lets the present run come to its end and then ends them;
// once more, and that one is cut short as well. However they end, what was measured is there, and
// nothing that was started is left running. A plan that attaches has no fresh process to offer.
Repeats measure_repeats(const Plan& plan, std::uint64_t repeats, Progress& progress,
                        const OnRun& on_run = {});

// Whether a signal that ends runs has come since the last run stopped listening: they are blocked.
bool stop_waits();

}  // namespace tr::commands
