#include <array>
#include <cmath>

#include <fmt/format.h>

#include "metrics/overhead.h"
#include "report/names.h"
#include "report/sections.h"
#include "report/units.h"
#include "report/warnings.h"

namespace tr::report {
namespace {

// A shell would read it as one word.
std::string quoted(std::string_view argument) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%{}";
  if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(argument);
  std::string word = "'";
  for (const char c : printable(argument))
    word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string command_line(const std::vector<std::string>& argv) {
  // A report is no place for a command of many lines.
  constexpr std::size_t kLongest = 200;
  std::string line;
  for (const std::string& argument : argv) {
    if (!line.empty()) line += ' ';
    line += quoted(argument);
    if (line.size() > kLongest) return printable(line.substr(0, kLongest)) + "...";
  }
  return line;
}

std::string plural(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count_text(count), count == 1 ? one : many);
}

bool is_server(const JudgedRun& run) {
  return run.snapshot.config.load != "none";
}

}  // namespace

std::string pinned(const std::string& cpus) {
  if (cpus.empty()) return "not pinned";
  const bool several = cpus.find_first_of(",-") != std::string::npos;
  return fmt::format("pinned to {} {}", several ? "CPUs" : "CPU", printable(cpus));
}

namespace {

std::string how_it_ended(const ServerExit& exit) {
  std::string how;
  if (exit.signal != 0)
    how = fmt::format("killed by {}", signal_name(exit.signal));
  else
    how = fmt::format("ended {} (status {})", exit.exited_by_itself ? "by itself" : "when asked",
                      exit.code);
  if (exit.max_rss_bytes > 0)
    how += fmt::format("; peak memory {}", bytes_text(static_cast<double>(exit.max_rss_bytes)));
  return how + fmt::format(", {}", plural(exit.minor_faults + exit.major_faults, "page fault",
                                          "page faults"));
}

// Empty when nothing is known.
std::string memory_text(const JudgedRun& run) {
  const auto& memory = run.snapshot.memory;
  if (!memory) return {};
  const auto held = [](const MemoryReading& reading) {
    return bytes_text(static_cast<double>(reading.pss_bytes) +
                      static_cast<double>(reading.page_table_bytes));
  };
  std::vector<std::string> readings;
  if (memory->before_load) readings.push_back(held(*memory->before_load) + " before the load");
  if (memory->at_close)
    readings.push_back(held(*memory->at_close) + (run.metrics.memory_per_connection
                                                      ? " with all connections"
                                                      : " at its end"));
  if (readings.empty()) return {};
  std::string text = "memory " + joined(readings);
  if (const auto each = run.metrics.memory_per_connection)
    text += fmt::format(": {}{} each", *each < 0 ? "-" : "", bytes_text(std::abs(*each)));
  return text + " (PSS and page tables)";
}

// What it is, without what became of it in this run.
Fact identity_fact(const JudgedRun& run) {
  const RunConfig& config = run.snapshot.config;
  Fact fact{is_server(run) ? "Server" : "Program", {}};
  const std::string name = name_of(config);
  const std::string command = command_line(config.argv);
  std::string first = name;
  if (config.attached_pid != 0)
    first += fmt::format(", attached to as process {}", config.attached_pid);
  first += ", " + pinned(config.pin);
  fact.lines.push_back(first);
  if (!command.empty() && command != name) fact.lines.push_back("run as: " + command);
  return fact;
}

Fact server_fact(const JudgedRun& run) {
  const RunConfig& config = run.snapshot.config;
  const std::uint64_t threads = run.metrics.threads.size() + run.metrics.folded_threads;
  Fact fact = identity_fact(run);
  std::vector<std::string> life;
  if (threads > 0)
    // Threads that were not kept one by one may have been processes of their own.
    life.push_back(fmt::format("{}{}, {}", run.metrics.folded_threads > 0 ? "at least " : "",
                               plural(run.metrics.processes, "process", "processes"),
                               plural(threads, "thread", "threads")));
  if (run.snapshot.server_exit)
    life.push_back(how_it_ended(*run.snapshot.server_exit));
  else if (config.attached_pid != 0)
    life.emplace_back("left running");
  if (!life.empty()) fact.lines.push_back(joined(life, "; "));
  if (std::string memory = memory_text(run); !memory.empty())
    fact.lines.push_back(std::move(memory));
  return fact;
}

std::string messages_text(const RunConfig& config) {
  if (config.path) return fmt::format("GET {}", printable(*config.path));
  if (config.size == 0) return fmt::format("{} messages", printable(config.load));
  return bytes_text(static_cast<double>(config.size)) + " messages";
}

std::string built_in_load(const JudgedRun& run) {
  const RunConfig& config = run.snapshot.config;
  std::string text = fmt::format("{} over {}", messages_text(config),
                                 plural(config.connections, "connection", "connections"));
  if (config.close.value_or(false)) text += ", opened anew for each";
  if (config.rate > 0)
    text += fmt::format(", {} messages/s at {} times, come what may (open loop)",
                        number_text(config.rate),
                        config.rate_shape == "poisson" ? "random (Poisson)" : "evenly spaced");
  else if (config.pipeline > 1)
    text += fmt::format(", each keeps {} under way (closed loop)", count_text(config.pipeline));
  else
    text += ", each sends again when answered (closed loop)";
  return text;
}

std::optional<Fact> load_fact(const JudgedRun& run) {
  const RunConfig& config = run.snapshot.config;
  if (!is_server(run)) return std::nullopt;
  Fact fact{"Load", {}};
  if (!run.snapshot.load) {
    std::string text = "not ours: ";
    text += config.load.empty() ? "from elsewhere" : printable(config.load);
    if (!config.pin_load.empty()) text += "; " + pinned(config.pin_load);
    fact.lines.push_back(text);
    return fact;
  }
  fact.lines.push_back(built_in_load(run));
  if (const std::uint64_t reopened = run.snapshot.load->reopened.value_or(0); reopened > 0)
    fact.lines.push_back(
        fmt::format("the server ended connections with an answer {}; they were "
                    "opened anew",
                    plural(reopened, "time", "times")));
  std::string busy = pinned(config.pin_load);
  if (run.metrics.load_cpu_share)
    busy += fmt::format(", {} busy{}", percent_text(*run.metrics.load_cpu_share),
                        run.snapshot.load->saturated ? "" : ": not the limit");
  fact.lines.push_back(busy);
  return fact;
}

}  // namespace

