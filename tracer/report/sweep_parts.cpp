#include "report/sweep_parts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "report/figure_names.h"
#include "report/repeats.h"
#include "report/sections.h"
#include "report/units.h"
#include "report/warnings.h"

namespace tr::report {
namespace {

using sweep::CellResult;
using sweep::Results;
using Align = Column::Align;

constexpr std::string_view kRate = "throughput.messages_per_second";

struct FigureColumn {
  std::string_view heading;
  std::string_view figure;
};

constexpr std::array kBriefResult{
    FigureColumn{"CPU time", "per_message.cpu_ns"}, FigureColumn{"p50", "latency_ns.p50"},
    FigureColumn{"p99", "latency_ns.p99"}, FigureColumn{"calls", "per_message.syscalls"}};
constexpr std::array kResult{
    FigureColumn{"user", "per_message.user_ns"}, FigureColumn{"system", "per_message.system_ns"},
    FigureColumn{"latency p50", "latency_ns.p50"}, FigureColumn{"latency p99", "latency_ns.p99"},
    FigureColumn{"fairness (Jain)", sweep::kJain}};
constexpr std::array kCounts{FigureColumn{"system calls", "per_message.syscalls"},
                             FigureColumn{"futex", "per_message.futex"},
                             FigureColumn{"switches", "per_message.context_switches"},
                             FigureColumn{"migrations", "per_message.migrations"},
                             FigureColumn{"receives", "per_message.socket_receives"},
                             FigureColumn{"sends", "per_message.socket_sends"},
                             FigureColumn{"user, in all", sweep::kUserSeconds},
                             FigureColumn{"system, in all", sweep::kSystemSeconds},
                             FigureColumn{"window", sweep::kWindow}};

std::size_t distinct(const Results& results, const auto& value) {
  std::set<std::decay_t<decltype(value(results.cells.front().cell))>> values;
  for (const CellResult& cell : results.cells)
    values.insert(value(cell.cell));
  return values.size();
}

// The figure in all rows, in one unit.
void add_column(const Results& results, const std::vector<CellRow>& rows, FigureColumn column,
                Table& table) {
  double like = 0;
  for (const CellRow& row : rows)
    like = std::max(like, std::abs(results.cells[row.cell].value(column.figure).value_or(0)));
  table.columns.push_back({std::string(column.heading), Align::kPoint});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto* figure = results.cells[rows[i].cell].find(column.figure);
    table.rows[i].cells.push_back(
        figure == nullptr ? ""
        : column.figure == sweep::kJain
            ? fmt::format("{:.3f}", figure->figure.value)
            : figure_text(figure->figure.value, figure->figure.unit, like));
  }
}

Table table_of(const std::vector<CellRow>& rows) {
  Table table{{{"", Align::kLeft}}, {}};
  for (const CellRow& row : rows)
    table.rows.push_back({{row.label}, 0});
  return table;
}

std::string runs_text(const CellResult& cell) {
  std::vector<std::string> reasons;
  for (const auto& [kind, runs] : cell.unfit)
    reasons.push_back(runs == 1 ? doubt_name(kind)
                                : fmt::format("{} ({} runs)", doubt_name(kind), runs));
  return fmt::format("{} of {} runs are not used: {}", cell.runs - cell.fit, cell.runs,
                     joined(reasons));
}

// What is said of the kind of state that a name of metrics::state_name() begins with.
constexpr std::array<std::pair<std::string_view, const char*>, 9> kKinds{
    {{"user", "user code"},
     {"system:", "system calls"},
     {"delivery", "own delivery"},
     {"interrupt", "interrupts"},
     {"waking", "waking up"},
     {"runqueue:woken", "run queue: woken"},
     {"runqueue:preempted", "run queue: preempted"},
     {"blocked:", "blocked"},
     {"idle:", "idle"}}};

std::optional<double> sum_of_kind(const CellResult& cell, std::string_view kind) {
  constexpr std::string_view kPrefix = "budget.states.";
  bool budget = false;
  double sum = 0;
  for (const metrics::RepeatedFigure& figure : cell.figures) {
    std::string_view name = figure.figure.name;
    if (!name.starts_with(kPrefix)) continue;
    budget = true;
    name.remove_prefix(kPrefix.size());
    if (name.starts_with(kind)) sum += figure.figure.value;
  }
  return budget ? std::optional(sum) : std::nullopt;
}

}  // namespace

