// Which group of probes costs how much?
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "snapshot/snapshot.h"

namespace tr::metrics {

// Programs that answer one question. What an option adds to a program that runs anyway is in that
// program's group: --waits makes "scheduling" dearer.
struct ProbeGroup {
  std::string_view name;
  std::uint64_t runs = 0;  // for traced threads, inside the window
  // Of those runs, in all, without programs whose cost is not known; absent: it is of none.
  std::optional<double> ns;
  std::optional<double> per_message_ns;
  std::uint64_t untraced_runs = 0;  // for other threads
  std::vector<ProgramCost> programs;
};

// Those with programs that ran, in a fixed order.
std::vector<ProbeGroup> probe_groups(const Overhead& overhead,
                                     std::optional<std::uint64_t> messages);

// Of the probes' time on traced threads, in ns, what lies in their state "user code": that of the
// probes which run on the way back to it, after the clock was read that ends the call, and of those
// in the program itself. 0 where no cost is known.
double user_probe_ns(const Overhead& overhead);

}  // namespace tr::metrics
