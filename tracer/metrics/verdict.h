// May this run stand for its server when runs are held against each other?
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "metrics/doubts.h"

namespace tr::metrics {

// With one of these doubts a run is no measurement of the server under the load that was asked for:
// something else was measured with it, or instead of it, by chance and differently each time.
//
// The others only warn. That a server serves its connections unevenly, lets messages lie at the
// close, or cannot keep up with a plan, is its nature and comes again in each run; what the probes
// cost is in all of them alike; a perf event that shared its counter is left out by itself. A load
// at its limit beside a server at its own hides little of what the server can do.
inline constexpr std::array kUnfit{
    Doubt::Kind::kWrongAnswers,      Doubt::Kind::kNoMessages,
    Doubt::Kind::kServerEnded,       Doubt::Kind::kInterrupted,
    Doubt::Kind::kMessagesDisagree,  Doubt::Kind::kConnectFailures,
    Doubt::Kind::kBrokenConnections, Doubt::Kind::kLoadSaturated,
    Doubt::Kind::kUnsteady,          Doubt::Kind::kLost,
    Doubt::Kind::kForeignWork,       Doubt::Kind::kSteal,
};

struct Verdict {
  std::vector<Doubt::Kind> unfit;  // the doubts that make it so, gravest first

  [[nodiscard]] bool fit() const { return unfit.empty(); }
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

inline Verdict verdict_on(std::span<const Doubt> doubts) {
  Verdict verdict;
  for (const Doubt& doubt : doubts)
    if (std::ranges::find(kUnfit, doubt.kind) != kUnfit.end()) verdict.unfit.push_back(doubt.kind);
  return verdict;
}

inline Verdict judge(const Snapshot& run) {
  return verdict_on(doubts_about(run, compute(run)));
}

}  // namespace tr::metrics
