#include "report/comparison_tables.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "report/figure_names.h"
#include "report/names.h"
#include "report/units.h"

namespace tr::report {
namespace {

using compare::Comparison;
using compare::Standing;
using compare::StateRow;
using metrics::TimeState;
using Align = Column::Align;

// Rows of one kind with a line of their own.
constexpr std::size_t kNamed = 5;

std::string with_sign(double value, const std::string& text) {
  return value > 0 ? '+' + text : text;
}

std::string signed_percent(double share) {
  return with_sign(share, percent_text(share));
}

std::string signed_time(double ns, double like_ns) {
  return with_sign(ns, duration_text(ns, like_ns));
}

std::string signed_figure(const compare::Row& row, double value) {
  return with_sign(value, figure_text(value, row.unit, std::max(std::abs(row.a), std::abs(row.b))));
}

// Against A; the ratio's where there is one, which pairs tell better than means.
std::string against_a(const compare::Row& row, double change, std::optional<double> ratio) {
  if (row.difference.ratio && ratio) return signed_percent(*ratio - 1);
  return row.a == 0 ? signed_figure(row, change) : signed_percent(change / std::abs(row.a));
}

std::string standing_text(const compare::Row& row) {
  switch (row.standing) {
    case Standing::kShown:
      return row.difference.exact ? "differs, in each run alike" : "differs";
    case Standing::kNotShown: {
      const std::string least = least_text(row);
      if (row.difference.exact) return "the same";
      return least.empty() ? "no difference shown" : "no difference shown; seen from " + least;
    }
    case Standing::kRare:
      return "too rare to tell";
    case Standing::kOneRun:
      break;
  }
  return "";
}

bool is_shown(const Comparison& comparison, std::optional<std::size_t> row) {
  return row && comparison.rows[*row].standing == Standing::kShown;
}

// Those of a kind in the figures' order; of the many, unless all are wanted, only what differs.
std::vector<std::pair<const compare::Row*, FigureName>> of_group(const Comparison& comparison,
                                                                 FigureName::Group group,
                                                                 bool full) {
  std::vector<std::pair<const compare::Row*, FigureName>> found;
  for (const compare::Row& row : comparison.rows) {
    FigureName name = figure_name(row.name);
    const bool shown = row.standing == Standing::kShown;
    if (name.group != group) continue;
    if (!full && (name.minor || row.standing == Standing::kRare)) continue;
    if (!full && name.one_of_many && !shown) continue;
    found.emplace_back(&row, std::move(name));
  }
  return found;
}

// The budget's table for people: parts, and what they make of the throughput.
class BudgetTable {
 public:
  BudgetTable(const Comparison& comparison, bool full)
      : comparison_(comparison), budget_(*comparison.budget), full_(full) {
    table_.columns = {{"", Align::kLeft},
                      {"A", Align::kPoint},
                      {"B", Align::kPoint},
                      {"difference", Align::kPoint},
                      {"throughput x", Align::kPoint},
                      {"", Align::kLeft}};
  }

  Table build() {
    put_group("on a CPU", [](TimeState state) { return state <= TimeState::kInterrupt; });
    put_group("waking up", [](TimeState state) { return state == TimeState::kWaking; });
    put_group("run queue", [](TimeState state) {
      return state == TimeState::kWoken || state == TimeState::kPreempted;
    });
    put_group("blocked", [](TimeState state) { return state == TimeState::kBlocked; });
    put_group("idle", [](TimeState state) { return state == TimeState::kIdle; });
    const compare::Apportioning& parts = budget_.apportioning;
    put("all threads' time", 0, budget_.a_ns, budget_.b_ns, parts.log_states, "the sum");
    table_.rows.push_back(
        {{"threads alive", number_text(parts.threads_a), number_text(parts.threads_b),
          with_sign(parts.threads_b - parts.threads_a,
                    number_text(parts.threads_b - parts.threads_a)),
          factor_text(parts.log_threads), ""},
         0});
    if (parts.log_steady != 0)
      table_.rows.push_back({{"the steady part alone", "", "", "", factor_text(parts.log_steady),
                              "against the whole window"},
                             0});
    table_.rows.push_back(
        {{"throughput", "", "", "", factor_text(parts.log_ratio), "the product"}, 0});
    return std::move(table_);
  }

 private:
  static std::string factor_text(double log) { return fmt::format("{:.3f}", std::exp(log)); }

