// A run with everything worked out that a report needs, once.
#pragma once

#include <vector>

#include "metrics/doubts.h"
#include "metrics/metrics.h"
#include "metrics/verdict.h"
#include "snapshot/snapshot.h"

namespace tr::report {

struct JudgedRun {
  // The snapshot must outlive the run.
  explicit JudgedRun(const Snapshot& taken)
      : snapshot(taken),
        metrics(metrics::compute(taken)),
        doubts(metrics::doubts_about(taken, metrics)),
        verdict(metrics::verdict_on(doubts)) {}

  [[nodiscard]] bool measured(Figures figures) const {
    return !snapshot.unmeasured.contains(figures);
  }

  const Snapshot& snapshot;
  metrics::Metrics metrics;
  std::vector<metrics::Doubt> doubts;
  metrics::Verdict verdict;
};

}  // namespace tr::report
