// Runs with a cause planted in them, of known size.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "../compare/synthetic_runs.h"
#include "explain/explain.h"

namespace tr::explain {

inline constexpr std::size_t kPairs = 6;

// In pairs; of B alone where `a` is empty. A test fails where nothing can be explained.
inline Explanation explained(std::span<const Snapshot> a, std::span<const Snapshot> b,
                             compare::Unfit unfit = compare::Unfit::kLeaveOut) {
  auto explanation = explain(a, b, !a.empty(), unfit);
  EXPECT_TRUE(explanation.ok()) << explanation.error().text();
  return explanation ? *std::move(explanation) : Explanation();
}

inline void each_counts(Snapshot& run, const auto& change) {
  change(run.total);
  change(run.threads.front().counts);
}

// So many calls per message, which take so many ns of CPU time per message together.
inline void plant_calls(Snapshot& run, const std::string& name, double calls, double ns,
                        double again = 0) {
  const auto messages = static_cast<double>(run.load->messages);
  each_counts(run, [&](TaskCounts& counts) {
    auto call = std::find_if(counts.syscalls.begin(), counts.syscalls.end(),
                             [&](const SyscallStats& known) { return known.name == name; });
    if (call == counts.syscalls.end()) {
      SyscallStats added;
      added.name = name;
      added.cpu_ns = 0;
      call = counts.syscalls.insert(counts.syscalls.end(), added);
    }
    const auto spent = static_cast<std::uint64_t>(ns * messages);
    call->calls += static_cast<std::uint64_t>(calls * messages);
    *call->cpu_ns += spent;
    if (again > 0) {
      if (!counts.woke_nobody) counts.woke_nobody.emplace();
      const auto failed = static_cast<std::uint64_t>(again * messages);
      call->errors += failed;
      call->errors_by_errno[11] += failed;
    }
    counts.system_ns += spent;
    counts.blocked_ns -= spent;
    counts.budget->waits.back().ns -= spent;
  });
}

// It was also made without probes: so much CPU time per message.
inline void make_bare(Snapshot& run, double cpu_ns) {
  const std::uint64_t messages = run.load->messages / 4;
  run.overhead.bare = {
      .window_ns = 500'000'000,
      .messages = messages,
      .cpu_ns = static_cast<std::uint64_t>(cpu_ns * static_cast<double>(messages))};
}

inline std::vector<Snapshot> planted(std::vector<Snapshot> runs, const auto& plant) {
  for (Snapshot& run : runs)
    plant(run);
  return runs;
}

}  // namespace tr::explain
