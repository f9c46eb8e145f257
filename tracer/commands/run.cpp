#include "commands/run.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>

#include "capture/launch/server_name.h"
#include "capture/perf_events.h"
#include "commands/command.h"
#include "commands/delay_option.h"
#include "commands/load_options.h"
#include "commands/measure/fit_run.h"
#include "commands/measure/measure.h"
#include "commands/parser.h"
#include "load/make_protocol.h"
#include "load/units.h"
#include "report/judged_run.h"
#include "report/warnings.h"
#include "util/text.h"

namespace tr::commands {
namespace {

constexpr const char* kFooter =
    R"(Options stand before the program: what follows its name belongs to it.

Examples:
  trace-run --pin 1 servers/thread_echo             a bundled server, under our own load
  trace-run --syscalls --load 'redis-benchmark -q -t get -p {port}' -- redis-server --save ""
  trace-run --pid 4711 --duration 5s                what a running process does for 5 seconds
  trace-run --load none -- ls -l                    a program that is no server

Exit codes: 0 measured and reported; 1 the run failed; 2 wrong usage; 3 the machine does not allow
tracing (trace-run doctor says why, and the remedy); 4 no run is fit to be compared, or with
--strict not each of them. The program's own exit status is in the report.
)";

constexpr std::uint32_t kSpareThreads = 8192;  // beyond one per connection
constexpr std::uint64_t kAttachWarmup = kNsPerSecond / 5;

template <class T>
Result<T> parse_number(const char* option, const std::string& text, T least, T most) {
  const auto number = parse_u64(text);
  if (!number || *number < static_cast<std::uint64_t>(least) ||
      *number > static_cast<std::uint64_t>(most))
    return usage_error(
        fmt::format("{}: \"{}\" is not a number from {} to {}", option, text, least, most));
  return static_cast<T>(*number);
}

bool given(const App& app, const std::string& option) {
  return app.get_option(option)->count() > 0;
}

using Bundled = std::optional<capture::BundledServer>;

// Finds the program, and which of ours it is, if it is one.
Result<Bundled> resolve_program(const std::vector<std::string>& words, Plan& plan) {
  const auto folders = capture::server_folders();
  if (!folders) return folders.error();
  plan.name = words.front();
  plan.argv = words;
  const auto path = capture::resolve_server(words.front(), std::getenv("PATH"), *folders);
  if (!path) return path.error();
  plan.program = *path;
  return capture::bundled_server(plan.program, *folders);
}

Status choose_load(const App& app, const RunOptions& options, const Bundled& bundled, Plan& plan) {
  std::string load = options.load;
  if (load.empty()) {
    load = "none";
    if (given(app, "--protocol"))
      load = load::protocol_name(plan.load.protocol);
    else if (bundled)
      load = bundled->protocol;
  }
  plan.load_kind = LoadKind::kCommand;
  plan.load_text = load;
  if (load == "none") plan.load_kind = LoadKind::kNone;
  if (const auto protocol = load::parse_protocol(load)) {
    if (given(app, "--protocol") && *protocol != plan.load.protocol)
      return usage_error(fmt::format("--load {} and --protocol {} contradict each other", load,
                                     load::protocol_name(plan.load.protocol)));
    plan.load_kind = LoadKind::kBuiltIn;
    plan.load.protocol = *protocol;
  }

  if (plan.load_kind != LoadKind::kBuiltIn)
    for (const char* option : {"--protocol", "--path", "--connections", "--size", "--pipeline",
                               "--close", "--rate", "--rate-shape", "--no-poll"})
      if (given(app, option))
        return usage_error(
            fmt::format("{} is for the built-in load, which this run does not use", option),
            "give --load echo or --load http, or put it into the load's own command");
  if (plan.load_kind == LoadKind::kBuiltIn)
    if (Status status = settle_load_options(app, plan.load); !status) return status;
  if (plan.load_kind == LoadKind::kNone && given(app, "--pin-load"))
    return usage_error("--pin-load: this run has no load to pin");
  if (plan.load_kind == LoadKind::kNone && given(app, "--ready-timeout"))
    return usage_error("--ready-timeout: without a load nobody waits for the program to listen");
  if (plan.load_kind == LoadKind::kNone && !plan.attach && given(app, "--warmup"))
    return usage_error("--warmup: without a load the window is the program's whole life");
  plan.duration_given = given(app, "--duration");
  if (plan.load_kind != LoadKind::kBuiltIn && !given(app, "--warmup"))
    plan.load.warmup_ns = plan.attach ? kAttachWarmup : 0;
  return {};
}

}  // namespace

