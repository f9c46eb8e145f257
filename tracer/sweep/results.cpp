#include "sweep/results.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "metrics/verdict.h"

namespace tr::sweep {
namespace {

using metrics::Better;
using metrics::Figure;
using metrics::RepeatedFigure;
using metrics::Unit;

constexpr std::string_view kThroughput = "throughput.messages_per_second";

// What a sweep tells beyond figures_of().
std::vector<Figure> further_figures(const Snapshot& run, const metrics::Metrics& metrics) {
  std::vector<Figure> figures;
  const auto add = [&](std::string_view name, std::optional<double> value, Unit unit,
                       Better better) {
    if (value) figures.push_back({std::string(name), *value, unit, better});
  };
  add(kUserSeconds, metrics.total.user_ns, Unit::kNs, Better::kNeither);
  add(kSystemSeconds, metrics.total.system_ns, Unit::kNs, Better::kNeither);
  add(kWindow, metrics.window_s * 1e9, Unit::kNs, Better::kNeither);
  if (run.load && run.load->messages > 0)
    add(kJain, run.load->fairness_jain, Unit::kCount, Better::kHigher);
  return figures;
}

// Of figures that a run has always, or never for want of measuring.
std::vector<RepeatedFigure> repeated(const std::vector<std::vector<Figure>>& runs) {
  std::vector<RepeatedFigure> all;
  std::map<std::string, std::vector<double>> samples;
  for (const auto& figures : runs)
    for (const Figure& figure : figures) {
      std::vector<double>& sample = samples[figure.name];
      if (sample.empty()) all.push_back({.figure = figure, .mean = {}, .deviation = {}});
      sample.push_back(figure.value);
    }
  for (RepeatedFigure& each : all)
    each = metrics::repeated_figure(std::move(each.figure), samples[each.figure.name]);
  return all;
}

// Whether chance alone does not explain that `a` answers more than `b`.
bool surely_above(const RepeatedFigure& a, const RepeatedFigure& b) {
  if (a.mean.count < 2 || b.mean.count < 2) return false;
  const auto low = a.mean.interval ? a.mean.interval->low : a.mean.value;
  const auto high = b.mean.interval ? b.mean.interval->high : b.mean.value;
  return low > high;
}

Ranking ranking_of(std::span<const CellResult> cells, const std::vector<std::size_t>& members) {
  Ranking ranking;
  for (const std::size_t cell : members) {
    const RepeatedFigure& own = *cells[cell].find(kThroughput);
    Place place{.cell = cell, .first = 1, .last = members.size()};
    for (const std::size_t other : members) {
      if (surely_above(*cells[other].find(kThroughput), own)) ++place.first;
      if (surely_above(own, *cells[other].find(kThroughput))) --place.last;
    }
    ranking.push_back(place);
  }
  std::ranges::stable_sort(ranking, [&](const Place& a, const Place& b) {
    return *cells[a.cell].value(kThroughput) > *cells[b.cell].value(kThroughput);
  });
  return ranking;
}

// Calls `each` with the numbers of the cells that are alike, group by group.
void for_groups(std::span<const CellResult> cells, bool (*alike)(const Cell&, const Cell&),
                const auto& each) {
  for (std::size_t first = 0; first < cells.size(); ++first) {
    std::vector<std::size_t> members;
    bool begins = true;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (!alike(cells[first].cell, cells[i].cell)) continue;
      if (i < first) begins = false;
      if (cells[i].find(kThroughput) != nullptr) members.push_back(i);
    }
    if (begins) each(members);
  }
}

}  // namespace

CellResult judge_cell(const PlannedCell& planned, std::span<const Snapshot> runs,
                      std::vector<std::string> failures) {
  CellResult result;
  result.cell = planned.cell;
  result.skipped = planned.skipped;
  result.failures = std::move(failures);
  result.runs = runs.size();
  std::vector<metrics::Metrics> used;
  std::vector<std::vector<Figure>> further;
  used.reserve(runs.size());
  for (const Snapshot& run : runs) {
    metrics::Metrics metrics = metrics::compute(run);
    const metrics::Verdict verdict = metrics::verdict_on(metrics::doubts_about(run, metrics));
    for (const metrics::Doubt::Kind kind : verdict.unfit)
      ++result.unfit[kind];
    if (!verdict.fit()) continue;
    further.push_back(further_figures(run, metrics));
    used.push_back(std::move(metrics));
  }
  result.fit = used.size();
  std::vector<const metrics::Metrics*> pointers;
  for (const metrics::Metrics& metrics : used)
    pointers.push_back(&metrics);
  result.figures = metrics::repeated_figures(pointers);
  for (RepeatedFigure& figure : repeated(further))
    if (result.find(figure.figure.name) == nullptr) result.figures.push_back(std::move(figure));
  return result;
}

std::vector<Ranking> rank(std::span<const CellResult> cells) {
  std::vector<Ranking> rankings;
  for_groups(cells, same_setting, [&](const std::vector<std::size_t>& members) {
    if (!members.empty()) rankings.push_back(ranking_of(cells, members));
  });
  return rankings;
}

std::vector<Scaling> fit_scalings(std::span<const CellResult> cells) {
  std::vector<Scaling> scalings;
  for_groups(cells, same_but_connections, [&](const std::vector<std::size_t>& members) {
    std::vector<double> connections;
    std::vector<double> throughput;
    for (const std::size_t cell : members) {
      connections.push_back(static_cast<double>(cells[cell].cell.connections));
      throughput.push_back(*cells[cell].value(kThroughput));
    }
    if (const auto law = statistics::fit_scalability(connections, throughput))
      scalings.push_back({.cell = members.front(), .points = members.size(), .law = *law});
  });
  return scalings;
}

Result<Results> read_results(const Folder& folder) {
  Results results;
  const Manifest& manifest = folder.manifest();
  results.repeats = manifest.repeats;
  bool any = false;
  for (std::size_t cell = 0; cell < manifest.cells.size(); ++cell) {
    std::vector<Snapshot> runs;
    std::vector<std::string> failures;
    for (std::uint64_t repeat = 1; repeat <= manifest.repeats; ++repeat) {
      const RunId id{.cell = cell, .repeat = repeat};
      auto run = folder.run(id);
      if (!run) return std::move(run).error();
      if (*run)
        runs.push_back(**std::move(run));
      else if (std::string why = folder.failure(id); !why.empty())
        failures.push_back(std::move(why));
    }
    if (!runs.empty()) {
      const RunConfig& config = runs.front().config;
      if (!any) {
        results.environment = runs.front().environment;
        results.config = config;
        any = true;
      }
      results.one_window &= config.duration_s == results.config.duration_s &&
                            config.warmup_s == results.config.warmup_s;
    }
    results.cells.push_back(judge_cell(manifest.cells[cell], runs, std::move(failures)));
  }
  if (!any) {
    std::string why = "no run of it has been made";
    for (const CellResult& cell : results.cells)
      if (!cell.failures.empty()) {
        why +=
            fmt::format("; the first failed as {}: {}", label_of(cell.cell), cell.failures.front());
        break;
      }
    return Error{.operation = "report on the sweep in", .object = folder.path(), .why = why};
  }
  results.rankings = rank(results.cells);
  results.scalings = fit_scalings(results.cells);
  return results;
}

}  // namespace tr::sweep