  static std::string name_of(const StateRow& row) {
    switch (row.state) {
      case TimeState::kUser:
        return "user code";
      case TimeState::kSystem:
        return row.call.empty() ? "calls not told apart" : printable(row.call);
      case TimeState::kDelivery:
        return "delivery";
      case TimeState::kInterrupt:
        return "interrupts";
      case TimeState::kWaking:
        return "waking up";
      case TimeState::kWoken:
        return "after a wake-up";
      case TimeState::kPreempted:
        return "after preemption";
      case TimeState::kBlocked:
      case TimeState::kIdle:
        break;
    }
    return row.call.empty() && !row.outside ? "unknown" : wait_name(row.call, row.object);
  }

  void put(std::string name, unsigned depth, double a_ns, double b_ns, double log_effect,
           std::string remark, double like_ns = 0) {
    const double like = std::max({a_ns, b_ns, like_ns});
    table_.rows.push_back(
        {{std::move(name), duration_text(a_ns, like), duration_text(b_ns, like),
          signed_time(b_ns - a_ns, like), factor_text(log_effect), std::move(remark)},
         depth});
  }

  // The whole of some states, then those of them that differ most.
  void put_group(const char* name, const std::function<bool(TimeState)>& belongs) {
    std::vector<const StateRow*> rows;
    StateRow sum;
    const auto add = [](StateRow& to, const StateRow& row) {
      to.a_ns += row.a_ns;
      to.b_ns += row.b_ns;
      to.log_effect += row.log_effect;
    };
    for (const StateRow& row : budget_.rows)
      if (belongs(row.state)) {
        add(sum, row);
        rows.push_back(&row);
      }
    if (rows.empty()) return;
    // Times of one kind are in the unit of their sum.
    const double like_ns = std::max(sum.a_ns, sum.b_ns);
    put(name, 0, sum.a_ns, sum.b_ns, sum.log_effect, rows.size() == 1 ? remark(*rows[0]) : "");
    if (rows.size() == 1 && rows[0]->call.empty()) return;
    std::ranges::stable_sort(rows, std::greater<>(),
                             [](const StateRow* row) { return std::abs(row->difference_ns()); });
    StateRow rest;
    std::size_t others = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (full_ || i < kNamed || rows.size() == kNamed + 1) {
        put(name_of(*rows[i]), 1, rows[i]->a_ns, rows[i]->b_ns, rows[i]->log_effect,
            remark(*rows[i]), like_ns);
      } else {
        add(rest, *rows[i]);
        ++others;
      }
    }
    if (others > 0)
      put("others", 1, rest.a_ns, rest.b_ns, rest.log_effect, fmt::format("{} of them", others),
          like_ns);
  }

  [[nodiscard]] std::string remark(const StateRow& row) const {
    if (comparison_.one_run() || !row.row) return "";
    if (is_shown(comparison_, row.row)) return "differs";
    return "no difference shown";
  }

  const Comparison& comparison_;
  const compare::BudgetDifference& budget_;
  bool full_;
  Table table_;
};

std::string cpu_account(const compare::Apportioning& parts) {
  return fmt::format(
      "By CPU time alone: {} CPUs in use (x {:.3f}), {} CPU time per message (x {:.3f}).",
      *parts.log_cpus_in_use >= 0 ? "more" : "fewer", std::exp(*parts.log_cpus_in_use),
      *parts.log_cpu_time >= 0 ? "less" : "more", std::exp(*parts.log_cpu_time));
}

}  // namespace

std::string change_text(const compare::Row& row) {
  const auto& ratio = row.difference.ratio;
  return against_a(row, row.difference.change.value,
                   ratio ? std::optional(ratio->value) : std::nullopt);
}

std::string interval_text(const compare::Row& row) {
  const auto& change = row.difference.change.interval;
  if (!change) return {};
  const auto& ratio = row.difference.ratio;
  const bool relative = ratio && ratio->interval;
  if (!relative && ratio) return {};
  const auto text = [&](double of_change, std::optional<double> of_ratio) {
    return against_a(row, of_change, of_ratio);
  };
  return fmt::format(
      "{} to {}", text(change->low, relative ? std::optional(ratio->interval->low) : std::nullopt),
      text(change->high, relative ? std::optional(ratio->interval->high) : std::nullopt));
}

std::string least_text(const compare::Row& row) {
  const auto& least = row.difference.least_seen;
  if (!least) return {};
  const double told = std::max(*least, compare::kWorthTelling * std::max(row.a, row.b));
  return row.a == 0 ? figure_text(told, row.unit) : percent_text(told / std::abs(row.a));
}

