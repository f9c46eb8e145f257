// Runs as of a server that was delayed at one stage: made up, with known slopes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../compare/synthetic_runs.h"

namespace tr::explain {

struct DelayedTruth {
  std::string stage = "receive";
  double answer_ns = 10'000;  // between answers, without a delay
  double answer_slope = 1;
  double cpu_slope = 1;
  double delays = 1;      // per message
  double overshoot = 30;  // of each delay that is not 0, in ns
  double deviation = 0.002;
};

inline Snapshot delayed_run(const DelayedTruth& truth, std::uint64_t asked_ns, double machine,
                            compare::Draw& draw) {
  const double each = asked_ns == 0 ? 0 : static_cast<double>(asked_ns) + truth.overshoot;
  const double delay = truth.delays * each;
  compare::Truth run;
  run.threads = 1;
  run.messages = 2e9 / (machine * truth.answer_ns + truth.answer_slope * delay);
  run.user_ns = 900 + truth.cpu_slope * delay;
  run.receive_ns = 1'000;
  run.send_ns = 2'000;
  run.deviation = truth.deviation;
  run.common_deviation = 0;
  Snapshot snapshot = compare::run_of(run, draw);
  snapshot.config.delay = DelaySetting{.stage = truth.stage, .ns = asked_ns};
  const auto messages = static_cast<double>(snapshot.load->messages);
  snapshot.delays =
      Delays{.count = static_cast<std::uint64_t>(messages * truth.delays),
             .ns = static_cast<std::uint64_t>(messages * delay),
             .longest_ns = truth.delays == 0 ? 0 : static_cast<std::uint64_t>(each) + 2'000};
  return snapshot;
}

// What the machine does changes from round to round, by so much.
inline std::vector<std::vector<Snapshot>> delayed_rounds(const std::vector<DelayedTruth>& stages,
                                                         std::size_t rounds, compare::Draw& draw,
                                                         double drift = 0.05) {
  std::vector<std::vector<Snapshot>> made(rounds);
  for (std::vector<Snapshot>& round : made) {
    const double machine = 1 + drift * draw.uniform();
    for (const DelayedTruth& stage : stages)
      for (const std::uint64_t ns : {0, 250, 500, 1'000})
        round.push_back(delayed_run(stage, ns, machine, draw));
  }
  return made;
}

}  // namespace tr::explain