bool is_list(const Results& results) {
  return !results.cells.empty() && !results.cells.front().cell.name.empty();
}

std::string program_text(const sweep::Cell& cell) {
  return printable(cell.program.empty() ? cell.server : joined(cell.program, " "));
}

std::string setting_text(const Results& results, const sweep::Cell& cell) {
  std::string text = cell.connections == 1
                         ? "1 connection"
                         : fmt::format("{} connections", count_text(cell.connections));
  if (distinct(results, [](const sweep::Cell& each) { return each.pin; }) > 1 || !cell.pin.empty())
    text += ", " + pinned(cell.pin);
  if (distinct(results, [](const sweep::Cell& each) { return each.size; }) > 1)
    text += ", " + bytes_text(static_cast<double>(cell.size));
  if (distinct(results, [](const sweep::Cell& each) { return each.pipeline; }) > 1)
    text += fmt::format(", {} under way each", cell.pipeline);
  if (!cell.load.empty()) text += ", " + printable(cell.load);
  return text;
}

Section sweep_setting_section(const Results& results, const std::string& servers,
                              std::string_view only) {
  const RunConfig& config = results.config;
  std::vector<std::string> load{printable(config.load)};
  if (distinct(results, [](const sweep::Cell& each) { return each.size; }) == 1 && config.size > 0)
    load.back() += fmt::format(", {} a message", bytes_text(static_cast<double>(config.size)));
  load.back() += config.rate > 0
                     ? fmt::format(", {} messages/s planned (open loop)", number_text(config.rate))
                     : ", each connection sends again when answered (closed loop)";
  load.push_back(pinned(config.pin_load));
  if (distinct(results, [](const sweep::Cell& each) { return each.load; }) > 1)
    load = {"differs by cell: it is named where the figures stand"};
  std::uint64_t planned = 0;
  std::uint64_t made = 0;
  std::uint64_t fit = 0;
  for (const CellResult& cell : results.cells) {
    if (!only.empty() && cell.cell.server != only) continue;
    if (cell.skipped.empty()) planned += results.repeats;
    made += cell.runs;
    fit += cell.fit;
  }
  std::string measured = fmt::format("{} of {} runs, {} fit to be compared, a fresh process each",
                                     count_text(made), count_text(planned), count_text(fit));
  if (!results.one_window)
    measured += ": windows of each cell's own length";
  else if (config.duration_s > 0)
    measured += fmt::format(": {}", duration_text(config.duration_s * 1e9));
  if (results.one_window && config.warmup_s > 0)
    measured += fmt::format(" after {} of warm-up", duration_text(config.warmup_s * 1e9));
  measured += fmt::format("; {}, trace-run {}", printable(results.environment.date),
                          printable(results.environment.tool_version));
  return {"What ran, and where",
          {{is_list(results) && only.empty() ? "Cells" : "Servers", {servers}},
           {"Load", std::move(load)},
           machine_fact(results.environment),
           {"Measured", {measured}}},
          std::nullopt,
          {}};
}

std::string place_text(const Results& results, std::size_t cell) {
  for (const sweep::Ranking& ranking : results.rankings)
    for (const sweep::Place& place : ranking)
      if (place.cell == cell)
        return place.first == place.last ? fmt::to_string(place.first)
                                         : fmt::format("{}-{}", place.first, place.last);
  return {};
}

Table result_table(const Results& results, const std::vector<CellRow>& rows, bool brief) {
  Table table = table_of(rows);
  table.columns.push_back({"rank", Align::kLeft});
  for (std::size_t i = 0; i < rows.size(); ++i)
    table.rows[i].cells.push_back(place_text(results, rows[i].cell));
  add_column(results, rows, {"messages/s", kRate}, table);
  table.columns.push_back({"+-95 %", Align::kPoint});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto* rate = results.cells[rows[i].cell].find(kRate);
    table.rows[i].cells.push_back(rate == nullptr ? "" : margin_text(*rate));
  }
  if (brief)
    for (const FigureColumn& column : kBriefResult)
      add_column(results, rows, column, table);
  else
    for (const FigureColumn& column : kResult)
      add_column(results, rows, column, table);
  return table;
}