std::string gate_text(const compare::GateResult& gate) {
  const std::string change =
      gate.gate.relative
          ? (std::isfinite(gate.change) ? signed_percent(gate.change) : "from nothing")
          : with_sign(gate.change,
                      figure_text(gate.change, gate.gate.unit.value_or(metrics::Unit::kCount)));
  return fmt::format("{}: the change is {}", printable(gate.gate.text), change);
}

std::vector<Section> figure_sections(const Comparison& comparison, bool full) {
  using Group = FigureName::Group;
  constexpr std::array<std::pair<Group, const char*>, 3> kTitles{
      {{Group::kResult, "Result"},
       {Group::kCost, "One message costs"},
       {Group::kOther, "Further"}}};
  std::vector<Section> sections;
  for (const auto& [group, title] : kTitles) {
    Section section;
    section.title = title;
    Table table;
    table.columns = {
        {"", Align::kLeft}, {"A", Align::kPoint}, {"B", Align::kPoint}, {"change", Align::kPoint}};
    if (!comparison.one_run()) {
      table.columns.push_back({"95 % interval", Align::kLeft});
      table.columns.push_back({"", Align::kLeft});
    }
    for (const auto& [row, name] : of_group(comparison, group, full)) {
      const double like = std::max(std::abs(row->a), std::abs(row->b));
      Row line{{name.text, figure_text(row->a, row->unit, like),
                figure_text(row->b, row->unit, like), change_text(*row)},
               name.depth};
      if (!comparison.one_run()) {
        line.cells.push_back(interval_text(*row));
        line.cells.push_back(standing_text(*row));
      }
      table.rows.push_back(std::move(line));
    }
    if (table.rows.empty()) continue;
    section.table = std::move(table);
    sections.push_back(std::move(section));
  }
  if (!sections.empty() && !comparison.one_run())
    sections.back().remarks.push_back(fmt::format(
        "\"Differs\" is said of the {} figures tested at once (Benjamini-Hochberg, {}), and of "
        "changes by {} or more; a server compared with itself differs in at most 5 of 100 such "
        "comparisons. \"Seen from\": in 80 of 100 a change of that size would be shown, if it were "
        "the only figure.",
        comparison.tested, percent_text(compare::kFalseShare),
        percent_text(compare::kWorthTelling)));
  return sections;
}

std::optional<Section> budget_section(const Comparison& comparison, bool full) {
  if (!comparison.budget) return std::nullopt;
  const compare::BudgetDifference& budget = *comparison.budget;
  Section section;
  section.title = "Where a message's time differs";
  section.table = BudgetTable(comparison, full).build();
  if (budget.residual_a_ns != 0 || budget.residual_b_ns != 0)
    section.remarks.push_back(
        fmt::format("THIS DOES NOT ADD UP: {} of A and {} of B are in no state, or in two. That is "
                    "a bug.",
                    duration_text(budget.residual_a_ns), duration_text(budget.residual_b_ns)));
  section.remarks.emplace_back(
      "Throughput is threads alive divided by their time per message, so the factors multiply to "
      "its ratio, exactly (logarithmic means). That is an account and no cause: idle time and the "
      "run queue shrink by themselves where others get done sooner.");
  if (budget.apportioning.log_cpus_in_use)
    section.remarks.push_back(cpu_account(budget.apportioning));
  return section;
}

std::optional<Section> call_section(const Comparison& comparison, bool full) {
  if (comparison.calls.empty()) return std::nullopt;
  Section section;
  section.title = "More calls or dearer calls";
  Table table;
  table.columns = {
      {"", Align::kLeft},          {"calls, A", Align::kPoint},   {"B", Align::kPoint},
      {"CPU time", Align::kPoint}, {"more calls", Align::kPoint}, {"dearer calls", Align::kPoint},
      {"", Align::kLeft}};
  double like = 0;
  for (const compare::CallRow& row : comparison.calls)
    like = std::max({like, row.a_ns, row.b_ns});
  for (const compare::CallRow& row : comparison.calls) {
    const bool shown = is_shown(comparison, row.calls_row) || is_shown(comparison, row.time_row);
    if (!full && table.rows.size() >= kNamed) break;
    table.rows.push_back(
        {{printable(row.name), number_text(row.a_calls), number_text(row.b_calls),
          signed_time(row.difference_ns(), like), signed_time(row.more_calls_ns, like),
          signed_time(row.dearer_calls_ns, like),
          shown || comparison.one_run() ? "" : "no difference shown"},
         0});
  }
  section.table = std::move(table);
  section.remarks.emplace_back(
      "Of the CPU time per message: the change in calls at their mean cost, and the change in cost "
      "over the mean of calls. Together they are the whole.");
  return section;
}

}  // namespace tr::report
