#include "run_parts.h"

#include <algorithm>
#include <utility>

namespace tr::golden {
namespace {

constexpr std::uint64_t kOpen = 5'000 * kSecond;

void add_call(std::vector<SyscallStats>& calls, const SyscallStats& more) {
  const auto same = std::find_if(calls.begin(), calls.end(), [&](const SyscallStats& known) {
    return known.number == more.number && known.compat == more.compat;
  });
  if (same == calls.end()) {
    calls.push_back(more);
    return;
  }
  same->calls += more.calls;
  same->carried_in += more.carried_in;
  same->in_flight += more.in_flight;
  same->errors += more.errors;
  same->total_ns += more.total_ns;
  if (more.cpu_ns) same->cpu_ns = same->cpu_ns.value_or(0) + *more.cpu_ns;
  for (const auto& [error, count] : more.errors_by_errno)
    same->errors_by_errno[error] += count;
  Histogram latency = to_histogram(same->latency, kKernelBuckets);
  latency.merge(to_histogram(more.latency, kKernelBuckets));
  same->latency = latency.buckets();
}

void add_budget(std::optional<Budget>& sum, const Budget& more) {
  if (!sum) sum.emplace();
  for (const auto member : {&Budget::delivery_ns, &Budget::interrupt_ns, &Budget::woken_ns,
                            &Budget::preempted_ns, &Budget::waking_ns})
    *sum.*member += more.*member;
  for (const Wait& wait : more.waits) {
    const auto same = std::ranges::find_if(sum->waits, [&](const Wait& known) {
      return known.call == wait.call && known.object == wait.object && known.waker == wait.waker;
    });
    if (same == sum->waits.end()) {
      sum->waits.push_back(wait);
    } else {
      same->count += wait.count;
      same->ns += wait.ns;
    }
  }
}

Environment environment() {
  Environment environment;
  environment.tool_version = "0.1.0";
  environment.date = "2026-11-21T09:30:00Z";
  environment.kernel = "6.18.5";
  environment.architecture = "x86_64";
  environment.cpu_model = "Example CPU 2.80 GHz";
  environment.cpus = "0-1";
  environment.clocksource = "tsc";
  environment.memory_bytes = std::uint64_t{24} << 30;
  environment.virtualization = "kvm";
  return environment;
}

}  // namespace

Histogram around(std::uint64_t typical, std::uint64_t times, BucketLayout layout) {
  Histogram values(layout);
  std::uint64_t left = times;
  const auto some = [&](double scale, std::uint64_t count) {
    const std::uint64_t taken = std::min(count, left);
    values.record(static_cast<std::uint64_t>(static_cast<double>(typical) * scale), taken);
    left -= taken;
  };
  some(9.3, times / 10'000);
  some(2.6, times / 200);
  some(1.51, times / 20);
  some(1.17, times / 5);
  some(0.83, times / 4);
  some(1.0, left);
  return values;
}

SyscallStats call(int number, std::string name, std::uint64_t calls, std::uint64_t typical_ns,
                  std::map<int, std::uint64_t> errors) {
  SyscallStats stats;
  stats.number = number;
  stats.name = std::move(name);
  stats.calls = calls;
  for (const auto& [error, count] : errors)
    stats.errors += count;
  stats.errors_by_errno = std::move(errors);
  const Histogram latency = around(typical_ns, calls, kKernelBuckets);
  stats.total_ns = latency.sum();
  stats.latency = latency.buckets();
  return stats;
}

SyscallStats parked(int number, std::string name, std::uint64_t window_ns) {
  SyscallStats stats;
  stats.number = number;
  stats.name = std::move(name);
  stats.carried_in = 1;
  stats.in_flight = 1;
  stats.total_ns = window_ns;
  stats.latency.push_back({kKernelBuckets.index(window_ns), 1});
  return stats;
}

void sort_by_name(std::vector<SyscallStats>& calls) {
  std::sort(calls.begin(), calls.end(),
            [](const SyscallStats& a, const SyscallStats& b) { return a.name < b.name; });
}

void spend(TaskCounts& counts, std::vector<Wait> waits) {
  Budget& budget = counts.budget.emplace();
  budget.delivery_ns = counts.system_ns * 22 / 100;
  budget.interrupt_ns = counts.system_ns / 40;
  std::uint64_t left = counts.system_ns - budget.delivery_ns - budget.interrupt_ns;
  for (SyscallStats& stats : counts.syscalls) {
    stats.cpu_ns = &stats == &counts.syscalls.back() ? left : left / 3;
    left -= *stats.cpu_ns;
  }
  budget.woken_ns = counts.runqueue_ns * 9 / 10;
  budget.preempted_ns = counts.runqueue_ns - budget.woken_ns;
  budget.waking_ns = counts.blocked_ns / 50;
  left = counts.blocked_ns - budget.waking_ns;
  for (Wait& wait : waits) {
    wait.ns = left * wait.ns / 100;
    left -= wait.ns;
  }
  budget.waits = std::move(waits);
}

void give_results(TaskCounts& counts, std::uint64_t events) {
  counts.woke_nobody.emplace();
  for (SyscallStats& stats : counts.syscalls) {
    const bool waits = stats.name == "epoll_wait";
    stats.returned = waits ? events : 0;
    stats.empty = waits ? 14 : 0;
    stats.in_vain = waits ? 3 : 0;
  }
}

TaskCounts total_of(const std::vector<ThreadCounts>& threads) {
  TaskCounts total;
  for (const ThreadCounts& thread : threads) {
    const TaskCounts& counts = thread.counts;
    for (const auto member :
         {&TaskCounts::voluntary_switches, &TaskCounts::involuntary_switches,
          &TaskCounts::migrations, &TaskCounts::wakeups, &TaskCounts::user_ns,
          &TaskCounts::system_ns, &TaskCounts::runqueue_ns, &TaskCounts::blocked_ns,
          &TaskCounts::received_messages, &TaskCounts::received_bytes, &TaskCounts::sent_messages,
          &TaskCounts::sent_bytes, &TaskCounts::served_messages, &TaskCounts::served_bytes})
      total.*member += counts.*member;
    for (const auto& [operation, calls] : counts.futex)
      total.futex[operation] += calls;
    for (const SyscallStats& stats : counts.syscalls)
      add_call(total.syscalls, stats);
    if (counts.budget) add_budget(total.budget, *counts.budget);
  }
  sort_by_name(total.syscalls);
  return total;
}

void sleep_the_rest(ThreadCounts& thread, std::uint64_t life_ns) {
  thread.life_ns = life_ns;
  thread.counts.blocked_ns =
      life_ns - thread.counts.user_ns - thread.counts.system_ns - thread.counts.runqueue_ns;
  sort_by_name(thread.counts.syscalls);
}

void serve(TaskCounts& counts, std::uint64_t messages) {
  counts.received_messages = messages;
  counts.received_bytes = 64 * messages;
  counts.served_messages = messages;
  counts.served_bytes = 64 * messages;
  counts.sent_messages = messages;
  counts.sent_bytes = 64 * messages;
}

RunConfig echo_config(const std::string& server, std::uint64_t connections) {
  RunConfig config;
  config.server = server;
  config.argv = {"build/release/servers/" + server, "--port", "0"};
  config.mode = "default";
  config.load = "echo";
  config.port = 41'234;
  config.connections = connections;
  config.size = 64;
  config.duration_s = 10;
  config.warmup_s = 1;
  return config;
}

LoadResult echo_load(std::uint64_t connections, std::uint64_t messages, std::uint64_t typical_ns) {
  LoadResult load;
  load.connections = connections;
  load.messages = messages;
  load.bytes = 64 * messages;
  load.sent = messages + connections / 4;
  load.latency = around(typical_ns, messages, kLoadBuckets);
  load.unanswered = connections;
  load.longest_unanswered_ns = typical_ns;
  const double each = static_cast<double>(messages) / static_cast<double>(connections);
  load.fairness_p5 = each * 0.96;
  load.fairness_p50 = each;
  load.fairness_p95 = each * 1.05;
  load.fairness_jain = 0.998;
  load.user_ns = 1'830'000'000;
  load.system_ns = 5'210'000'000;
  load.runqueue_ns = 12'000'000;
  load.cpus = 1;
  return load;
}

AnswerBins bins_of(std::uint64_t messages, std::uint64_t count,
                   const std::function<double(std::uint64_t)>& level) {
  AnswerBins bins{.bin_ns = kSecond / 10, .answers = {}};
  double whole = 0;
  for (std::uint64_t i = 0; i < count; ++i)
    whole += level(i);
  std::uint64_t left = messages;
  for (std::uint64_t i = 0; i < count; ++i) {
    const double noise = 1 + 0.004 * static_cast<double>(i * 7 % 5) - 0.008;
    const auto answers =
        static_cast<std::uint64_t>(static_cast<double>(messages) * level(i) / whole * noise);
    bins.answers.push_back(i + 1 == count ? left : std::min(left, answers));
    left -= bins.answers.back();
  }
  return bins;
}

Overhead overhead(std::uint64_t enters, std::uint64_t switches, std::uint64_t cpu_ns) {
  Overhead overhead;
  overhead.programs = {{"sys_enter", enters, 38.2, 412'331},
                       {"sys_exit", enters, 41.7, 412'329},
                       {"sched_switch", switches, 61.0, 93'127},
                       {"sched_wakeup", switches / 2, 33.4, 46'031}};
  double probe_ns = 0;
  for (const ProgramCost& program : overhead.programs) {
    overhead.probe_runs += program.runs;
    probe_ns += static_cast<double>(program.runs) * program.ns_per_run.value_or(0);
  }
  overhead.probe_ns = static_cast<std::uint64_t>(probe_ns);
  overhead.share_of_cpu = probe_ns / static_cast<double>(cpu_ns);
  overhead.calibration = "kernel's BPF statistics over 0.5 s of warm-up";
  overhead.tracer_peak_bytes = 31 << 20;
  return overhead;
}

MemoryReading held(std::uint64_t pss_kib, std::uint64_t page_tables_kib, std::uint64_t threads) {
  return {pss_kib << 10, page_tables_kib << 10, 1, threads, {}};
}

ServerExit asked_to_end(std::uint64_t user_ns, std::uint64_t system_ns) {
  ServerExit exit;
  exit.user_ns = user_ns + user_ns / 9;
  exit.system_ns = system_ns + system_ns / 9;
  exit.max_rss_bytes = 6'324'224;
  exit.minor_faults = 412;
  return exit;
}

Snapshot skeleton(RunConfig config, std::uint64_t window_ns) {
  Snapshot run;
  run.environment = environment();
  run.config = std::move(config);
  run.window_open_ns = kOpen;
  run.window_close_ns = kOpen + window_ns;
  run.lost = {{"no memory for a new thread's record", 0}, {"no room for counts", 0}};
  return run;
}

PerfCount counted_event(std::string event, std::uint64_t value, std::uint64_t enabled_ns) {
  return {std::move(event), value, enabled_ns, enabled_ns, ""};
}

PerfCount unsupported_event(std::string event, std::string why) {
  return {std::move(event), 0, 0, 0, std::move(why)};
}

}  // namespace tr::golden
