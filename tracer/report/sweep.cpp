#include "report/sweep.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "report/sweep_parts.h"
#include "report/units.h"

namespace tr::report {
namespace {

using sweep::CellResult;
using sweep::Results;

// The servers of a grid, the names of a list.
std::vector<std::string> labels_of(const Results& results) {
  std::vector<std::string> labels;
  for (const CellResult& cell : results.cells)
    if (std::string label = printable(label_of(cell.cell));
        std::ranges::find(labels, label) == labels.end())
      labels.push_back(std::move(label));
  return labels;
}

// The cells under one load in the order of their ranks; those without one behind.
std::vector<CellRow> ranked_rows(const Results& results, const sweep::Cell& setting) {
  std::vector<CellRow> rows;
  const auto add = [&](std::size_t cell) {
    if (std::ranges::find(rows, cell, &CellRow::cell) == rows.end())
      rows.push_back({printable(label_of(results.cells[cell].cell)), cell});
  };
  for (const sweep::Ranking& ranking : results.rankings)
    for (const sweep::Place& place : ranking)
      if (same_setting(results.cells[place.cell].cell, setting)) add(place.cell);
  for (std::size_t cell = 0; cell < results.cells.size(); ++cell)
    if (same_setting(results.cells[cell].cell, setting) && results.cells[cell].skipped.empty())
      add(cell);
  return rows;
}

void add_setting(const Results& results, const sweep::Cell& setting, bool full, Report& report) {
  const std::vector<CellRow> rows = ranked_rows(results, setting);
  if (rows.empty()) return;
  const std::string title = setting_text(results, setting);
  report.sections.push_back({title, {}, result_table(results, rows, !full), {}});
  if (!full) return;
  if (auto counts = count_table(results, rows))
    report.sections.push_back({title + ": counts per message", {}, std::move(counts), {}});
  if (auto states = state_table(results, rows))
    report.sections.push_back({title + ": where a message's time goes", {}, std::move(states), {}});
}

std::string headline(const Results& results, std::size_t labels) {
  const std::string what =
      fmt::format("{} {}{}", labels, is_list(results) ? "cell" : "server", labels == 1 ? "" : "s");
  const std::size_t settings = results.rankings.size();
  if (settings == 0) return what + ": no run is fit to be compared";
  std::set<std::string> firsts;
  for (const sweep::Ranking& ranking : results.rankings)
    if (ranking.size() > 1 && ranking.front().last == 1)
      firsts.insert(printable(label_of(results.cells[ranking.front().cell].cell)));
  std::string text =
      fmt::format("{} under {} {}", what, settings, settings == 1 ? "load" : "loads");
  if (labels < 2) return text;
  return text + (firsts.empty() ? ": under none is one of them ahead beyond chance"
                                : ": ahead beyond chance under one or more: " +
                                      joined({firsts.begin(), firsts.end()}));
}

std::optional<Section> scaling_section(const Results& results) {
  if (results.scalings.empty()) return std::nullopt;
  Section section{"Throughput over connections", {}, scaling_table(), scaling_remarks()};
  for (const sweep::Scaling& scaling : results.scalings) {
    const sweep::Cell& cell = results.cells[scaling.cell].cell;
    // Without the connections, over which the law goes.
    std::string name = setting_text(results, cell);
    const std::size_t comma = name.find(" connection");
    const std::size_t rest = name.find(", ", comma);
    name = program_text(cell) + (rest == std::string::npos ? "" : name.substr(rest));
    Row row{{std::move(name)}, 0};
    for (std::string& text : scaling_cells(scaling))
      row.cells.push_back(std::move(text));
    section.table->rows.push_back(std::move(row));
  }
  return section;
}

}  // namespace

Report build_report(const Results& results, bool full) {
  const std::vector<std::string> labels = labels_of(results);
  Report report;
  report.headline = headline(results, labels.size());
  report.sections.push_back(sweep_setting_section(results, joined(labels)));
  for (std::size_t first = 0; first < results.cells.size(); ++first) {
    const sweep::Cell& setting = results.cells[first].cell;
    const bool told = std::any_of(
        results.cells.begin(), results.cells.begin() + static_cast<std::ptrdiff_t>(first),
        [&](const CellResult& before) { return same_setting(before.cell, setting); });
    if (!told) add_setting(results, setting, full, report);
  }
  report.sections.back().remarks.push_back(
      "Ranks are by messages per second; servers whose 95 % intervals overlap share a range of "
      "ranks. A single run has no interval, and any rank is possible. Times and calls are per "
      "message, latency is the load's.");
  if (auto scaling = scaling_section(results)) report.sections.push_back(*std::move(scaling));
  report.warnings = cell_warnings(results, "");
  return report;
}

}  // namespace tr::report
