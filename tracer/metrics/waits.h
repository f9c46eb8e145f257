// What was waited for longest, who ended the waits, and who hands over to whom? By --waits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/histogram.h"
#include "snapshot/snapshot.h"

namespace tr::metrics {

// Durations as figures. The quantiles are middles of kKernelBuckets; absent without any, or where
// the probes' buckets have overflowed.
struct Spread {
  std::uint64_t count = 0;
  std::uint64_t ns = 0;
  std::optional<std::uint64_t> p50_ns;
  std::optional<std::uint64_t> p90_ns;
  std::optional<std::uint64_t> p99_ns;
  std::uint64_t max_ns = 0;
};

Spread spread_of(const Durations& durations);

// Waits of one call at one object, whoever ended them. What several processes have at the same
// address, or under the same descriptor, counts as one here: most have it by inheritance.
struct WaitGroup {
  WaitCause at;       // one of its causes: call, object, place, which and far_port are those of all
  bool idle = false;  // as TimeState::kIdle
  Durations waits;
  Durations run_queue;
  std::size_t processes = 1;      // that many have it
  std::vector<WaitCause> wakers;  // by kind and name of the waker, longest first
};

// How often threads of one name ended waits of threads of another.
struct HandoffRow {
  std::string waker;
  std::string sleeper;
  std::uint64_t count = 0;
  std::uint64_t pairs = 0;  // of threads
};

struct WaitFigures {
  std::vector<WaitGroup> groups;     // longest first
  std::vector<HandoffRow> handoffs;  // most frequent first
};

// Absent where the snapshot holds no such waits.
std::optional<WaitFigures> wait_figures(const Snapshot& snapshot);

}  // namespace tr::metrics
