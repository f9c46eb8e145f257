// A run as causes look at it: numbers by name.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "metrics/metrics.h"
#include "snapshot/snapshot.h"

namespace tr::explain {

// The figures of metrics::figures_of(), and beside them:
//   waste.again.CALL, waste.empty.CALL: per message;
//   waste.again, waste.empty, waste.in_vain: of all calls;
//   calls.map_memory, calls.make_tasks: calls per message that do that;
//   threads: alive on average; cpus_in_use: CPU time over the window; cpus: those it may run on;
//   cpus.awake_share, load.busy_share: Metrics::server_awake_share and load_cpu_share;
//   connections; connections.left_out: 1 - Jain's index of the messages per connection, less what
//   chance makes of it: the share of them that might as well not be served;
//   connections.silent: the share of them that had no answer in the window;
//   tracing.ns: what tracing takes per message; tracing.user_ns: of that, what lies in the state
//   "user";
//   sleeps.CALL: how often per message threads go to sleep in this call;
//   switch_ns: what a switch costs on this machine (Environment::switch_ns), or is likely to;
//   python: 1 where an interpreter of it is run.
class Facts {
 public:
  Facts(const Snapshot& run, const metrics::Metrics& metrics);
  explicit Facts(const Snapshot& run) : Facts(run, metrics::compute(run)) {}
  // The mean over at least one run; a number that one of them lacks is 0 there.
  static Facts mean(std::span<const Facts> runs);

  // What tracing takes, from what a message takes without it (BareRun), instead of from the probes'
  // runs alone. All of it is then taken to lie in user code: the probes' time in a call and the
  // call's own way in and out, which lies in user code, are about alike.
  void measure_tracing_by_bare_run();
  [[nodiscard]] bool has_bare_run() const { return numbers_.contains("per_message.bare_cpu_ns"); }

  // 0 where there is none.
  [[nodiscard]] double operator[](std::string_view name) const;
  // Time per message in a state of the budget, by its name as in figures: "user", "system:poll".
  [[nodiscard]] double state_ns(std::string_view state) const;
  // All time on a CPU per message, by state.
  [[nodiscard]] const std::map<std::string, double, std::less<>>& cpu_states() const {
    return cpu_states_;
  }
  [[nodiscard]] double cpu_ns() const;
  // System calls per message in a state of the budget: those of one name; all around "user".
  [[nodiscard]] double calls_in(std::string_view state) const;
  // On a CPU per message, in calls that also sleep.
  [[nodiscard]] double sleeping_calls_ns() const;
  // How often per message threads go to sleep in calls for which `is_it(call)`.
  template <class IsIt>
  [[nodiscard]] double sleeps_in(IsIt is_it) const {
    constexpr std::string_view kSleeps = "sleeps.";
    double sum = 0;
    for (auto each = numbers_.lower_bound(kSleeps);
         each != numbers_.end() && each->first.starts_with(kSleeps); ++each)
      if (is_it(std::string_view(each->first).substr(kSleeps.size()))) sum += each->second;
    return sum;
  }
  // Blocked in calls for which `is_it(call)`, in the middle of work.
  template <class IsIt>
  [[nodiscard]] double blocked_ns(IsIt is_it) const {
    constexpr std::string_view kBlocked = "blocked:";
    double sum = 0;
    for (const auto& [state, ns] : states_)
      if (state.starts_with(kBlocked) && is_it(std::string_view(state).substr(kBlocked.size())))
        sum += ns;
    return sum;
  }
  [[nodiscard]] const RunConfig& config() const { return config_; }

 private:
  using Numbers = std::map<std::string, double, std::less<>>;

  void add_waste(const metrics::WasteRow& row);
  void add_load(const Snapshot& run, const metrics::Metrics& metrics);

  Numbers numbers_;
  Numbers states_;
  Numbers cpu_states_;
  RunConfig config_;
};

// For runs that do not say: older ones.
inline constexpr double kLikelySwitchNs = 2000;

// Calls that map and unmap memory, and those that make threads and processes and end them.
bool maps_memory(std::string_view call);
bool makes_tasks(std::string_view call);

}  // namespace tr::explain
