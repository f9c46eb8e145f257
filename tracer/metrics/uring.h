// What went through io_uring, per operation and per system call?
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "snapshot/snapshot.h"

namespace tr::metrics {

struct UringRow {
  UringOperation counts;
  std::uint64_t cancelled = 0;  // of the completions: ECANCELED
  std::uint64_t errors = 0;     // of them, other errors
  // Ended without a completion, or will do so: asked to be silent, and has not spoken.
  std::uint64_t silent = 0;
  std::optional<double> per_message;  // of those submitted and those completed, the larger
  // As SyscallResults, of the requests that completed once.
  std::optional<std::uint64_t> p50_ns;
  std::optional<std::uint64_t> p99_ns;
};

// A process that submits or completes.
struct UringProcess {
  std::int64_t tgid = 0;
  std::uint64_t submitted = 0;
  std::uint64_t completed = 0;
};

struct UringUse {
  std::vector<UringRow> rows;  // the most frequent first
  std::uint64_t submitted = 0;
  std::uint64_t by_sqpoll = 0;
  std::uint64_t completed = 0;
  std::uint64_t outside_calls = 0;
  std::uint64_t unknown_start = 0;
  std::uint64_t notifications = 0;
  std::uint64_t overflowed = 0;
  std::uint64_t enters = 0;  // calls of io_uring_enter
  // Of one of them, on average; what a kernel thread submits is not among them. Absent without any.
  std::optional<double> submitted_per_enter;
  std::optional<double> completed_per_enter;
  std::vector<UringProcess> processes;  // by id; without threads that were not kept one by one
};

// Absent where there was nothing of it.
std::optional<UringUse> uring_use(const Snapshot& snapshot, std::optional<std::uint64_t> messages);

// Calls of io_uring were made, but operations were not counted.
bool misses_uring(const Snapshot& snapshot);

}  // namespace tr::metrics
