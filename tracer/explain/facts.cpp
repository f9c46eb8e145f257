#include "explain/facts.h"

#include <algorithm>
#include <array>

#include "metrics/figures.h"
#include "metrics/overhead.h"
#include "util/cpu_set.h"

namespace tr::explain {
namespace {

constexpr std::string_view kCallsPrefix = "syscalls.";
constexpr std::string_view kPerMessage = ".per_message";

bool is_python(const RunConfig& config) {
  return std::ranges::any_of(config.argv, [](const std::string& word) {
    return word.find("python") != std::string::npos || word.ends_with(".py");
  });
}

}  // namespace

bool maps_memory(std::string_view call) {
  static constexpr std::array<std::string_view, 5> kCalls{"mmap", "munmap", "brk", "madvise",
                                                          "mremap"};
  return std::ranges::find(kCalls, call) != kCalls.end();
}

bool makes_tasks(std::string_view call) {
  static constexpr std::array<std::string_view, 9> kCalls{
      "clone", "clone3", "fork", "vfork", "execve", "wait4", "waitid", "exit", "exit_group"};
  return std::ranges::find(kCalls, call) != kCalls.end();
}

Facts::Facts(const Snapshot& run, const metrics::Metrics& metrics) : config_(run.config) {
  for (const metrics::Figure& figure : metrics::figures_of(metrics)) {
    numbers_[figure.name] = figure.value;
    const std::string_view name = figure.name;
    if (!name.starts_with(kCallsPrefix) || !name.ends_with(kPerMessage)) continue;
    const std::string_view call =
        name.substr(kCallsPrefix.size(), name.size() - kCallsPrefix.size() - kPerMessage.size());
    if (maps_memory(call)) numbers_["calls.map_memory"] += figure.value;
    if (call == "clone" || call == "clone3" || call == "fork" || call == "vfork")
      numbers_["calls.make_tasks"] += figure.value;
  }
  if (metrics.budget && metrics.messages.count)
    for (const metrics::TimeRow& row : metrics.budget->rows) {
      const double ns = static_cast<double>(row.ns) / static_cast<double>(*metrics.messages.count);
      states_[metrics::state_name(row)] += ns;
      if (row.state <= metrics::TimeState::kInterrupt) cpu_states_[metrics::state_name(row)] += ns;
      if (row.times == 0) continue;
      const double times =
          static_cast<double>(row.times) / static_cast<double>(*metrics.messages.count);
      numbers_["sleeps." + row.call] += times;
    }
  if (metrics.messages.count)
    numbers_["tracing.user_ns"] =
        metrics::user_probe_ns(run.overhead) / static_cast<double>(*metrics.messages.count);
  numbers_["tracing.ns"] = metrics.probe_ns_per_message.value_or(0);
  numbers_["switch_ns"] = run.environment.switch_ns.value_or(kLikelySwitchNs);
  if (metrics.waste)
    for (const metrics::WasteRow& row : metrics.waste->rows)
      add_waste(row);
  if (metrics.budget && metrics.window_s > 0)
    numbers_["threads"] = static_cast<double>(metrics.budget->life_ns) / 1e9 / metrics.window_s;
  if (metrics.total.cpu_ns && metrics.window_s > 0)
    numbers_["cpus_in_use"] = *metrics.total.cpu_ns / 1e9 / metrics.window_s;
  const auto cpus = parse_cpu_list(run.config.pin.empty() ? run.environment.cpus : run.config.pin);
  if (cpus) numbers_["cpus"] = static_cast<double>(cpus->size());
  if (metrics.server_awake_share) numbers_["cpus.awake_share"] = *metrics.server_awake_share;
  numbers_["connections"] = static_cast<double>(run.config.connections);
  add_load(run, metrics);
  if (is_python(run.config)) numbers_["python"] = 1;
}

void Facts::add_load(const Snapshot& run, const metrics::Metrics& metrics) {
  if (metrics.load_cpu_share) numbers_["load.busy_share"] = *metrics.load_cpu_share;
  if (!run.load || run.load->connections < 2 || run.load->messages == 0) return;
  // Messages that fall on n connections by chance, m on each, have a Jain's index of
  // m^2 / (m^2 + m) = 1 - 1 / (1 + m): mean and variance of Poisson's distribution are the same.
  const double each =
      static_cast<double>(run.load->messages) / static_cast<double>(run.load->connections);
  numbers_["connections.silent"] = static_cast<double>(run.load->silent_connections) /
                                   static_cast<double>(run.load->connections);
  numbers_["connections.left_out"] = std::max(0.0, 1 - run.load->fairness_jain - 1 / (1 + each));
}

void Facts::add_waste(const metrics::WasteRow& row) {
  using Kind = metrics::WasteRow::Kind;
  if (!row.per_message || row.kind == Kind::kWokeNobody) return;
  const std::string kind = row.kind == Kind::kAgain   ? "waste.again"
                           : row.kind == Kind::kEmpty ? "waste.empty"
                                                      : "waste.in_vain";
  numbers_[kind] += *row.per_message;
  if (row.kind != Kind::kInVain) numbers_[kind + "." + row.call] += *row.per_message;
}

Facts Facts::mean(std::span<const Facts> runs) {
  Facts mean = runs.front();
  for (Numbers Facts::*member : {&Facts::numbers_, &Facts::states_, &Facts::cpu_states_}) {
    Numbers& sums = mean.*member;
    for (const Facts& run : runs.subspan(1))
      for (const auto& [name, value] : run.*member)
        sums[name] += value;
    for (auto& [name, value] : sums)
      value /= static_cast<double>(runs.size());
  }
  return mean;
}

double Facts::operator[](std::string_view name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? 0 : found->second;
}

double Facts::state_ns(std::string_view state) const {
  const auto found = states_.find(state);
  return found == states_.end() ? 0 : found->second;
}

double Facts::sleeping_calls_ns() const {
  constexpr std::string_view kSystem = "system:";
  double sum = 0;
  for (const auto& [state, ns] : cpu_states_) {
    if (!state.starts_with(kSystem)) continue;
    const std::string call = state.substr(kSystem.size());
    const auto sleeps = [&](const std::string& kind) {
      // "idle:recvfrom" and "idle:recvfrom:client", not "idle:recvfromelse".
      const auto first = states_.lower_bound(kind + call);
      return first != states_.end() &&
             (first->first == kind + call || first->first.starts_with(kind + call + ":"));
    };
    if (sleeps("idle:") || sleeps("blocked:")) sum += ns;
  }
  return sum;
}

void Facts::measure_tracing_by_bare_run() {
  const double ns = cpu_ns() - (*this)["per_message.bare_cpu_ns"];
  numbers_["tracing.ns"] = ns;
  numbers_["tracing.user_ns"] = ns;
}

double Facts::calls_in(std::string_view state) const {
  constexpr std::string_view kSystem = "system:";
  if (state == "user") return (*this)["per_message.syscalls"];
  if (!state.starts_with(kSystem)) return 0;
  const std::string call(state.substr(kSystem.size()));
  return (*this)[std::string(kCallsPrefix) + call + std::string(kPerMessage)];
}

double Facts::cpu_ns() const {
  double sum = 0;
  for (const auto& [state, ns] : cpu_states_)
    sum += ns;
  return sum;
}

}  // namespace tr::explain
