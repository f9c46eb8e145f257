// How much do servers tell each other because of a client's message, how many connections away from
// the client's, and how long does it take to get there?
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "metrics/message_path.h"
#include "snapshot/snapshot.h"

namespace tr::metrics {

struct HopFigures {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::optional<double> per_message;  // received per client message; absent without these
  // Of what was received, as MessageHop's. `messages` is how many are in the distribution.
  std::map<std::string, PathTime> times;
};

struct HopsFigures {
  std::vector<HopFigures> hops;       // from the first on
  std::optional<double> per_message;  // received per client message, over all
  HopFigures uncertain;               // as MessageHops::uncertain
  PathTime spread;                    // as MessageHops::spread
  std::map<std::string, std::uint64_t> notes;
};

// `messages`: of clients. Absent where it was not asked for, or there are no such connections.
std::optional<HopsFigures> hops_figures(const Snapshot& snapshot,
                                        std::optional<std::uint64_t> messages);

}  // namespace tr::metrics
