// Several runs of the same measurement with everything worked out that a report needs, once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metrics/repeats.h"
#include "report/judged_run.h"

namespace tr::report {

struct JudgedRepeats {
  struct Run {
    JudgedRun judged;
    std::string failure;  // what went wrong with it, beyond the doubts; empty: nothing

    [[nodiscard]] bool used() const { return failure.empty() && judged.verdict.fit(); }
  };

  // The snapshot must outlive the repeats.
  void add(const Snapshot& snapshot, std::string failure) {
    runs.push_back({JudgedRun(snapshot), std::move(failure)});
  }
  // After the last one.
  void sum_up() {
    std::vector<const metrics::Metrics*> used;
    for (const Run& run : runs)
      if (run.used()) used.push_back(&run.judged.metrics);
    fit = used.size();
    spreads = metrics::repeated_figures(used);
  }

  std::uint64_t asked = 0;  // how many were to be made
  std::vector<Run> runs;    // those that were
  std::uint64_t fit = 0;    // how many of them are behind the means
  std::vector<metrics::RepeatedFigure> spreads;
};

}  // namespace tr::report