Fact machine_fact(const Environment& environment) {
  std::vector<std::string> parts{fmt::format("Linux {} {}", printable(environment.kernel),
                                             printable(environment.architecture)),
                                 fmt::format("CPUs {}", printable(environment.cpus))};
  if (!environment.cpu_model.empty())
    parts.back() += fmt::format(" ({})", printable(environment.cpu_model));
  if (environment.memory_bytes > 0)
    parts.push_back(bytes_text(static_cast<double>(environment.memory_bytes)));
  if (!environment.virtualization.empty())
    parts.push_back("virtual machine (" + printable(environment.virtualization) + ")");
  if (!environment.clocksource.empty())
    parts.push_back("clocksource " + printable(environment.clocksource));
  return {"Machine", {joined(parts)}};
}

namespace {

Fact window_fact(const JudgedRun& run) {
  const Snapshot& snapshot = run.snapshot;
  std::string text = duration_text(static_cast<double>(snapshot.window_ns()));
  if (!is_server(run) && snapshot.config.duration_s == 0)
    text += ", from its first instruction to its end";
  else if (snapshot.config.warmup_s > 0)
    text += fmt::format(", after {} of warm-up", duration_text(snapshot.config.warmup_s * 1e9));
  if (snapshot.config.mode != "default" && !snapshot.config.mode.empty())
    text += fmt::format(", in mode {}", printable(snapshot.config.mode));
  text += fmt::format("; {}, trace-run {}", printable(snapshot.environment.date),
                      printable(snapshot.environment.tool_version));
  return {"Measured", {text}};
}

std::optional<Fact> delay_fact(const JudgedRun& run) {
  const auto& asked = run.snapshot.config.delay;
  const auto& spent = run.snapshot.delays;
  if (!asked || !spent) return std::nullopt;
  std::string text = fmt::format("{} ns at each {}: {} delays", count_text(asked->ns),
                                 printable(asked->stage), count_text(spent->count));
  if (spent->count > 0)
    text += fmt::format(
        " of {} on average, at most {}",
        duration_text(static_cast<double>(spent->ns) / static_cast<double>(spent->count)),
        duration_text(static_cast<double>(spent->longest_ns)));
  if (const auto messages = run.metrics.messages.count)
    text += fmt::format("; {} per message", duration_text(static_cast<double>(spent->ns) /
                                                          static_cast<double>(*messages)));
  return Fact{"Delayed", {text}};
}

std::string kernel_says(const metrics::Messages& messages) {
  if (!messages.disagreement) return "not counted by the kernel";
  if (*messages.disagreement == 0) return "the kernel counted as many";
  const bool more = messages.by_kernel.value_or(0) > messages.by_load.value_or(0);
  return fmt::format("the kernel counted {} {}", percent_text(*messages.disagreement),
                     more ? "more" : "fewer");
}

Fact throughput_fact(const JudgedRun& run) {
  const metrics::Messages& messages = run.metrics.messages;
  const double window_ns = static_cast<double>(run.snapshot.window_ns());
  const bool ours = messages.source == metrics::MessageSource::kLoad;
  if (!messages.count && !ours && !run.measured(Figures::kSockets))
    return {"Throughput", {"not known: neither our load nor the kernel counted messages"}};
  if (!messages.count) return {"Throughput", {"no messages"}};
  const std::string counted =
      ours ? fmt::format("answers in {}; {}", duration_text(window_ns), kernel_says(messages))
           : fmt::format("in {}, counted by the kernel: each receive of data on port {} is one",
                         duration_text(window_ns), run.snapshot.config.port);
  return {"Throughput",
          {fmt::format("{} messages/s: {} {}", number_text(messages.per_second.value_or(0)),
                       count_text(*messages.count), counted)}};
}

std::optional<Fact> fairness_fact(const JudgedRun& run) {
  const auto& load = run.snapshot.load;
  if (!load || load->messages == 0 || load->connections < 2) return std::nullopt;
  return Fact{
      "Fairness",
      {fmt::format(
          "Jain {:.3f} (1: all served alike); per connection p5 {}, p50 {}, p95 {} messages",
          load->fairness_jain, whole_text(load->fairness_p5), whole_text(load->fairness_p50),
          whole_text(load->fairness_p95))}};
}

std::vector<std::string> latency_cells(std::string name, const metrics::Latency& latency) {
  const auto text = [](std::uint64_t ns) { return duration_text(static_cast<double>(ns)); };
  return {std::move(name),
          text(latency.p50_ns),
          text(latency.p90_ns),
          text(latency.p99_ns),
          text(latency.p999_ns),
          text(latency.max_ns),
          duration_text(latency.mean_ns)};
}

std::string probes_took(const JudgedRun& run) {
  const Overhead& overhead = run.snapshot.overhead;
  const metrics::Metrics& metrics = run.metrics;
  const std::string runs = plural(overhead.probe_runs, "run", "runs");
  if (!overhead.probe_ns) {
    const std::string why =
        overhead.calibration.empty() ? "not calibrated" : printable(overhead.calibration);
    return fmt::format("the cost of the probes is not known ({}); {}", why, runs);
  }
  std::string took = duration_text(static_cast<double>(*overhead.probe_ns));
  if (metrics.probe_ns_per_message)
    took = duration_text(*metrics.probe_ns_per_message) + " per message";
  if (overhead.share_of_cpu)
    took += fmt::format(", {} of the CPU time above", percent_text(*overhead.share_of_cpu));
  return fmt::format("probes took {}, in {}", took, runs);
}

Fact overhead_fact(const JudgedRun& run) {
  const metrics::Metrics& metrics = run.metrics;
  Fact fact{"Tracing", {probes_took(run)}};
  if (const auto& bare = run.snapshot.overhead.bare; bare && metrics.bare_cpu_ns) {
    std::string without = fmt::format(
        "without probes, measured for {} afterwards, a message takes {} of CPU time",
        duration_text(static_cast<double>(bare->window_ns)), duration_text(*metrics.bare_cpu_ns));
    if (metrics.tracing_ns)
      without += fmt::format(": {} {}", duration_text(std::abs(*metrics.tracing_ns)),
                             *metrics.tracing_ns >= 0 ? "less" : "more");
    fact.lines.push_back(std::move(without));
  }
  if (run.snapshot.overhead.probe_ns && metrics.others_probe_ns.value_or(0) > 0)
    fact.lines.push_back(fmt::format("threads outside the {}{} paid about {}",
                                     is_server(run) ? "server" : "program",
                                     run.snapshot.load ? ", the load's among them," : "",
                                     duration_text(*metrics.others_probe_ns)));
  return fact;
}

std::string_view figures_text(Figures figures) {
  switch (figures) {
    case Figures::kSyscallResults:
      return "errors and times of system calls";
    case Figures::kScheduling:
      return "context switches, migrations, CPU and run-queue time";
    case Figures::kBudget:
      return "where the time goes";
    case Figures::kMemory:
      return "the server's memory";
    case Figures::kUring:
      return "operations of io_uring";
    case Figures::kWakeups:
      return "wake-ups, time on a run queue and blocked";
    case Figures::kMigrations:
      return "CPU migrations";
    case Figures::kWakers:
      return "who wakes a thread";
    case Figures::kSoftirqs:
      return "softirqs, which are part of what they interrupt";
    case Figures::kInterrupts:
      return "some interrupts, which are part of what they interrupt";
    case Figures::kThreadNames:
      return "thread names other than the first";
    case Figures::kWaits:
      return "single waits";
    case Figures::kArrivals:
      return "arrivals of connections";
    case Figures::kWaitStacks:
      return "stacks of waits";
    case Figures::kProfile:
      return "the profile";
    case Figures::kMessagePath:
      return "the path of messages";
    case Figures::kUringSends:
      return "when io_uring begins a send";
    case Figures::kLastTurns:
      return "the last request of each connection";
    case Figures::kLocks:
      return "locks";
    case Figures::kKernelLocks:
      return "the kernel's locks";
    case Figures::kLockHolds:
      return "how long mutexes are held";
    case Figures::kUntraced:
      return "what a message takes without tracing";
    case Figures::kSockets:
      break;
  }
  return "socket messages and bytes";
}

// What was not measured, grouped by the reason.
std::optional<Fact> unmeasured_fact(const JudgedRun& run) {
  std::vector<std::pair<std::string, std::vector<std::string>>> by_reason;
  const auto add = [&](const std::string& reason, std::string what) {
    for (auto& [known, names] : by_reason)
      if (known == reason) return names.push_back(std::move(what));
    by_reason.push_back({reason, {std::move(what)}});
  };
  for (const PerfCount& perf : run.snapshot.perf)
    if (!perf.unsupported.empty()) add(printable(perf.unsupported), printable(perf.event));
  for (const auto& [figures, reason] : run.snapshot.unmeasured)
    add(printable(reason), std::string(figures_text(figures)));
  if (by_reason.empty()) return std::nullopt;
  std::vector<std::string> texts;
  texts.reserve(by_reason.size());
  for (const auto& [reason, names] : by_reason)
    texts.push_back(fmt::format("{}: {}", joined(names), reason));
  return Fact{"Unmeasured", {joined(texts, "; ")}};
}

// By group, and in it by program.
Table probe_table(const JudgedRun& run) {
  using Align = Column::Align;
  const std::optional<std::uint64_t> messages = run.metrics.messages.count;
  const auto cost = [&](std::optional<double> ns) -> std::string {
    if (!ns) return "not known";
    return duration_text(messages ? *ns / static_cast<double>(*messages) : *ns);
  };
  Table table{{{"probes", Align::kLeft},
               {messages ? "per message" : "in total", Align::kPoint},
               {"runs", Align::kPoint},
               {"each", Align::kPoint},
               {"runs for other threads", Align::kPoint}},
              {}};
  for (const metrics::ProbeGroup& group : metrics::probe_groups(run.snapshot.overhead, messages)) {
    table.rows.push_back({{std::string(group.name), cost(group.ns), count_text(group.runs), "",
                           count_text(group.untraced_runs)}});
    for (const ProgramCost& program : group.programs) {
      std::optional<double> ns = program.ns_per_run;
      if (ns) *ns *= static_cast<double>(program.runs);
      table.rows.push_back({{printable(program.program), cost(ns), count_text(program.runs),
                             program.ns_per_run ? duration_text(*program.ns_per_run) : "not known",
                             count_text(program.untraced_runs)},
                            1});
    }
  }
  return table;
}

}  // namespace