void repeat_option(Option option, const std::string& as, std::vector<std::string>& words) {
  const bool flag = option.is_flag();
  // "--no-budget" sets what it names to false; "--no-budget=false", which CLI11 turns round, to
  // true.
  const bool negated = option.negates(as);
  for (const std::string& value : option.results())
    if (flag && value == (negated ? "false" : "true"))
      words.push_back("--" + as);
    else
      words.push_back(fmt::format("--{}={}", as, negated ? "false" : value));
}

void add_plan_options(App& app, RunOptions& options) {
  Plan& plan = options.plan;
  app.add_option("--pin", options.pin, "Run the program on these CPUs only (as for taskset: 0,2-3)")
      ->type_name("CPUS")
      ->group("Program");
  app.add_option("--port", options.port, "The port to load, where the program listens on several")
      ->type_name("PORT")
      ->group("Program");
  app.add_option("--ready-timeout", options.ready_timeout,
                 "How long to wait for the program to listen")
      ->type_name("TIME")
      ->default_str("10s")
      ->group("Program");
  app.add_option("--server-output", plan.output_file,
                 "Write the program's own output to FILE instead of standard error")
      ->type_name("FILE")
      ->group("Program");

  app.add_option(
         "--load", options.load,
         "echo, http or herd: the built-in load, the default for bundled servers; none: no load, "
         "the "
         "window is the program's whole life, the default for others; else a shell command, in "
         "which {port} and {host} are replaced")
      ->type_name("LOAD")
      ->group("Load");
  add_load_options(app, plan.load);
  add_load_placement(app, plan.load, "--load-threads", "--pin-load");
  for (const char* option :
       {"--protocol", "--path", "--connections", "--size", "--duration", "--warmup", "--pipeline",
        "--close", "--rate", "--rate-shape", "--seed", "--load-threads", "--pin-load", "--no-poll"})
    app.get_option(option)->group("Load");

  app.add_option("--events", options.events,
                 "Count these perf events as well, by names that libpfm4 knows "
                 "(cycles,instructions,page-faults) or of tracepoints (syscalls:sys_enter_futex)")
      ->delimiter(',')
      ->one_at_a_time()
      ->type_name("EVENTS")
      ->group("Tracing");
  app.add_flag("--counts-only", plan.counts_only,
               "Count system calls and nothing else, no times: the least cost to the program")
      ->group("Tracing");
  app.add_flag("!--no-budget", plan.budget,
               "Leave out where the time goes: waits by cause, interrupts, time per system call")
      ->group("Tracing");
  app.add_flag(
         "--waits", plan.waits,
         "Tell waits apart by the single object (futex, socket) and the thread that ends them, "
         "with their distributions and who wakes whom")
      ->group("Tracing");
  app.add_flag("--profile", options.profile,
               "Sample the stacks that use the CPU, 99 times a second (--profile=HZ: HZ times), "
               "and keep those that block")
      ->group("Tracing");
  app.add_flag(
         "--locks", plan.locks,
         "Follow locks: each futex with its waits, wakes and hand-offs, and contention in the "
         "kernel")
      ->group("Tracing");
  app.add_flag(
         "--lock-hold", plan.lock_hold,
         "Follow locks, and how long mutexes are held; costs microseconds per lock and unlock, in "
         "every program that uses the same libc")
      ->group("Tracing");
  app.add_flag(
         "--messages", plan.messages,
         "Follow each message through the server: arrival, wake-up, run queue, receive, work, "
         "send, and which of them makes the tail")
      ->group("Tracing");
  app.add_option("--delay", options.delay,
                 "Slow the program on purpose, by TIME (at most 10us) of CPU time at each receive, "
                 "send, wait or wake-up (receive=500ns): what does it cost?")
      ->type_name("STAGE=TIME")
      ->group("Tracing");
  app.add_option("--bare", options.bare,
                 "Go on for so long after the window, without probes: what tracing costs (default: "
                 "a tenth of the window, at least 300ms if that is as long; 0: not)")
      ->type_name("TIME")
      ->group("Tracing");
  app.add_option("--max-threads", options.max_threads,
                 "Threads that can be traced at once (4 KiB of memory each)")
      ->type_name("N")
      ->group("Tracing");
  app.add_flag("--inspect-descriptors", plan.inspect_descriptors,
               "Tell sockets from files by descriptor, as on kernels before 6.3")
      ->group("Tracing");
}

