// What do several runs of the same measurement say of each figure?
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "metrics/figures.h"
#include "metrics/metrics.h"
#include "statistics/sample.h"

namespace tr::metrics {

struct RepeatedFigure {
  Figure figure;              // its value: the mean
  statistics::Estimate mean;  // with its 95 % interval; none of one run
  // Standard deviation over the runs, as a share of the mean; absent for one run or a mean of 0.
  std::optional<double> deviation;
  double least = 0;
  double greatest = 0;
};

// What these values, at least one, say of the figure.
RepeatedFigure repeated_figure(Figure figure, std::span<const double> values);

// Of each figure that any of these runs has, in the order of figures_of(). A call that only some of
// them made counts 0 in the others; a run in which a figure was not measured is not among those
// behind its mean.
std::vector<RepeatedFigure> repeated_figures(std::span<const Metrics* const> runs);

// nullptr where there is none of that name.
const RepeatedFigure* find(std::span<const RepeatedFigure> spreads, std::string_view name);

}  // namespace tr::metrics
