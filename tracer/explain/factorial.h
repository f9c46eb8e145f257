// Do changes of a run act each by itself, or together in another way than their sum?
//
// A 2^k factorial design: runs with and without each of k changes, in all combinations. Pure: the
// runs are made elsewhere.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "explain/explain.h"
#include "snapshot/snapshot.h"
#include "statistics/sample.h"
#include "util/result.h"

namespace tr::explain {

inline constexpr std::size_t kMostFactors = 3;

// What is worth being tried together.
struct Factors {
  bool on_b = true;
  std::vector<Change> changes;  // at least two, of different things
};
// The changes of the experiments that took their causes away and did not refute them, on the side
// with the most of them, the first kMostFactors. Absent where there are not two.
std::optional<Factors> choose_factors(std::span<const PlannedExperiment> made,
                                      const Explanation& explanation);

// One change alone, averaged over the others (a main effect), or what two or three do together
// beyond that (an interaction): half of what one changes about the other's effect.
struct Effect {
  std::vector<Change> of;
  statistics::Estimate cpu_ns;                    // per message
  std::optional<statistics::Estimate> log_ratio;  // of the throughput: ln(with / without)

  // Of the CPU time: more than chance, with 95 % confidence.
  [[nodiscard]] bool shown() const;
};

// All runs with the same changes.
struct Setting {
  std::vector<Change> changes;
  std::size_t runs = 0;  // used
  double cpu_ns = 0;     // per message
  double per_second = 0;
};

struct Factorial {
  bool on_b = true;
  std::vector<Setting> settings;  // by bit mask over Factors::changes
  std::vector<Effect> effects;    // main effects, then of two, then of three
};

// `runs[mask]`: those with the changes of `mask` (bit i: Factors::changes[i]). Of runs that cannot
// be used nothing is taken. An error where a setting has none left.
Result<Factorial> judge_factorial(const Factors& factors,
                                  std::span<const std::vector<Snapshot>> runs);

}  // namespace tr::explain