void setup_run(App& app, RunOptions& options) {
  app.prefix_command();
  app.footer(kFooter);
  add_plan_options(app, options);
  app.add_option("--pid", options.pid,
                 "Attach to a running process, its threads and children; leave it running")
      ->type_name("PID")
      ->group("Program");
  app.add_option("--repeat", options.repeats.repeat,
                 "Make N runs, each with a fresh process, and report means with 95 % intervals "
                 "over those that are fit to be compared")
      ->type_name("N")
      ->group("Report");
  app.add_flag("--strict", options.repeats.strict,
               "Exit with 4 where a run is not fit to be compared; it is reported all the same")
      ->group("Report");
  app.add_option("--save", options.output.save,
                 "Save the measurement to FILE for trace-run report (-: standard output)")
      ->type_name("FILE")
      ->group("Report");
  add_output_options(app, options.output);
  add_keep_options(app, options.store);
}

std::vector<std::string> take_program(std::vector<std::string>& words) {
  const auto dashes = std::ranges::find(words, "--");
  std::vector<std::string> program(dashes, words.end());
  words.erase(dashes, words.end());
  return program;
}

void join_program(const App& app, RunOptions& options) {
  // The program stands before a "--" that is its own argument, or behind one.
  const std::vector<std::string> before = app.remaining();
  if (before.empty() && !options.program.empty()) options.program.erase(options.program.begin());
  options.program.insert(options.program.begin(), before.begin(), before.end());
}

