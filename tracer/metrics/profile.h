// Which functions use the CPU, and on which paths do threads block?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/snapshot.h"

namespace tr::metrics {

// A function over all stacks that it is on.
struct FunctionRow {
  std::uint64_t frame = 0;  // number in Stacks::frames
  std::uint64_t self = 0;   // samples in which it was at work itself
  std::uint64_t total = 0;  // or what it called; once per sample
};

// How much of the stacks is known; of 1, by samples or by time.
struct StackQuality {
  double unresolved = 0;  // with a frame that has no name
  double incomplete = 0;  // that do not reach their thread's first function
};

struct CpuUse {
  std::uint64_t samples = 0;
  // The tree's time on CPUs, counted exactly: the samples share it out.
  std::uint64_t cpu_ns = 0;
  std::uint64_t system_ns = 0;         // of it, in the kernel: counted, too
  std::vector<FunctionRow> functions;  // by `self`, then `total`
  StackQuality quality;

  [[nodiscard]] double ns_of(std::uint64_t of) const;
  [[nodiscard]] double share_of(std::uint64_t of) const;
  // One standard error of that share: sqrt(p (1 - p) / n).
  [[nodiscard]] double error_of(std::uint64_t of) const;
};

// Waits on one stack, for the same reason.
struct BlockedPath {
  std::uint64_t stack = 0;  // number in Stacks::stacks
  std::string call;         // as Wait
  std::string object;
  bool idle = false;  // waits for work
  std::uint64_t count = 0;
  std::uint64_t ns = 0;
};

struct OffCpu {
  std::uint64_t ns = 0;
  std::vector<BlockedPath> paths;  // those in the middle of work first, then the idle; the longest
                                   // first
  StackQuality quality;
};

struct StackFigures {
  std::optional<CpuUse> cpu;      // absent where no samples were taken
  std::optional<OffCpu> blocked;  // absent where waits were not told apart
};

// Whether a thread that blocks so waits for work.
bool waits_for_work(const BlockedStack& blocked);

// Absent where no stacks were kept.
std::optional<StackFigures> stack_figures(const Snapshot& snapshot);

}  // namespace tr::metrics
