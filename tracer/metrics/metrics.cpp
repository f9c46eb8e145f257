#include "metrics/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>
#include <tuple>

#include "util/cpu_set.h"

namespace tr::metrics {
namespace {

constexpr std::array<std::string_view, 5> kFutexFamily{"futex", "futex_waitv", "futex_wait",
                                                       "futex_wake", "futex_requeue"};

bool is_futex(std::string_view syscall) {
  return std::find(kFutexFamily.begin(), kFutexFamily.end(), syscall) != kFutexFamily.end();
}

bool measured(const Snapshot& snapshot, Figures figures) {
  return !snapshot.unmeasured.contains(figures);
}

std::optional<double> share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

std::uint64_t less(std::uint64_t whole, std::uint64_t part) {
  return whole > part ? whole - part : 0;
}

// Never undefined, whatever the number.
std::uint64_t magnitude(std::int64_t number) {
  const auto bits = static_cast<std::uint64_t>(number);
  return number < 0 ? -bits : bits;
}

std::uint64_t count_calls(const TaskCounts& counts) {
  std::uint64_t calls = 0;
  for (const SyscallStats& call : counts.syscalls)
    calls += call.calls;
  return calls;
}

std::uint64_t count_futex_calls(const TaskCounts& counts) {
  std::uint64_t calls = 0;
  for (const SyscallStats& call : counts.syscalls)
    if (is_futex(call.name)) calls += call.calls;
  return calls;
}

Messages count_messages(const Snapshot& snapshot) {
  Messages messages;
  const TaskCounts& total = snapshot.total;
  const bool sockets = measured(snapshot, Figures::kSockets);
  if (snapshot.load) {
    messages.source = MessageSource::kLoad;
    messages.by_load = snapshot.load->messages;
    if (sockets) {
      // Requests of one size are counted by their bytes, however they are cut.
      const std::uint64_t size = snapshot.config.size;
      const double seen = size > 0
                              ? static_cast<double>(total.served_bytes) / static_cast<double>(size)
                              : static_cast<double>(total.served_messages);
      messages.by_kernel = static_cast<std::uint64_t>(seen);
      if (*messages.by_load > 0) {
        const auto answered = static_cast<double>(*messages.by_load);
        messages.disagreement = std::abs(seen - answered) / answered;
      }
    }
    if (*messages.by_load > 0) messages.count = messages.by_load;
  } else {
    messages.source = MessageSource::kKernel;
    if (sockets && total.served_messages > 0) {
      messages.by_kernel = total.served_messages;
      messages.count = total.served_messages;
    }
  }
  if (messages.count && snapshot.window_ns() > 0)
    messages.per_second =
        static_cast<double>(*messages.count) * 1e9 / static_cast<double>(snapshot.window_ns());
  return messages;
}

Costs costs_per(const Snapshot& snapshot, double units) {
  const TaskCounts& total = snapshot.total;
  const auto per = [units](std::uint64_t count) { return static_cast<double>(count) / units; };
  Costs costs;
  costs.syscalls = per(count_calls(total));
  costs.futex = per(count_futex_calls(total));
  if (measured(snapshot, Figures::kScheduling)) {
    costs.context_switches = per(total.voluntary_switches + total.involuntary_switches);
    costs.voluntary_switches = per(total.voluntary_switches);
    costs.involuntary_switches = per(total.involuntary_switches);
    if (measured(snapshot, Figures::kMigrations)) costs.migrations = per(total.migrations);
    costs.cpu_ns = per(total.user_ns + total.system_ns);
    costs.user_ns = per(total.user_ns);
    costs.system_ns = per(total.system_ns);
    if (measured(snapshot, Figures::kWakeups)) {
      costs.wakeups = per(total.wakeups);
      costs.runqueue_ns = per(total.runqueue_ns);
      costs.blocked_ns = per(total.blocked_ns);
    }
  }
  if (measured(snapshot, Figures::kSockets)) {
    costs.receives = per(total.received_messages);
    costs.received_bytes = per(total.received_bytes);
    costs.sends = per(total.sent_messages);
    if (total.inter_server_messages.value_or(0) > 0)
      costs.inter_server = per(*total.inter_server_messages);
    costs.sent_bytes = per(total.sent_bytes);
  }
  return costs;
}

std::optional<Latency> latency_of(const Histogram& values) {
  if (values.count() == 0) return std::nullopt;
  return Latency{.count = values.count(),
                 .p50_ns = values.quantile(0.5),
                 .p90_ns = values.quantile(0.9),
                 .p99_ns = values.quantile(0.99),
                 .p999_ns = values.quantile(0.999),
                 .max_ns = values.max(),
                 .mean_ns = values.mean()};
}

SyscallRow syscall_row(const Snapshot& snapshot, const SyscallStats& call, const Metrics& metrics) {
  SyscallRow row;
  row.name = call.compat ? call.name + " (32-bit)" : call.name;
  row.calls = call.calls;
  const auto calls = static_cast<double>(call.calls);
  if (metrics.messages.count)
    row.per_message = calls / static_cast<double>(*metrics.messages.count);
  if (metrics.window_s > 0) row.per_second = calls / metrics.window_s;
  if (!measured(snapshot, Figures::kSyscallResults)) return row;
  SyscallResults& results = row.results.emplace();
  results.errors = call.errors;
  results.errors_by_errno = call.errors_by_errno;
  results.carried_in = call.carried_in;
  results.in_flight = call.in_flight;
  results.total_ns = call.total_ns;
  results.cpu_ns = call.cpu_ns;
  results.returned = call.returned;
  results.empty = call.empty;
  results.in_vain = call.in_vain;
  if (!call.latency.empty()) {
    const Histogram latency = to_histogram(call.latency, kKernelBuckets);
    // A call that spans the window lies in a bucket whose middle may be beyond it.
    results.p50_ns = std::min(latency.quantile(0.5), snapshot.window_ns());
    results.p99_ns = std::min(latency.quantile(0.99), snapshot.window_ns());
  }
  return row;
}

ThreadRow row_of(const TaskCounts& counts) {
  ThreadRow row;
  row.user_ns = counts.user_ns;
  row.system_ns = counts.system_ns;
  row.runqueue_ns = counts.runqueue_ns;
  row.blocked_ns = counts.blocked_ns;
  row.voluntary_switches = counts.voluntary_switches;
  row.involuntary_switches = counts.involuntary_switches;
  row.migrations = counts.migrations;
  row.wakeups = counts.wakeups;
  row.syscalls = count_calls(counts);
  row.futex = count_futex_calls(counts);
  row.received_messages = counts.received_messages;
  row.received_bytes = counts.received_bytes;
  row.sent_messages = counts.sent_messages;
  row.sent_bytes = counts.sent_bytes;
  return row;
}

// The figures of a row that add up over threads.
constexpr std::array kSums{&ThreadRow::life_ns,
                           &ThreadRow::user_ns,
                           &ThreadRow::system_ns,
                           &ThreadRow::runqueue_ns,
                           &ThreadRow::blocked_ns,
                           &ThreadRow::voluntary_switches,
                           &ThreadRow::involuntary_switches,
                           &ThreadRow::migrations,
                           &ThreadRow::wakeups,
                           &ThreadRow::syscalls,
                           &ThreadRow::futex,
                           &ThreadRow::received_messages,
                           &ThreadRow::received_bytes,
                           &ThreadRow::sent_messages,
                           &ThreadRow::sent_bytes};

void take_threads(const Snapshot& snapshot, Metrics& metrics) {
  std::set<std::int64_t> processes;
  ThreadRow kept;
  for (const ThreadCounts& thread : snapshot.threads) {
    ThreadRow row = row_of(thread.counts);
    row.tid = thread.tid;
    row.tgid = thread.tgid;
    row.comm = thread.comm;
    row.exited = thread.exited;
    row.life_ns = thread.life_ns;
    for (const auto figure : kSums)
      kept.*figure += row.*figure;
    processes.insert(thread.tgid);
    metrics.threads.push_back(std::move(row));
  }
  metrics.processes = processes.size();
  std::sort(metrics.threads.begin(), metrics.threads.end(),
            [](const ThreadRow& a, const ThreadRow& b) {
              return std::tuple(b.cpu_ns(), b.syscalls, a.tgid, a.tid) <
                     std::tuple(a.cpu_ns(), a.syscalls, b.tgid, b.tid);
            });
  metrics.folded_threads = snapshot.folded_threads;
  if (metrics.folded_threads == 0) return;
  const ThreadRow all = row_of(snapshot.total);
  for (const auto figure : kSums)
    metrics.folded.*figure = less(all.*figure, kept.*figure);
}

LifeBudget life_budget(const Snapshot& snapshot) {
  LifeBudget budget;
  std::uint64_t residuals = 0;  // unsigned: a sum may wrap
  for (const ThreadCounts& thread : snapshot.threads) {
    const TaskCounts& counts = thread.counts;
    const std::uint64_t spent =
        counts.user_ns + counts.system_ns + counts.runqueue_ns + counts.blocked_ns;
    const auto residual = static_cast<std::int64_t>(thread.life_ns - spent);
    budget.life_ns += thread.life_ns;
    residuals += static_cast<std::uint64_t>(residual);
    if (magnitude(residual) > magnitude(budget.worst_residual_ns)) {
      budget.worst_residual_ns = residual;
      budget.worst_tid = thread.tid;
    }
  }
  budget.residual_ns = static_cast<std::int64_t>(residuals);
  return budget;
}

// Which of our figures a perf event counts too, under any of the names it can be asked for by.
std::optional<CrossCheck::Quantity> quantity_of(std::string_view event) {
  using Quantity = CrossCheck::Quantity;
  static const std::map<std::string_view, Quantity> kEvents{
      {"context-switches", Quantity::kContextSwitches},
      {"cs", Quantity::kContextSwitches},
      {"PERF_COUNT_SW_CONTEXT_SWITCHES", Quantity::kContextSwitches},
      {"cpu-migrations", Quantity::kMigrations},
      {"migrations", Quantity::kMigrations},
      {"PERF_COUNT_SW_CPU_MIGRATIONS", Quantity::kMigrations},
      {"task-clock", Quantity::kCpuTime},
      {"PERF_COUNT_SW_TASK_CLOCK", Quantity::kCpuTime},
  };
  constexpr std::string_view kPmu = "perf::";
  if (event.substr(0, kPmu.size()) == kPmu) event.remove_prefix(kPmu.size());
  const auto found = kEvents.find(event);
  if (found == kEvents.end()) return std::nullopt;
  return found->second;
}

std::uint64_t probes_count(const TaskCounts& total, CrossCheck::Quantity quantity) {
  switch (quantity) {
    case CrossCheck::Quantity::kContextSwitches:
      return total.voluntary_switches + total.involuntary_switches;
    case CrossCheck::Quantity::kMigrations:
      return total.migrations;
    case CrossCheck::Quantity::kCpuTime:
    case CrossCheck::Quantity::kRunQueueTime:
    case CrossCheck::Quantity::kMessages:
      break;
  }
  return total.user_ns + total.system_ns;
}

CrossCheck compared(CrossCheck::Quantity quantity, CrossCheck::Witness witness,
                    std::uint64_t probes, std::uint64_t other) {
  CrossCheck check;
  check.quantity = quantity;
  check.witness = witness;
  check.probes = probes;
  check.other = other;
  check.difference = static_cast<std::int64_t>(other - probes);
  const std::uint64_t apart = magnitude(check.difference);
  check.share = apart == 0 ? 0.0 : share(apart, other);
  return check;
}

// Of the threads of which schedstat was read at the end.
void compare_schedstat(const Snapshot& snapshot, std::vector<CrossCheck>& checks) {
  TaskCounts ours;
  Schedstat theirs;
  bool any = false;
  for (const ThreadCounts& thread : snapshot.threads) {
    if (!thread.schedstat) continue;
    any = true;
    theirs.cpu_ns += thread.schedstat->cpu_ns;
    theirs.runqueue_ns += thread.schedstat->runqueue_ns;
    ours.user_ns += thread.counts.user_ns + thread.counts.system_ns;
    ours.runqueue_ns += thread.counts.runqueue_ns;
  }
  if (!any) return;
  using enum CrossCheck::Quantity;
  const auto by = CrossCheck::Witness::kSchedstat;
  checks.push_back(compared(kCpuTime, by, ours.user_ns, theirs.cpu_ns));
  if (measured(snapshot, Figures::kWakeups))
    checks.push_back(compared(kRunQueueTime, by, ours.runqueue_ns, theirs.runqueue_ns));
}

std::vector<CrossCheck> cross_checks(const Snapshot& snapshot, const Messages& messages) {
  std::vector<CrossCheck> checks;
  if (!measured(snapshot, Figures::kScheduling)) return checks;
  for (const PerfCount& perf : snapshot.perf) {
    const auto quantity = quantity_of(perf.event);
    if (!quantity || !perf.unsupported.empty()) continue;
    if (*quantity == CrossCheck::Quantity::kMigrations && !measured(snapshot, Figures::kMigrations))
      continue;
    checks.push_back(compared(*quantity, CrossCheck::Witness::kPerf,
                              probes_count(snapshot.total, *quantity), perf.value));
    checks.back().event = perf.event;
  }
  compare_schedstat(snapshot, checks);
  if (messages.by_load && messages.by_kernel)
    checks.push_back(compared(CrossCheck::Quantity::kMessages, CrossCheck::Witness::kLoad,
                              *messages.by_kernel, *messages.by_load));
  return checks;
}

std::vector<PerfRow> perf_rows(const Snapshot& snapshot, const Metrics& metrics) {
  std::vector<PerfRow> rows;
  for (const PerfCount& count : snapshot.perf) {
    PerfRow row;
    row.count = count;
    if (count.unsupported.empty()) {
      const auto value = static_cast<double>(count.value);
      if (metrics.messages.count)
        row.per_message = value / static_cast<double>(*metrics.messages.count);
      if (metrics.window_s > 0) row.per_second = value / metrics.window_s;
      row.running_share = share(count.running_ns, count.enabled_ns);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::optional<double> others_probe_ns(const Overhead& overhead) {
  if (!overhead.probe_ns) return std::nullopt;
  double ns = 0;
  for (const ProgramCost& program : overhead.programs) {
    if (program.untraced_runs > 0 && !program.ns_per_run) return std::nullopt;
    ns += static_cast<double>(program.untraced_runs) * program.ns_per_run.value_or(0);
  }
  return ns;
}

std::optional<double> memory_per_connection(const Snapshot& snapshot) {
  if (!snapshot.memory || !snapshot.load || snapshot.config.close == true) return std::nullopt;
  const auto& [before, after] = *snapshot.memory;
  const LoadResult& load = *snapshot.load;
  if (!before || !after || load.connections == 0 || load.broken_connections > 0 ||
      load.silent_connections > 0)
    return std::nullopt;
  const auto held = [](const MemoryReading& reading) {
    return static_cast<double>(reading.anonymous_bytes.value_or(reading.pss_bytes)) +
           static_cast<double>(reading.page_table_bytes);
  };
  return (held(*after) - held(*before)) / static_cast<double>(load.connections);
}

// A server of one thread can use one CPU, one of many threads those it may run on.
std::optional<double> server_awake_share(const Snapshot& snapshot, const Metrics& metrics) {
  const std::string& allowed =
      snapshot.config.pin.empty() ? snapshot.environment.cpus : snapshot.config.pin;
  const auto cpus = parse_cpu_list(allowed);
  const Costs& total = metrics.total;
  if (!cpus || !total.cpu_ns || !total.runqueue_ns || !total.blocked_ns) return std::nullopt;
  const double awake_ns = *total.cpu_ns + *total.runqueue_ns;
  const double lives_ns = awake_ns + *total.blocked_ns;
  const double could_ns =
      std::min(lives_ns, metrics.window_s * 1e9 * static_cast<double>(cpus->size()));
  if (could_ns <= 0) return std::nullopt;
  return std::min(1.0, awake_ns / could_ns);
}

}  // namespace

double Metrics::calls_per_message(std::string_view syscall) const {
  for (const SyscallRow& row : syscalls)
    if (row.name == syscall) return row.per_message.value_or(0);
  return 0;
}

Metrics compute(const Snapshot& snapshot) {
  Metrics metrics;
  metrics.window_s = static_cast<double>(snapshot.window_ns()) / 1e9;
  metrics.messages = count_messages(snapshot);
  metrics.total = costs_per(snapshot, 1);
  if (metrics.window_s > 0) metrics.per_second = costs_per(snapshot, metrics.window_s);
  if (metrics.messages.count)
    metrics.per_message = costs_per(snapshot, static_cast<double>(*metrics.messages.count));
  if (snapshot.load) {
    const LoadResult& load = *snapshot.load;
    metrics.latency = latency_of(load.latency);
    metrics.memory_per_connection = memory_per_connection(snapshot);
    metrics.service_latency = latency_of(load.service);
    if (load.cpus > 0 && metrics.window_s > 0)
      metrics.load_cpu_share = static_cast<double>(load.user_ns + load.system_ns) / 1e9 /
                               (metrics.window_s * static_cast<double>(load.cpus));
  }
  metrics.server_awake_share = server_awake_share(snapshot, metrics);
  metrics.steadiness = steadiness(snapshot);
  if (const auto& cpu = snapshot.cpu_time)
    metrics.foreign_share = share(cpu->other_ns, cpu->cpus * snapshot.window_ns());
  if (const auto& steal = snapshot.steal)
    metrics.steal_share = share(steal->ns, steal->cpus * snapshot.window_ns());
  for (const SyscallStats& call : snapshot.total.syscalls)
    metrics.syscalls.push_back(syscall_row(snapshot, call, metrics));
  take_threads(snapshot, metrics);
  metrics.perf = perf_rows(snapshot, metrics);
  metrics.cross_checks = cross_checks(snapshot, metrics.messages);
  if (measured(snapshot, Figures::kScheduling)) metrics.life = life_budget(snapshot);
  metrics.budget = time_budget(snapshot);
  metrics.waits = wait_figures(snapshot);
  metrics.waste = find_waste(snapshot, metrics.messages.count);
  metrics.locks = lock_metrics(snapshot, metrics.messages.count);
  metrics.message_path = path_figures(snapshot);
  metrics.message_hops = hops_figures(snapshot, metrics.messages.count);
  metrics.stacks = stack_figures(snapshot);
  metrics.uring = uring_use(snapshot, metrics.messages.count);
  metrics.misses_uring = misses_uring(snapshot);
  if (snapshot.overhead.probe_ns && metrics.messages.count)
    metrics.probe_ns_per_message = static_cast<double>(*snapshot.overhead.probe_ns) /
                                   static_cast<double>(*metrics.messages.count);
  metrics.others_probe_ns = others_probe_ns(snapshot.overhead);
  if (const auto& bare = snapshot.overhead.bare; bare && bare->messages > 0) {
    metrics.bare_cpu_ns = static_cast<double>(bare->cpu_ns) / static_cast<double>(bare->messages);
    if (metrics.per_message && metrics.per_message->cpu_ns)
      metrics.tracing_ns = *metrics.per_message->cpu_ns - *metrics.bare_cpu_ns;
  }
  return metrics;
}

std::vector<SyscallRow> sorted(std::vector<SyscallRow> rows, SyscallOrder order) {
  const auto key = [order](const SyscallRow& row) {
    const std::uint64_t time =
        order == SyscallOrder::kByTime && row.results ? row.results->total_ns : 0;
    return std::tuple(time, row.calls);
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const SyscallRow& a, const SyscallRow& b) { return key(a) > key(b); });
  return rows;
}

ThreadRow sum_of_rest(const Metrics& metrics, std::size_t from) {
  ThreadRow rest = metrics.folded;
  for (std::size_t i = from; i < metrics.threads.size(); ++i)
    for (const auto figure : kSums)
      rest.*figure += metrics.threads[i].*figure;
  return rest;
}

}  // namespace tr::metrics
