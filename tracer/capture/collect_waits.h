// Which objects exactly were waited for, and who ended the waits? Turns what the probes kept beside
// the records with --waits into a snapshot's values. No kernel is needed: maps in, values out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "capture/collect.h"
#include "snapshot/waits.h"

namespace tr::capture {

// The maps of probes/wait_causes.bpf.h.
struct RawWaits {
  std::vector<std::pair<tr_cause_key, std::uint32_t>> numbers;
  std::vector<tr_cause> causes;  // by number; the first is that of all others
  // Of the threads that slept, or were on their way to a CPU, at the close; by slot.
  std::map<std::uint32_t, tr_wait_note> sleeps;
  std::vector<std::pair<tr_wake_pair_key, tr_wake_pair>> handoffs;
  std::uint64_t unnamed_handoffs = 0;
  std::optional<std::map<std::uint32_t, tr_arrivals>> arrivals;  // by port
};

// Closes what is still open at the window's end, names it, puts it in order.
[[nodiscard]] Waits collect_waits(const RawCounts& raw, const RawWaits& waits, const Names& names);

}  // namespace tr::capture
