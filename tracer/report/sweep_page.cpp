// The page of one server of a sweep.
#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "report/figure_names.h"
#include "report/sweep.h"
#include "report/sweep_parts.h"
#include "report/units.h"
#include "util/cpu_set.h"

namespace tr::report {
namespace {

using metrics::RepeatedFigure;
using sweep::CellResult;
using sweep::Results;
using Align = Column::Align;

constexpr std::string_view kRate = "throughput.messages_per_second";
constexpr std::string_view kCpu = "per_message.cpu_ns";
constexpr std::string_view kStates = "budget.states.";
// From this share on a CPU counts as busy all the time.
constexpr double kBusy = 0.95;
constexpr std::size_t kLargest = 4;

// Of the name of a state's figure.
bool on_cpu(std::string_view figure) {
  if (!figure.starts_with(kStates)) return false;
  const std::string_view state = figure.substr(kStates.size(), figure.rfind('.') - kStates.size());
  return state == "user" || state == "delivery" || state == "interrupt" ||
         state.starts_with("system:");
}

std::string row_label(const Results& results, const sweep::Cell& cell) {
  return cell.name.empty() ? setting_text(results, cell) : printable(cell.name);
}

std::vector<CellRow> rows_of(const Results& results, const std::string& server) {
  std::vector<CellRow> rows;
  for (std::size_t cell = 0; cell < results.cells.size(); ++cell)
    if (results.cells[cell].cell.server == server && results.cells[cell].skipped.empty())
      rows.push_back({row_label(results, results.cells[cell].cell), cell});
  return rows;
}

// Every state of a message's time, the largest first; absent without a budget.
std::optional<Section> states_section(const Results& results, const std::vector<CellRow>& rows) {
  struct State {
    std::string name;
    double largest = 0;
  };
  std::vector<State> states;
  for (const CellRow& row : rows)
    for (const RepeatedFigure& figure : results.cells[row.cell].figures) {
      if (!figure.figure.name.starts_with(kStates)) continue;
      auto known = std::ranges::find(states, figure.figure.name, &State::name);
      if (known == states.end()) known = states.insert(states.end(), {figure.figure.name, 0});
      known->largest = std::max(known->largest, figure.figure.value);
    }
  if (states.empty()) return std::nullopt;
  std::ranges::stable_sort(states, std::greater<>(), &State::largest);
  Table table{{{"", Align::kLeft}}, {}};
  for (const CellRow& row : rows)
    if (!results.cells[row.cell].figures.empty())
      table.columns.push_back({row.label, Align::kPoint});
  for (const State& state : states) {
    if (state.largest == 0) continue;
    Row line{{figure_name(state.name).text}, 0};
    for (const CellRow& row : rows) {
      const CellResult& cell = results.cells[row.cell];
      if (cell.figures.empty()) continue;
      const auto value = cell.value(state.name);
      line.cells.push_back(value ? duration_text(*value, state.largest) : "");
    }
    table.rows.push_back(std::move(line));
  }
  return Section{"Where a message's time goes",
                 {},
                 std::move(table),
                 {"Summed over its threads, per message. Idle: asleep, and no work was pending."}};
}

std::size_t cpus_allowed(const Results& results, const CellResult& cell) {
  const std::string& list = cell.cell.pin.empty() ? results.environment.cpus : cell.cell.pin;
  const auto cpus = parse_cpu_list(list);
  return cpus ? cpus->size() : 0;
}

// How much of its CPUs it used, and what that means.
std::string use_text(const Results& results, const CellResult& cell) {
  const auto user = cell.value(sweep::kUserSeconds);
  const auto system = cell.value(sweep::kSystemSeconds);
  const auto window = cell.value(sweep::kWindow);
  const std::size_t allowed = cpus_allowed(results, cell);
  if (!user || !system || window.value_or(0) <= 0 || allowed == 0) return {};
  const double used = (*user + *system) / *window;
  std::string text = fmt::format("its threads used {} of {} {}", number_text(used), allowed,
                                 allowed == 1 ? "CPU" : "CPUs");
  if (used >= kBusy * static_cast<double>(allowed)) return text + ": its CPU time is the limit";
  if (allowed > 1 && used >= kBusy && used <= 2 - kBusy)
    return text + ": about as much as one thread can use";
  return text + ": its CPU time is not the limit";
}

// What its CPU time goes to.
std::string spent_text(const CellResult& cell) {
  std::vector<const RepeatedFigure*> parts;
  double sum = 0;
  for (const RepeatedFigure& figure : cell.figures) {
    if (!on_cpu(figure.figure.name)) continue;
    parts.push_back(&figure);
    sum += figure.figure.value;
  }
  if (sum == 0) return {};
  std::ranges::stable_sort(parts, std::greater<>(),
                           [](const RepeatedFigure* part) { return part->figure.value; });
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < std::min(kLargest, parts.size()); ++i)
    texts.push_back(fmt::format("{} {}", figure_name(parts[i]->figure.name).text,
                                percent_text(parts[i]->figure.value / sum)));
  return "of its CPU time: " + joined(texts);
}

std::string waiting_text(const CellResult& cell) {
  const auto waiting = cell.value("per_message.runqueue_ns");
  const auto cpu = cell.value(kCpu);
  if (!waiting || !cpu || *cpu <= 0) return {};
  return fmt::format("ready but without a CPU: {} per message, {} of its CPU time",
                     duration_text(*waiting), percent_text(*waiting / *cpu));
}

std::optional<Section> limit_section(const Results& results, const std::vector<CellRow>& rows) {
  Section section{"What limits it", {}, std::nullopt, {}};
  for (const CellRow& row : rows) {
    const CellResult& cell = results.cells[row.cell];
    Fact fact{row.label, {}};
    for (std::string line : {use_text(results, cell), spent_text(cell), waiting_text(cell)})
      if (!line.empty()) fact.lines.push_back(std::move(line));
    if (!fact.lines.empty()) section.facts.push_back(std::move(fact));
  }
  return section.facts.empty() ? std::nullopt : std::optional(std::move(section));
}

// "0.83 of thread_echo's"; empty where it is the best itself.
std::string beside_best(const CellResult& own, const CellResult& best, std::string_view figure) {
  const auto mine = own.value(figure);
  const auto theirs = best.value(figure);
  if (&own == &best || !mine || !theirs || *theirs <= 0) return {};
  return fmt::format("{} of {}'s", number_text(*mine / *theirs), printable(label_of(best.cell)));
}

std::optional<Section> others_section(const Results& results, const std::vector<CellRow>& rows) {
  Table table{{{"", Align::kLeft},
               {"rank", Align::kLeft},
               {"of", Align::kPoint},
               {"messages/s", Align::kLeft},
               {"CPU time per message", Align::kLeft}},
              {}};
  for (const CellRow& row : rows)
    for (const sweep::Ranking& ranking : results.rankings) {
      if (std::ranges::find(ranking, row.cell, &sweep::Place::cell) == ranking.end() ||
          ranking.size() < 2)
        continue;
      const CellResult& own = results.cells[row.cell];
      const CellResult* frugal = nullptr;
      for (const sweep::Place& place : ranking) {
        const CellResult& other = results.cells[place.cell];
        if (other.value(kCpu) && (frugal == nullptr || *other.value(kCpu) < *frugal->value(kCpu)))
          frugal = &other;
      }
      const CellResult& fastest = results.cells[ranking.front().cell];
      const auto or_best = [](std::string text) { return text.empty() ? "the best" : text; };
      table.rows.push_back({{row.label, place_text(results, row.cell), count_text(ranking.size()),
                             or_best(beside_best(own, fastest, kRate)),
                             frugal == nullptr ? "" : or_best(beside_best(own, *frugal, kCpu))},
                            0});
    }
  if (table.rows.empty()) return std::nullopt;
  return Section{"Beside the others",
                 {},
                 std::move(table),
                 {"The means beside those of the most messages per second, and of the least CPU "
                  "time. A range of ranks: chance alone can explain the difference."}};
}

std::optional<Section> growth_section(const Results& results, const std::string& server) {
  Section section{"Throughput over connections", {}, scaling_table(), scaling_remarks()};
  for (const sweep::Scaling& scaling : results.scalings) {
    const sweep::Cell& cell = results.cells[scaling.cell].cell;
    if (cell.server != server) continue;
    Row row{{"from " + row_label(results, cell)}, 0};
    for (std::string& text : scaling_cells(scaling))
      row.cells.push_back(std::move(text));
    section.table->rows.push_back(std::move(row));
  }
  return section.table->rows.empty() ? std::nullopt : std::optional(std::move(section));
}

}  // namespace

Report build_server_report(const Results& results, const std::string& server) {
  const std::vector<CellRow> rows = rows_of(results, server);
  Report report;
  report.headline = printable(server);
  report.sections.push_back(sweep_setting_section(results, printable(server), server));
  if (!rows.empty())
    report.sections.push_back({"Figures", {}, result_table(results, rows, false), {}});
  if (auto counts = count_table(results, rows))
    report.sections.push_back({"Counts per message", {}, std::move(counts), {}});
  for (auto& section : {states_section(results, rows), limit_section(results, rows),
                        others_section(results, rows), growth_section(results, server)})
    if (section) report.sections.push_back(*section);
  report.warnings = cell_warnings(results, server);
  return report;
}

}  // namespace tr::report
