#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "compare/budget_difference.h"
#include "compare/comparison.h"
#include "compare/run_figures.h"
#include "metrics/verdict.h"

namespace tr::compare {
namespace {

using metrics::Figure;
using metrics::Unit;

// Each run's doubts that make it unfit.
using Judged = std::pair<RunFigures, metrics::Verdict>;

Judged judge(const Snapshot& run) {
  Judged judged;
  judged.first.metrics = metrics::compute(run);
  judged.first.figures = figures_of(judged.first.metrics);
  judged.second = metrics::verdict_on(doubts_about(run, judged.first.metrics));
  return judged;
}

std::vector<Judged> judge(std::span<const Snapshot> runs) {
  std::vector<Judged> judged;
  judged.reserve(runs.size());
  for (const Snapshot& run : runs)
    judged.push_back(judge(run));
  return judged;
}

// Those that may be used; the unfit are noted.
RunList usable(const std::vector<Judged>& runs, const std::vector<Judged>* partners, char side,
               Unfit unfit, std::vector<UnfitRun>& noted) {
  RunList list;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const bool fit = runs[i].second.fit();
    const bool alone = partners != nullptr && !(*partners)[i].second.fit();
    const bool used = unfit == Unfit::kUse || (fit && !alone);
    if (used) list.push_back(runs[i].first);
    if (!used || !fit) noted.push_back({side, i + 1, runs[i].second.unfit, used});
  }
  return list;
}

// Names in the order of the runs' reports.
std::vector<Figure> all_figures(const RunList& a, const RunList& b) {
  std::vector<Figure> figures;
  std::set<std::string> known;
  for (const RunList* side : {&a, &b})
    for (const RunFigures& run : *side)
      for (const Figure& figure : run.figures)
        if (known.insert(figure.name).second) figures.push_back(figure);
  return figures;
}

// The figure in each run; none unless it was measured in all.
std::vector<double> values_of(const RunList& runs, const std::string& name) {
  std::vector<double> values;
  for (const RunFigures& run : runs) {
    const auto found = std::ranges::find(run.figures, name, &Figure::name);
    const auto value = found != run.figures.end() ? std::optional(found->value)
                                                  : value_if_missing(run.metrics, name);
    if (!value) return {};
    values.push_back(*value);
  }
  return values;
}

double rare_below(Unit unit) {
  switch (unit) {
    case Unit::kCount:
      return kRareCount;
    case Unit::kNs:
    case Unit::kBytes:
      return kRareNs;
    case Unit::kPerSecond:
      break;
  }
  return 0;
}

bool is_rare(const Row& row) {
  return std::max(std::abs(row.a), std::abs(row.b)) < rare_below(row.unit);
}

bool is_worth_telling(const Row& row) {
  const double change = std::abs(row.difference.change.value);
  return change > kWorthTelling * std::max(std::abs(row.a), std::abs(row.b)) &&
         change >= rare_below(row.unit);
}

// Memory comes in pages: a few runs are often alike to the byte, and others as often are not.
bool is_exact(const Row& row, const Comparison& comparison) {
  constexpr std::size_t kEnough = 6;  // a sign test of so many pairs has p = 2 / 2^6
  if (row.name.starts_with("memory."))
    return std::min(comparison.runs_a, comparison.runs_b) >= kEnough;
  return true;
}

// Over all rows at once: with a hundred of them, five would be "significant" by chance.
void judge_rows(Comparison& comparison) {
  std::vector<Row*> tested;
  std::vector<double> p;
  for (Row& row : comparison.rows) {
    if (is_rare(row)) {
      row.standing = Standing::kRare;
    } else if (comparison.one_run()) {
      row.standing = Standing::kOneRun;
    } else if (row.difference.exact) {
      // The same in all runs of a side.
      const bool shown = is_worth_telling(row) && is_exact(row, comparison);
      row.standing = shown ? Standing::kShown : Standing::kNotShown;
      ++comparison.tested;
    } else if (row.difference.p) {
      tested.push_back(&row);
      p.push_back(*row.difference.p);
    }
  }
  comparison.tested += tested.size();
  const std::vector<double> adjusted = statistics::benjamini_hochberg(p);
  for (std::size_t i = 0; i < tested.size(); ++i) {
    tested[i]->adjusted_p = adjusted[i];
    if (adjusted[i] <= kFalseShare && is_worth_telling(*tested[i]))
      tested[i]->standing = Standing::kShown;
  }
}

void add_rows(const RunList& a, const RunList& b, Comparison& comparison) {
  for (const Figure& figure : all_figures(a, b)) {
    const std::vector<double> ours = values_of(a, figure.name);
    const std::vector<double> theirs = values_of(b, figure.name);
    if (ours.empty() || theirs.empty()) continue;
    Row row;
    row.name = figure.name;
    row.unit = figure.unit;
    row.better = figure.better;
    row.a = statistics::mean(ours);
    row.b = statistics::mean(theirs);
    row.difference =
        comparison.paired ? statistics::paired(ours, theirs) : statistics::unpaired(ours, theirs);
    comparison.rows.push_back(std::move(row));
  }
}

void number_rows(Comparison& comparison) {
  std::map<std::string_view, std::size_t> rows;
  for (std::size_t i = 0; i < comparison.rows.size(); ++i)
    rows[comparison.rows[i].name] = i;
  const auto number = [&](const std::string& name) -> std::optional<std::size_t> {
    const auto found = rows.find(name);
    return found == rows.end() ? std::nullopt : std::optional(found->second);
  };
  const auto figure_of = [](const std::string& state) {
    return "budget.states." + state + ".per_message_ns";
  };
  if (comparison.budget)
    for (StateRow& row : comparison.budget->rows)
      row.row = number(figure_of(row.name));
  for (CallRow& row : comparison.calls) {
    row.calls_row = number("syscalls." + row.name + ".per_message");
    row.time_row = number(figure_of("system:" + row.name));
  }
}

std::string reasons(const std::vector<Judged>& runs) {
  const auto unmessaged = std::ranges::all_of(
      runs, [](const Judged& run) { return !run.first.metrics.messages.count; });
  return unmessaged ? "its runs have no messages to divide by"
                    : "each of its runs is unfit for it, or the run it is paired with";
}

}  // namespace

