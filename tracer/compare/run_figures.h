// A run as a comparison needs it, worked out once.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "metrics/figures.h"
#include "metrics/metrics.h"

namespace tr::compare {

struct RunFigures {
  metrics::Metrics metrics;
  std::vector<metrics::Figure> figures;
};

using RunList = std::vector<RunFigures>;

}  // namespace tr::compare
