// Which answers count?
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "snapshot/snapshot.h"
#include "util/fd.h"
#include "util/result.h"

namespace tr::load {

// The measurement window, [open_ns, close_ns) on CLOCK_MONOTONIC: an answer counts when the time
// stamp taken at its last byte lies in it.
struct Window {
  std::uint64_t open_ns = 0;
  std::uint64_t close_ns = 0;
};

// Answers are also counted in bins of this length; of twice, four times... as much where the window
// would have more than kMaxBins of them.
inline constexpr std::uint64_t kBinNs = 100'000'000;
inline constexpr std::uint64_t kMaxBins = 1024;
// After the window they are counted in bins of this length.
inline constexpr std::uint64_t kAfterBinNs = 10'000'000;

// The window while the load runs, and how long that goes on afterwards; shared by the threads that
// send and the one that may end it early. Closing it early wakes every sleeper that has taken a
// wake-up descriptor.
class LiveWindow {
 public:
  // `connections`: how many there are to lose before there is nothing left to measure.
  explicit LiveWindow(std::uint64_t connections) : connections_(connections) {}

  // Sets its times; before the first thread starts. The load ends `after_ns` later.
  void plan(Window planned, std::uint64_t after_ns = 0);

  [[nodiscard]] std::uint64_t open_ns() const { return open_ns_; }
  [[nodiscard]] std::uint64_t close_ns() const { return close_ns_.load(std::memory_order_relaxed); }
  // When the load ends: at the close or later.
  [[nodiscard]] std::uint64_t end_ns() const { return end_ns_.load(std::memory_order_relaxed); }
  // For the answers of the whole window as it was planned, and of what comes after: none yet.
  [[nodiscard]] AnswerBins empty_bins() const;
  [[nodiscard]] AnswerBins empty_bins_after() const;
  [[nodiscard]] Window window() const { return {open_ns_, close_ns()}; }

  // A descriptor that becomes readable when the window is closed early; owned by the window. Take
  // them before the first thread starts as well.
  Result<int> add_sleeper();

  // Moves the close, and the end, forward to `ns`, if that is earlier; true if the close was moved.
  // Any thread may call it.
  bool close_early(std::uint64_t ns);

  // A connection broke at `ns`; with the last one the window closes.
  void lose_connection(std::uint64_t ns);

 private:
  std::uint64_t open_ns_ = 0;
  std::atomic<std::uint64_t> close_ns_ = 0;
  std::atomic<std::uint64_t> end_ns_ = 0;
  std::uint64_t planned_ns_ = 0;  // its length
  std::uint64_t after_ns_ = 0;
  std::atomic<std::uint64_t> connections_;
  std::vector<Fd> sleepers_;
};

}  // namespace tr::load
