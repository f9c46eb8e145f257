#include "compare/budget_difference.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

namespace tr::compare {
namespace {

using metrics::TimeRow;
using metrics::TimeState;

// Times per message of one run, by the name of the state.
struct Times {
  std::map<std::string, double> states_ns;
  double residual_ns = 0;
  double all_ns = 0;
  double cpu_ns = 0;
  double per_second = 0;         // messages, of the whole window
  double steady_per_second = 0;  // as it is reported

  // Threads alive, and CPUs in use, on average.
  [[nodiscard]] double threads() const { return per_second * all_ns / 1e9; }
  [[nodiscard]] double cpus() const { return per_second * cpu_ns / 1e9; }
};

bool on_cpu(TimeState state) {
  return state <= TimeState::kInterrupt;
}

Times times_of(const metrics::Metrics& metrics) {
  const auto messages = static_cast<double>(*metrics.messages.count);
  Times times;
  times.per_second = *metrics.messages.per_second;
  times.steady_per_second = *metrics::throughput(metrics);
  double sum_ns = 0;
  for (const TimeRow& row : metrics.budget->rows) {
    const double each = static_cast<double>(row.ns) / messages;
    times.states_ns[state_name(row)] += each;
    sum_ns += each;
    if (on_cpu(row.state)) times.cpu_ns += each;
  }
  std::uint64_t spent = 0;
  for (const TimeRow& row : metrics.budget->rows)
    spent += row.ns;
  // Whole numbers first: what is exact stays so.
  times.residual_ns =
      static_cast<double>(static_cast<std::int64_t>(metrics.budget->life_ns - spent)) / messages;
  times.all_ns = sum_ns + times.residual_ns;
  return times;
}

// (y - x) / ln(y / x), and its limit.
double logarithmic_mean(double x, double y) {
  const double difference = y - x;
  return difference == 0 ? x : difference / std::log1p(difference / x);
}

bool usable(const RunList& runs) {
  return std::ranges::all_of(runs, [](const RunFigures& run) {
    const metrics::Metrics& metrics = run.metrics;
    return metrics.budget && metrics.budget->life_ns > 0 && metrics.messages.count &&
           metrics.messages.per_second && metrics::throughput(metrics);
  });
}

std::vector<Times> times_of(const RunList& runs) {
  std::vector<Times> times;
  times.reserve(runs.size());
  for (const RunFigures& run : runs)
    times.push_back(times_of(run.metrics));
  return times;
}

double mean_of(const std::vector<Times>& runs, double Times::*member) {
  const double sum = std::accumulate(runs.begin(), runs.end(), 0.0,
                                     [&](double s, const Times& run) { return s + run.*member; });
  return sum / static_cast<double>(runs.size());
}

double of(const Times& run, const std::string& state) {
  const auto found = run.states_ns.find(state);
  return found == run.states_ns.end() ? 0 : found->second;
}

double mean_of(const std::vector<Times>& runs, const std::string& state) {
  double sum = 0;
  for (const Times& run : runs)
    sum += of(run, state);
  return sum / static_cast<double>(runs.size());
}

std::vector<StateRow> state_rows(const RunList& a, const RunList& b) {
  std::map<std::string, StateRow> rows;
  for (const RunList* side : {&a, &b})
    for (const RunFigures& run : *side)
      for (const TimeRow& row : run.metrics.budget->rows) {
        StateRow& known = rows[state_name(row)];
        known.state = row.state;
        known.call = row.call;
        known.object = row.object;
        known.outside = row.call.empty() && !row.wakers.empty();
        known.name = state_name(row);
      }
  std::vector<StateRow> list;
  list.reserve(rows.size());
  for (auto& [name, row] : rows)
    list.push_back(std::move(row));
  return list;
}

// Adds what one pair of runs says, `weight` times.
void apportion(const Times& a, const Times& b, double weight, BudgetDifference& budget) {
  Apportioning& sums = budget.apportioning;
  const double mean_ns = logarithmic_mean(a.all_ns, b.all_ns);
  for (StateRow& row : budget.rows)
    row.log_effect -= weight * (of(b, row.name) - of(a, row.name)) / mean_ns;
  sums.log_ratio += weight * std::log(b.steady_per_second / a.steady_per_second);
  sums.log_threads += weight * std::log(b.threads() / a.threads());
  sums.log_states -= weight * std::log(b.all_ns / a.all_ns);
  sums.log_steady += weight * (std::log(b.steady_per_second / b.per_second) -
                               std::log(a.steady_per_second / a.per_second));
  if (sums.log_cpus_in_use) {
    *sums.log_cpus_in_use += weight * std::log(b.cpus() / a.cpus());
    *sums.log_cpu_time -= weight * std::log(b.cpu_ns / a.cpu_ns);
  }
}

double geometric_mean_of_threads(const std::vector<Times>& runs) {
  double sum = 0;
  for (const Times& run : runs)
    sum += std::log(run.threads());
  return std::exp(sum / static_cast<double>(runs.size()));
}

}  // namespace

std::optional<BudgetDifference> budget_difference(const RunList& a, const RunList& b, bool paired) {
  if (!usable(a) || !usable(b)) return std::nullopt;
  const std::vector<Times> ours = times_of(a);
  const std::vector<Times> theirs = times_of(b);
  BudgetDifference budget;
  budget.rows = state_rows(a, b);
  for (StateRow& row : budget.rows) {
    row.a_ns = mean_of(ours, row.name);
    row.b_ns = mean_of(theirs, row.name);
  }
  budget.a_ns = mean_of(ours, &Times::all_ns);
  budget.b_ns = mean_of(theirs, &Times::all_ns);
  budget.residual_a_ns = mean_of(ours, &Times::residual_ns);
  budget.residual_b_ns = mean_of(theirs, &Times::residual_ns);

  Apportioning& sums = budget.apportioning;
  sums.threads_a = geometric_mean_of_threads(ours);
  sums.threads_b = geometric_mean_of_threads(theirs);
  const auto computes = [](const Times& run) { return run.cpu_ns > 0; };
  if (std::ranges::all_of(ours, computes) && std::ranges::all_of(theirs, computes))
    sums.log_cpus_in_use = sums.log_cpu_time = 0;
  if (paired) {
    for (std::size_t i = 0; i < ours.size(); ++i)
      apportion(ours[i], theirs[i], 1 / static_cast<double>(ours.size()), budget);
  } else {
    const double weight = 1 / static_cast<double>(ours.size() * theirs.size());
    for (const Times& one : ours)
      for (const Times& other : theirs)
        apportion(one, other, weight, budget);
  }
  std::ranges::stable_sort(budget.rows, [](const StateRow& x, const StateRow& y) {
    return std::tuple(x.state, -std::abs(x.difference_ns())) <
           std::tuple(y.state, -std::abs(y.difference_ns()));
  });
  return budget;
}

std::vector<CallRow> call_differences(const RunList& a, const RunList& b,
                                      const std::optional<BudgetDifference>& budget) {
  std::vector<CallRow> rows;
  if (!budget) return rows;
  const auto calls_of = [](const RunList& runs, const std::string& name) {
    double sum = 0;
    for (const RunFigures& run : runs)
      sum += run.metrics.calls_per_message(name);
    return sum / static_cast<double>(runs.size());
  };
  for (const StateRow& state : budget->rows) {
    if (state.state != TimeState::kSystem || state.call.empty()) continue;
    CallRow row;
    row.name = state.call;
    row.a_calls = calls_of(a, row.name);
    row.b_calls = calls_of(b, row.name);
    // The kernel's own threads of io_uring make none.
    if (row.a_calls == 0 && row.b_calls == 0) continue;
    row.a_ns = state.a_ns;
    row.b_ns = state.b_ns;
    // Where a side makes none, a call costs there what it costs on the other.
    const double a_each = row.a_ns / (row.a_calls > 0 ? row.a_calls : 1);
    const double b_each = row.b_ns / (row.b_calls > 0 ? row.b_calls : 1);
    if (row.a_calls == 0 || row.b_calls == 0) {
      const double each = row.a_calls == 0 ? b_each : a_each;
      row.more_calls_ns = (row.b_calls - row.a_calls) * each;
      // Of one that was under way when the window opened.
      row.dearer_calls_ns = row.difference_ns() - row.more_calls_ns;
    } else {
      row.more_calls_ns = (row.b_calls - row.a_calls) * (a_each + b_each) / 2;
      row.dearer_calls_ns = (b_each - a_each) * (row.a_calls + row.b_calls) / 2;
    }
    rows.push_back(std::move(row));
  }
  std::ranges::stable_sort(rows, [](const CallRow& x, const CallRow& y) {
    return std::abs(x.difference_ns()) > std::abs(y.difference_ns());
  });
  return rows;
}

}  // namespace tr::compare