std::string name_of(const RunConfig& config) {
  if (!config.server.empty()) return printable(config.server);
  if (config.attached_pid != 0) return fmt::format("process {}", config.attached_pid);
  return config.argv.empty() ? "the program" : printable(config.argv.front());
}

std::string headline(const JudgedRun& run) {
  const metrics::Metrics& metrics = run.metrics;
  const std::string name = name_of(run.snapshot.config);
  const auto& per_message = metrics.per_message;
  if (per_message && metrics.messages.per_second) {
    std::string text =
        fmt::format("{}: {} messages/s", name, number_text(*metrics.messages.per_second));
    if (per_message->cpu_ns)
      text += fmt::format(", {} of CPU time per message", duration_text(*per_message->cpu_ns));
    else
      text += fmt::format(", {} system calls per message", number_text(per_message->syscalls));
    return text;
  }
  const std::string window = duration_text(static_cast<double>(run.snapshot.window_ns()));
  if (metrics.total.cpu_ns)
    return fmt::format("{}: {} of CPU time in {}", name, duration_text(*metrics.total.cpu_ns),
                       window);
  return fmt::format("{}: {} system calls in {}", name, number_text(metrics.total.syscalls),
                     window);
}

Section setting_section(const JudgedRun& run) {
  Section section{"What ran, and where", {server_fact(run)}, std::nullopt, {}};
  if (auto load = load_fact(run)) section.facts.push_back(*std::move(load));
  section.facts.push_back(machine_fact(run.snapshot.environment));
  section.facts.push_back(window_fact(run));
  if (auto delayed = delay_fact(run)) section.facts.push_back(*std::move(delayed));
  return section;
}

