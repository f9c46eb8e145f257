// Which calls were made for nothing, and how much did those that wait bring?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/snapshot.h"

namespace tr::metrics {

struct WasteRow {
  enum class Kind {
    kAgain,       // EAGAIN: found nothing, no room, or of a futex: its value had changed
    kEmpty,       // a wait for events that returned none
    kInVain,      // slept, was woken by no timer, and found nothing
    kWokeNobody,  // a futex call that was to wake, and woke none
  };
  Kind kind = Kind::kAgain;
  std::string call;
  std::uint64_t count = 0;
  std::optional<double> per_message;
  double share = 0;  // of its calls; kWokeNobody: of the futex calls that were to wake
};

// What a call that waits for events brings on average.
struct Batch {
  std::string call;
  double events = 0;
};

struct Waste {
  std::vector<WasteRow> rows;  // those that happened, the most frequent first
  std::vector<Batch> batches;
};

// Absent where only calls were counted, or by whom that was not known.
std::optional<Waste> find_waste(const Snapshot& snapshot, std::optional<std::uint64_t> messages);

}  // namespace tr::metrics
