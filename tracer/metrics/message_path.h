// Which leg of a message's way through the server takes how long, and which one makes the tail?
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/snapshot.h"

namespace tr::metrics {

struct PathTime {
  std::uint64_t total_ns = 0;  // over all messages
  double mean_ns = 0;          // per message, exact
  // Over all messages, those that spent no time on it among them; within 6.25 %.
  std::uint64_t p50_ns = 0;
  std::uint64_t p90_ns = 0;
  std::uint64_t p99_ns = 0;
  std::uint64_t messages = 0;  // that spent some time on it
};

// Of so many values, those not in the histogram are 0.
PathTime path_time(Histogram histogram, std::uint64_t total_ns, std::uint64_t messages);

struct LegTime {
  std::string name;
  PathTime time;
  double share = 0;  // of the whole way
};

// The messages whose way took from `least_ns` to `most_ns`: the bounds of buckets, 12.5 % wide.
struct PathPart {
  std::uint64_t messages = 0;
  std::uint64_t least_ns = 0;
  std::uint64_t most_ns = 0;
  double mean_ns = 0;
  std::vector<double> legs_ns;  // means, as PathFigures::legs
};

struct PathFigures {
  std::uint64_t message_size = 0;  // as MessagePath's
  std::uint64_t messages = 0;
  PathTime whole;
  std::vector<LegTime> legs;  // in the order in which they are taken
  // Absent without messages.
  std::optional<PathPart> median;  // those in the bucket of the median
  std::optional<PathPart> tail;    // from the bucket of the 99th percentile on
  // The load's mean round trip, from the actual send, and what the way through the server leaves of
  // it. Absent unless our load counted the same messages, to 1 %.
  std::optional<double> round_trip_ns;
  std::optional<double> outside_ns;
  std::map<std::string, std::uint64_t> notes;  // as MessagePath's
};

// Absent where it was not asked for.
std::optional<PathFigures> path_figures(const Snapshot& snapshot);

}  // namespace tr::metrics