const Row* Comparison::find(std::string_view name) const {
  const auto found = std::ranges::find(rows, name, &Row::name);
  return found == rows.end() ? nullptr : &*found;
}

Result<Comparison> compare_runs(std::span<const Snapshot> a, std::span<const Snapshot> b,
                                bool paired, Unfit unfit) {
  Comparison comparison;
  comparison.paired = paired && a.size() == b.size();
  comparison.settings = setting_differences(a, b);
  if (!a.empty()) comparison.server_a = a.front().config.server;
  if (!b.empty()) comparison.server_b = b.front().config.server;
  const std::vector<Judged> ours = judge(a);
  const std::vector<Judged> theirs = judge(b);
  const bool pairs = comparison.paired;
  const RunList used_a = usable(ours, pairs ? &theirs : nullptr, 'A', unfit, comparison.unfit);
  const RunList used_b = usable(theirs, pairs ? &ours : nullptr, 'B', unfit, comparison.unfit);
  comparison.runs_a = used_a.size();
  comparison.runs_b = used_b.size();
  for (const auto& [side, used, all] :
       {std::tuple('A', &used_a, &ours), std::tuple('B', &used_b, &theirs)})
    if (used->empty())
      return Error{.operation = fmt::format("compare with {}", side),
                   .object = {},
                   .why = reasons(*all),
                   .remedy = "trace-run report shows a run's warnings"};
  add_rows(used_a, used_b, comparison);
  if (comparison.rows.empty())
    return Error{.operation = "compare the runs",
                 .object = {},
                 .why = "no figure was measured on both sides",
                 .remedy = "runs without messages have none"};
  judge_rows(comparison);
  comparison.budget = budget_difference(used_a, used_b, comparison.paired);
  comparison.calls = call_differences(used_a, used_b, comparison.budget);
  number_rows(comparison);
  return comparison;
}

}  // namespace tr::compare