std::optional<Table> count_table(const Results& results, const std::vector<CellRow>& rows) {
  const bool any = std::ranges::any_of(
      rows, [&](const CellRow& row) { return !results.cells[row.cell].figures.empty(); });
  if (!any) return std::nullopt;
  Table table = table_of(rows);
  for (const FigureColumn& column : kCounts)
    add_column(results, rows, column, table);
  return table;
}

std::optional<Table> state_table(const Results& results, const std::vector<CellRow>& rows) {
  Table table = table_of(rows);
  bool any = false;
  for (const auto& [kind, heading] : kKinds) {
    table.columns.push_back({heading, Align::kPoint});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto sum = sum_of_kind(results.cells[rows[i].cell], kind);
      any |= sum.has_value();
      table.rows[i].cells.push_back(sum ? duration_text(*sum) : "");
    }
  }
  return any ? std::optional(std::move(table)) : std::nullopt;
}

std::vector<std::string> cell_warnings(const Results& results, std::string_view server) {
  std::vector<std::string> warnings;
  std::map<std::string, std::set<std::uint64_t>> skipped;
  std::uint64_t missing = 0;
  for (const CellResult& cell : results.cells) {
    if (!server.empty() && cell.cell.server != server) continue;
    const std::string name = cell.cell.name.empty() ? printable(cell.cell.server) + ", " +
                                                          setting_text(results, cell.cell)
                                                    : printable(cell.cell.name);
    if (!cell.skipped.empty()) {
      skipped[cell.skipped].insert(cell.cell.connections);
      continue;
    }
    for (const std::string& why : cell.failures)
      warnings.push_back(fmt::format("{}: a run failed: {}", name, printable(why)));
    if (cell.fit < cell.runs) warnings.push_back(name + ": " + runs_text(cell));
    missing += results.repeats - std::min(results.repeats, cell.runs + cell.failures.size());
  }
  for (const auto& [why, connections] : skipped) {
    std::vector<std::string> counts;
    for (const std::uint64_t count : connections)
      counts.push_back(count_text(count));
    warnings.push_back(fmt::format("skipped: {} connections: {}", joined(counts), printable(why)));
  }
  if (missing > 0)
    warnings.push_back(
        fmt::format("{} runs are still to be made: the same command goes on with "
                    "them",
                    count_text(missing)));
  return warnings;
}

Table scaling_table() {
  return {{{"", Align::kLeft},
           {"of one", Align::kPoint},
           {"contention", Align::kPoint},
           {"crosstalk", Align::kPoint},
           {"most at", Align::kPoint},
           {"R2", Align::kPoint},
           {"points", Align::kPoint}},
          {}};
}

std::vector<std::string> scaling_cells(const sweep::Scaling& scaling) {
  const statistics::Scalability& law = scaling.law;
  return {number_text(law.lambda) + "/s",
          percent_text(law.sigma),
          law.kappa == 0 ? "0" : fmt::format("{:.2g}", law.kappa),
          law.peak ? count_text(static_cast<std::uint64_t>(std::llround(std::min(*law.peak, 1e15))))
                   : "no limit",
          fmt::format("{:.3f}", law.r_squared),
          count_text(scaling.points)};
}

std::vector<std::string> scaling_remarks() {
  return {
      "The universal scalability law over the connections n: messages/s = of one x n / (1 + "
      "contention (n - 1) + crosstalk n (n - 1)). Of one: what a single connection would reach. "
      "Contention: the "
      "share of the work that only one can do at a time; the more of it, the sooner more "
      "connections bring nothing more. Crosstalk: what each pair of connections costs the others; "
      "where it is above 0, throughput falls beyond the connections under \"most at\". An R2 far "
      "below 1: the server follows no such law."};
}

}  // namespace tr::report
