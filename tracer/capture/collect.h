// What did the probes count? Turns the kernel's records, as they were left when the probes were
// detached, into a snapshot's counts. No kernel is needed: records in, values out.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "capture/collect_uring.h"
#include "records.h"
#include "snapshot/snapshot.h"

namespace tr::capture {

// How numbers get their names.
struct Names {
  std::function<std::string(int number, bool compat)> syscall;
  std::function<std::string(std::uint32_t operation)> futex;
};

// What was counted of the ways of messages.
struct RawPaths {
  std::uint32_t message_size = 0;  // 0: they differ
  std::vector<tr_paths> cpus;
  std::array<std::uint64_t, TR_PATH_NOTES> notes{};
  std::string last_turns_unmeasured;  // why; of connections still open when all was over
};

// What was counted between servers of the tree; the sums by themselves, for their size.
struct RawHops {
  std::unique_ptr<tr_hops> sums;
  std::vector<tr_origin> origins;  // in no order; unused ones have no id
  std::array<std::uint64_t, TR_HOP_NOTES> notes{};
};

// The kernel's side of a run, copied out of the maps.
struct RawCounts {
  std::uint64_t window_open_ns = 0;
  std::uint64_t window_close_ns = 0;
  bool counts_only = false;            // no clock was read: no times, no latencies
  bool budget = false;                 // waits have their causes, calls their CPU time
  std::span<const tr_thread> records;  // without the unused record 0
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> spilled;  // (serial, cell)
  tr_folded folded{};
  std::vector<tr_cpu> cpus;  // the online ones
  std::optional<RawPaths> paths;
  std::optional<RawHops> hops;
  UringUnderWay uring_under_way;  // when the window closed, and later
};

struct Collected {
  TaskCounts total;
  std::vector<ThreadCounts> threads;  // by tgid, then tid
  std::uint64_t folded_threads = 0;
  std::uint64_t folded_life_ns = 0;
  std::optional<CpuTime> cpu_time;  // with a budget
  std::optional<MessagePath> message_path;
  std::optional<MessageHops> message_hops;
};

// The part of [from, to) inside the window.
[[nodiscard]] std::uint64_t inside(const RawCounts& raw, std::uint64_t from, std::uint64_t to);

// A wait that was still open when the window closed: its cause as TR_WAIT_KEY with the waker
// "nobody", unless its wake-up had begun, and its time inside the window.
struct OpenWait {
  std::uint32_t cause = 0;
  std::uint64_t ns = 0;
};
[[nodiscard]] std::optional<OpenWait> open_wait(const RawCounts& raw, const tr_thread& record);

// The cause of a wait in words; without count and time.
[[nodiscard]] Wait name_cause(std::uint32_t wait_key, const Names& names);

// collect_message_path.cpp
[[nodiscard]] MessagePath message_path(const RawPaths& raw);

// collect_message_hops.cpp
[[nodiscard]] MessageHops message_hops(const RawCounts& counts, const RawHops& raw);

// Closes what is still open at the window's end (states, calls under way), names it, adds it up.
// Threads whose life does not touch the window are left out.
[[nodiscard]] Collected collect(const RawCounts& raw, const Names& names);

}  // namespace tr::capture
