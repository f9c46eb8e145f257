#include "metrics/figures.h"

#include <algorithm>

#include "metrics/doubts.h"

namespace tr::metrics {
namespace {

constexpr std::string_view kCallsPrefix = "syscalls.";
constexpr const char* kTotalSuffix = ".calls";
constexpr std::string_view kStatesPrefix = "budget.states.";
constexpr std::string_view kUringPrefix = "io_uring.";

class Figures {
 public:
  void add(std::string name, std::optional<double> value, Unit unit, Better better) {
    if (value) list_.push_back({std::move(name), *value, unit, better});
  }

  void add_latency(const std::string& name, const std::optional<Latency>& latency) {
    if (!latency) return;
    const auto put = [&](const char* which, double ns) {
      add(name + '.' + which, ns, Unit::kNs, Better::kLower);
    };
    put("p50", static_cast<double>(latency->p50_ns));
    put("p90", static_cast<double>(latency->p90_ns));
    put("p99", static_cast<double>(latency->p99_ns));
    put("p999", static_cast<double>(latency->p999_ns));
    put("mean", latency->mean_ns);
  }

  void add_costs(const Costs& costs) {
    const auto put = [&](const char* which, std::optional<double> value, Unit unit,
                         Better better = Better::kLower) {
      add(std::string("per_message.") + which, value, unit, better);
    };
    put("cpu_ns", costs.cpu_ns, Unit::kNs);
    put("user_ns", costs.user_ns, Unit::kNs);
    put("system_ns", costs.system_ns, Unit::kNs);
    put("runqueue_ns", costs.runqueue_ns, Unit::kNs);
    put("context_switches", costs.context_switches, Unit::kCount);
    put("voluntary_switches", costs.voluntary_switches, Unit::kCount);
    put("involuntary_switches", costs.involuntary_switches, Unit::kCount);
    put("migrations", costs.migrations, Unit::kCount);
    put("wakeups", costs.wakeups, Unit::kCount);
    put("syscalls", costs.syscalls, Unit::kCount);
    put("futex", costs.futex, Unit::kCount);
    put("socket_receives", costs.receives, Unit::kCount);
    put("socket_received_bytes", costs.received_bytes, Unit::kBytes, Better::kNeither);
    put("socket_sends", costs.sends, Unit::kCount);
    put("socket_sent_bytes", costs.sent_bytes, Unit::kBytes, Better::kNeither);
    put("inter_server_messages", costs.inter_server, Unit::kCount, Better::kNeither);
  }

  std::vector<Figure> take() { return std::move(list_); }

 private:
  std::vector<Figure> list_;
};

void add_budget(const TimeBudget& budget, double messages, Figures& figures) {
  for (const TimeRow& row : budget.rows) {
    // To wait for work costs nothing, and neither is good nor bad.
    const Better better = row.state == TimeState::kIdle ? Better::kNeither : Better::kLower;
    figures.add(std::string(kStatesPrefix) + state_name(row) + ".per_message_ns",
                static_cast<double>(row.ns) / messages, Unit::kNs, better);
  }
}

// What a program that serves nobody took in all. Not of a server whose load had no answer.
void add_totals(const Metrics& metrics, Figures& figures) {
  const Costs& total = metrics.total;
  const auto put = [&](const char* name, std::optional<double> value, Unit unit) {
    figures.add(name, value, unit, Better::kLower);
  };
  put("window_ns", metrics.window_s * 1e9, Unit::kNs);
  put("cpu.user_ns", total.user_ns, Unit::kNs);
  put("cpu.system_ns", total.system_ns, Unit::kNs);
  put("cpu.runqueue_ns", total.runqueue_ns, Unit::kNs);
  put("scheduling.context_switches", total.context_switches, Unit::kCount);
  put("scheduling.migrations", total.migrations, Unit::kCount);
  for (const SyscallRow& row : metrics.syscalls)
    figures.add(std::string(kCallsPrefix) + row.name + kTotalSuffix, static_cast<double>(row.calls),
                Unit::kCount, Better::kLower);
}

}  // namespace

std::optional<double> throughput(const Metrics& metrics) {
  if (metrics.steadiness && metrics.steadiness->steady) return metrics.steadiness->per_second;
  return metrics.messages.per_second;
}

std::vector<Figure> figures_of(const Metrics& metrics) {
  Figures figures;
  figures.add("throughput.messages_per_second", throughput(metrics), Unit::kPerSecond,
              Better::kHigher);
  figures.add_latency("latency_ns", metrics.latency);
  figures.add_latency("service_latency_ns", metrics.service_latency);
  if (metrics.per_message) figures.add_costs(*metrics.per_message);
  figures.add("per_message.bare_cpu_ns", metrics.bare_cpu_ns, Unit::kNs, Better::kLower);
  if (metrics.budget && metrics.messages.count)
    add_budget(*metrics.budget, static_cast<double>(*metrics.messages.count), figures);
  for (const SyscallRow& row : metrics.syscalls)
    figures.add(std::string(kCallsPrefix) + row.name + ".per_message", row.per_message,
                Unit::kCount, Better::kLower);
  if (metrics.uring)
    for (const UringRow& row : metrics.uring->rows)
      if (!row.counts.name.empty())
        figures.add(std::string(kUringPrefix) + row.counts.name + ".per_message", row.per_message,
                    Unit::kCount, Better::kNeither);
  for (const PerfRow& row : metrics.perf)
    // A count of a part of the time is no count.
    if (row.running_share.value_or(1) >= kMinRunningShare)
      figures.add("perf." + row.count.event + ".per_message", row.per_message, Unit::kCount,
                  Better::kNeither);
  figures.add("memory.per_connection_bytes", metrics.memory_per_connection, Unit::kBytes,
              Better::kLower);
  if (!metrics.messages.count && !metrics.messages.by_load) add_totals(metrics, figures);
  return figures.take();
}

std::optional<double> value_if_missing(const Metrics& metrics, std::string_view name) {
  const bool total = name.starts_with(kCallsPrefix) && name.ends_with(kTotalSuffix);
  if (total != !metrics.messages.count) return std::nullopt;
  if (name.starts_with(kCallsPrefix)) return 0;
  if (name.starts_with(kStatesPrefix)) return metrics.budget ? std::optional(0.0) : std::nullopt;
  if (name.starts_with(kUringPrefix))
    return metrics.misses_uring ? std::nullopt : std::optional(0.0);
  return std::nullopt;
}

}  // namespace tr::metrics