Section shared_setting_section(const JudgedRun& run, std::string measured) {
  Section section{"What ran, and where", {identity_fact(run)}, std::nullopt, {}};
  if (run.snapshot.load)
    section.facts.push_back({"Load", {built_in_load(run), pinned(run.snapshot.config.pin_load)}});
  else if (auto load = load_fact(run))
    section.facts.push_back(*std::move(load));
  section.facts.push_back(machine_fact(run.snapshot.environment));
  section.facts.push_back({"Measured", {std::move(measured)}});
  return section;
}

Section result_section(const JudgedRun& run) {
  Section section{"Result", {throughput_fact(run)}, std::nullopt, {}};
  if (auto fairness = fairness_fact(run)) section.facts.push_back(*std::move(fairness));
  return section;
}

std::optional<Section> latency_section(const JudgedRun& run) {
  if (!run.metrics.latency) return std::nullopt;
  using Align = Column::Align;
  Table table{{{"", Align::kLeft},
               {"p50", Align::kPoint},
               {"p90", Align::kPoint},
               {"p99", Align::kPoint},
               {"p99.9", Align::kPoint},
               {"max", Align::kPoint},
               {"mean", Align::kPoint}},
              {}};
  const auto& service = run.metrics.service_latency;
  table.rows.push_back(
      {latency_cells(service                                     ? "from the planned send"
                     : run.snapshot.config.close.value_or(false) ? "from connecting to answer"
                                                                 : "from send to answer",
                     *run.metrics.latency)});
  if (service) table.rows.push_back({latency_cells("from the actual send", *service)});
  Section section{"Latency", {}, std::move(table), {}};
  if (service)
    section.remarks.emplace_back(
        "From the planned send counts what a user waits, also while the server stalls.");
  return section;
}

Section tracing_section(const JudgedRun& run, const Detail& detail) {
  Section section{"Tracing", {overhead_fact(run)}, std::nullopt, {}};
  const Overhead& overhead = run.snapshot.overhead;
  if (detail.full && overhead.tracer_peak_bytes)
    section.facts.front().lines.push_back(
        fmt::format("trace-run itself held at most {} of memory",
                    bytes_text(static_cast<double>(*overhead.tracer_peak_bytes))));
  if (auto unmeasured = unmeasured_fact(run)) section.facts.push_back(*std::move(unmeasured));
  section.facts.push_back({"Verdict", {verdict_text(run)}});
  if (detail.full && !overhead.programs.empty()) {
    section.table = probe_table(run);
    section.remarks.emplace_back(
        "What an option adds to a probe that runs anyway is in that probe's row.");
    if (overhead.probe_ns && !overhead.calibration.empty())
      section.remarks.push_back("Cost of a run: " + printable(overhead.calibration) + ".");
  }
  return section;
}

}  // namespace tr::report