Result<Plan> plan_run(const App& app, const RunOptions& options) {
  Plan plan = options.plan;
  if (Status sound = check_output_options(options.output); !sound) return std::move(sound).error();
  if (options.program.empty() == options.pid.empty())
    return options.pid.empty()
               ? usage_error("no program given", "try: trace-run servers/epoll_echo")
               : usage_error("--pid attaches to a running process: a program cannot be given too");

  const auto usable = usable_cpus();
  if (!usable) return usable.error();
  Bundled bundled;
  if (options.pid.empty()) {
    const auto resolved = resolve_program(options.program, plan);
    if (!resolved) return resolved.error();
    bundled = *resolved;
  } else {
    const auto pid = parse_number<pid_t>("--pid", options.pid, 1, 1 << 22);
    if (!pid) return pid.error();
    if (given(app, "--pin"))
      return usage_error(
          "--pin is for a program that is started here",
          fmt::format("pin a running one with taskset -ap {} {}", options.pin, *pid));
    plan.attach = *pid;
    plan.name = fmt::format("pid {}", *pid);
    if (::kill(*pid, 0) != 0 && errno == ESRCH)
      return usage_error(fmt::format("--pid: there is no process {}", *pid));
  }
  if (!options.pin.empty()) {
    const auto cpus = parse_usable_cpus("--pin", options.pin, *usable);
    if (!cpus) return cpus.error();
    plan.pin = *cpus;
  }
  const auto may_run_there = [&](int cpu) {
    return plan.pin.empty() || std::ranges::find(plan.pin, cpu) != plan.pin.end();
  };
  if (std::ranges::any_of(plan.load.pin, may_run_there)) plan.load.sleeps = true;
  if (!options.port.empty()) {
    const auto port = parse_number<std::uint16_t>("--port", options.port, 1, 65535);
    if (!port) return port.error();
    plan.port = *port;
  }
  if (!options.ready_timeout.empty()) {
    const auto timeout = load::parse_duration(options.ready_timeout);
    if (!timeout) return usage_error("--ready-timeout: " + timeout.error().text());
    plan.ready_timeout = std::chrono::ceil<std::chrono::milliseconds>(
        std::chrono::nanoseconds(static_cast<std::int64_t>(*timeout)));
  }
  if (Status chosen = choose_load(app, options, bundled, plan); !chosen)
    return std::move(chosen).error();

  if (!options.bare.empty()) {
    const auto bare = load::parse_duration(options.bare);
    if (!bare) return usage_error("--bare: " + bare.error().text());
    if (plan.load_kind != LoadKind::kBuiltIn && *bare > 0)
      return usage_error("--bare: without the built-in load nobody counts the messages",
                         "give --load echo or --load http");
    plan.bare_ns = *bare;
  }

  plan.max_threads = kSpareThreads;
  if (plan.load_kind == LoadKind::kBuiltIn)
    plan.max_threads += static_cast<std::uint32_t>(plan.load.connections);
  if (!options.max_threads.empty()) {
    const auto threads =
        parse_number<std::uint32_t>("--max-threads", options.max_threads, 1, 1 << 20);
    if (!threads) return threads.error();
    plan.max_threads = *threads;
  }
  if (plan.waits && (plan.counts_only || !plan.budget))
    return usage_error(
        fmt::format("--waits and {} contradict each other: waits are a part of where the time goes",
                    plan.counts_only ? "--counts-only" : "--no-budget"));
  if (given(app, "--profile")) {
    if (plan.counts_only)
      return usage_error("--profile needs the times that --counts-only leaves out");
    const bool has_value = options.profile != "true";  // what CLI11 gives a flag
    const auto hz =
        parse_number<std::uint32_t>("--profile", has_value ? options.profile : "99", 1, 50'000);
    if (!hz) return hz.error();
    plan.profile_hz = *hz;
  }
  if (plan.lock_hold) plan.locks = true;
  const char* const wanted = plan.lock_hold ? "--lock-hold" : "--locks";
  if (plan.locks && plan.counts_only)
    return usage_error(fmt::format("{} and --counts-only contradict each other", wanted));
  if (plan.locks && !plan.budget)
    return usage_error(fmt::format("{} and --no-budget contradict each other", wanted),
                       "who wakes whom is a part of the budget");
  if (plan.messages)
    for (const char* option : {"--counts-only", "--no-budget"})
      if (given(app, option))
        return usage_error(fmt::format("--messages needs what {} leaves out", option));
  if (plan.messages && plan.load_kind == LoadKind::kNone && !plan.attach)
    return usage_error("--messages: without a load there are no messages to follow",
                       "give a --load; it may be a command");
  if (!options.delay.empty()) {
    for (const char* option : {"--counts-only", "--no-budget"})
      if (given(app, option))
        return usage_error(fmt::format("--delay needs what {} leaves out", option));
    if (plan.bare_ns.value_or(0) > 0)
      return usage_error("--bare and --delay contradict each other: the delay is a probe, too");
    auto delay = parse_delay(options.delay);
    if (!delay) return std::move(delay).error();
    plan.delay = *std::move(delay);
  }
  if (!plan.stacks() && !(options.output.folded.empty() && options.output.pprof.empty()))
    return usage_error("--folded and --pprof write stacks, which only --profile and --waits take");
  plan.events = options.events;
  plan.read_schedstat = options.output.verbose || options.output.cross_check;
  if (options.output.cross_check)
    for (const std::string& event : capture::kCrossCheckEvents)
      if (std::find(plan.events.begin(), plan.events.end(), event) == plan.events.end())
        plan.events.push_back(event);
  return plan;
}

int run(const App& app, RunOptions& options) {
  join_program(app, options);
  const auto plan = plan_run(app, options);
  if (!plan) return report(plan.error());
  if (const Status sound = check_keep_options(options.store); !sound) return report(sound.error());
  const auto repeats = check_repeats(options.repeats, *plan, options.output);
  if (!repeats) return report(repeats.error());
  if (!options.repeats.repeat.empty())
    return run_repeats(*plan, *repeats, options.repeats.strict, options.output, options.store);
  Progress progress(!options.output.quiet);
  auto measured = measure(*plan, progress);
  progress.clear();
  if (!measured) return report(measured.error());
  const auto unfit = unfit_for(*measured);
  const auto kept = keep_run(options.store, measured->snapshot, unfit);
  if (const Status written = write_reports(measured->snapshot, options.output); !written)
    return report(written.error());
  if (kept) progress.say(fmt::format("Stored as run {}: trace-run runs", *kept));
  if (measured->failure) return report(*measured->failure);
  return options.repeats.strict && unfit
             ? report(unfit_error("the run is not fit to be compared: " + *unfit))
             : 0;
}

}  // namespace tr::commands
