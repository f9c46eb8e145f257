// Runs of one plan with a small delay at one stage at a time, mixed with runs without.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "commands/measure/fit_run.h"

namespace tr::commands {

struct DelayRounds : Attempts {
  std::vector<std::vector<Snapshot>> rounds;  // whole ones, each with every delay at every stage
};

// First each stage is tried once without a delay: how often does a message pass it? One that is
// never passed is left out, with a note. Then, in each round, in random order and each run with a
// fresh process: every stage at a delay of 0 (which has the same probes), `delays_ns`, which are
// per message; where a stage is passed by few messages, each passage is delayed by more, at most
// kMostDelayNs. Ctrl-C ends the present run and the measuring; its round is dropped. An unfit run
// is made once more, unless they are to be used all the same. `on_run` is told of each run of a
// whole round.
using OnDelayedRun = std::function<void(const Snapshot& run)>;
DelayRounds measure_delays(const Plan& plan, std::span<const std::string> stages,
                           std::span<const std::uint64_t> delays_ns, std::size_t rounds,
                           compare::Unfit unfit, Progress& progress, const OnDelayedRun& on_run);

}  // namespace tr::commands
