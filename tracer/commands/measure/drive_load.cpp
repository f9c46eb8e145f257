// How does a run put its program under load, and when is its window?
#include <algorithm>
#include <filesystem>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "capture/launch/invoking_user.h"
#include "capture/steal.h"
#include "commands/load_options.h"
#include "commands/measure/session.h"
#include "load/generate.h"
#include "load/make_protocol.h"
#include "util/clock.h"

namespace tr::commands {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kNever = UINT64_MAX;
constexpr std::uint64_t kTick = kNsPerSecond / 10;  // between two looks at the progress line
// What the load is ready to go on for, beside the bare window, until the probes are gone. As soon
// as that window is over it is stopped.
constexpr std::uint64_t kDetachPatience = 3 * kNsPerSecond;

// Where to send the load, given where the program listens.
load::Target target_of(const capture::ListeningPort& listening) {
  std::string host = listening.address;
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  return {.host = host, .port = listening.port};
}

std::string replace_all(std::string text, std::string_view name, const std::string& value) {
  for (std::size_t at = text.find(name); at != std::string::npos;
       at = text.find(name, at + value.size()))
    text.replace(at, name.size(), value);
  return text;
}

}  // namespace

Status Session::run_load() {
  switch (plan_.load_kind) {
    case LoadKind::kBuiltIn:
      return run_built_in();
    case LoadKind::kCommand:
      return run_command();
    case LoadKind::kNone:
      break;
  }
  return run_alone();
}

Status Session::start_load(const std::string& program, std::vector<std::string> argv, int input) {
  auto user = capture::invoking_user();
  if (!user) return std::move(user).error();
  capture::LaunchSpec spec;
  spec.program = program;
  spec.argv = std::move(argv);
  spec.cpus = plan_.load.pin;
  spec.user = *std::move(user);
  const auto held = load_.supervisor->start(spec, STDERR_FILENO, input);
  return held ? probes_->mark_load(held->pid) : Status(held.error());
}

Status Session::run_built_in() {
  if (Status found = find_port(); !found || interrupted()) return found;
  costs_->calibrate_untraced();
  auto pair = load::make_control_pair();
  if (!pair) return std::move(pair).error();
  control_.emplace(std::move(pair->tracer));

  load::Settings settings = plan_.load;
  settings.target = target_of(*listening_);
  if (const std::uint64_t bare = plan_.bare_length_ns(); bare > 0)
    settings.after_ns = bare + kDetachPatience;
  request_bytes_ = load::request_bytes(settings);
  std::vector<std::string> argv = load_arguments(settings);
  argv.insert(argv.begin(), "trace-run");
  argv.insert(argv.end(), {"--control-fd", std::to_string(STDIN_FILENO)});
  std::error_code code;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe", code).string();
  if (Status started = start_load(self, std::move(argv), pair->load.get()); !started)
    return started;
  pair->load.reset();
  read_memory(&Memory::before_load);
  if (Status going = load_.supervisor->go(); !going) return going;

  progress_.show(
      fmt::format("connecting {} clients to {}", settings.connections, settings.target.text()));
  if (Status waited = wait([this] { return planned_ || load_error_; }, kNever); !waited)
    return waited;
  if (load_error_) return *load_error_;
  if (!planned_) return {};  // interrupted

  const std::uint64_t open = probes_->open_window_at(planned_->open_ns);
  probes_->close_window_at(planned_->close_ns);
  if (open != planned_->open_ns)
    notes_.push_back(fmt::format(
        "the window opened {} us after the load's: this machine was too busy to set it in time",
        (open - planned_->open_ns) / 1000));
  if (Status calibrated = calibrate_under_load(open); !calibrated) return calibrated;
  if (Status passed = pass_window(); !passed || !window_opened_) return passed;

  if (interrupted())
    if (Status stopped = control_->stop(probes_->window_close_ns()); !stopped) return stopped;
  if (Status passed = pass_bare_window(); !passed) return passed;
  progress_.show("collecting");
  const auto ended = [this] { return outcome_ || load_error_; };
  if (Status waited = wait([&] { return load_held_ || ended(); }, ns_from_now(30s)); !waited)
    return waited;
  if (load_held_) {
    if (!server_over()) read_memory(&Memory::at_close);
    (void)control_->let_go();  // a load that is gone is heard of below
    if (Status waited = wait(ended, ns_from_now(30s)); !waited) return waited;
  }
  if (load_error_) return *load_error_;
  if (!outcome_)
    return Error{.operation = "get the result of", .object = "the load", .why = "it took too long"};
  return load::check(outcome_->result, settings.target.text());
}

// The window is the command's life, or as much of it as --warmup and --duration leave.
Status Session::run_command() {
  if (Status found = find_port(); !found || interrupted()) return found;
  costs_->calibrate_untraced();
  const load::Target target = target_of(*listening_);
  std::string command = replace_all(plan_.load_text, "{port}", std::to_string(listening_->port));
  command = replace_all(std::move(command), "{host}", target.host);
  if (Status started = start_load("/bin/sh", {"sh", "-c", command}, -1); !started) return started;
  read_memory(&Memory::before_load);

  std::uint64_t open = 0;
  if (plan_.load.warmup_ns == 0) {
    open = probes_->open_window_at(0);
    sleep_until_ns(open);
  }
  if (Status going = load_.supervisor->go(); !going) return going;
  if (plan_.load.warmup_ns != 0)
    open = probes_->open_window_at(monotonic_ns() + plan_.load.warmup_ns);
  if (plan_.duration_given) probes_->close_window_at(open + plan_.load.duration_ns);
  if (Status calibrated = calibrate_under_load(open); !calibrated) return calibrated;
  if (Status passed = pass_window(); !passed || !window_opened_) return passed;
  if (!server_over()) read_memory(&Memory::at_close);
  if (load_.exit && load_.exit->exited_by_itself &&
      (load_.exit->code != 0 || load_.exit->signal != 0))
    return Error{.operation = "load the server with",
                 .object = command,
                 .why = fmt::format("it ended with {}", text_of(*load_.exit))};
  return {};
}

// No load: the program's whole life, or a part of a running one's.
Status Session::run_alone() {
  if (plan_.attach) {
    // What listens on no port has no messages of clients: the report says so.
    if (plan_.messages)
      if (Status looked = look_for_port(); !looked) return looked;
    costs_->calibrate_untraced();
    const std::uint64_t open = probes_->open_window_at(monotonic_ns() + plan_.load.warmup_ns);
    probes_->close_window_at(open + plan_.load.duration_ns);
    if (Status calibrated = calibrate_under_load(open); !calibrated) return calibrated;
  } else if (plan_.duration_given) {
    probes_->close_window_at(monotonic_ns() + plan_.load.duration_ns);
  }
  return pass_window();
}

// In the middle of the warm-up, when the load has got going.
Status Session::calibrate_under_load(std::uint64_t open_ns) {
  const std::uint64_t now = monotonic_ns();
  if (open_ns < now || open_ns - now < kNsPerSecond / 20) return {};
  const std::uint64_t tenth = (open_ns - now) / 10;
  const auto over = [this] { return load_error_ || load_.exit; };
  progress_.show("warming up");
  if (Status waited = wait(over, now + 5 * tenth); !waited || interrupted()) return waited;
  costs_->begin_calibration();
  Status waited = wait(over, now + 9 * tenth);
  costs_->end_calibration();
  return waited;
}

Result<capture::BareWindow> Session::open_bare_window() {
  detach_probes();
  if (Status attached = probes_->attach_bare(); !attached) return std::move(attached).error();
  const auto processes = tree();
  if (!processes) return processes.error();
  return probes_->open_bare_window(*processes, planned_->close_ns, load::kAfterBinNs,
                                   plan_.bare_length_ns());
}

Status Session::pass_bare_window() {
  if (plan_.bare_length_ns() == 0 || interrupted()) return {};
  progress_.show("detaching the probes");
  const auto unknown = [this](const Error& why) {
    notes_.push_back("What a message takes without probes is not known: " + why.text());
  };
  const auto window = open_bare_window();
  if (!window) unknown(window.error());
  const auto over = [this] {
    return server_over() || load_error_ || load_held_ || outcome_ || load_.exit;
  };
  while (window && monotonic_ns() < window->close_ns && !over() && !interrupted()) {
    progress_.show_passing("measuring without probes", window->open_ns, window->close_ns);
    if (Status waited = wait(over, std::min(window->close_ns, monotonic_ns() + kTick)); !waited)
      return waited;
  }
  const bool whole = window && monotonic_ns() >= window->close_ns;
  // A load that is gone is heard of where its outcome is waited for.
  (void)control_->stop();
  const auto cpu_ns = probes_->take_bare_cpu_ns();
  if (window && !cpu_ns) unknown(cpu_ns.error());
  if (!whole || !cpu_ns) return {};
  bare_window_ = *window;
  bare_cpu_ns_ = *cpu_ns;
  return {};
}

std::optional<BareRun> Session::bare_run() const {
  if (!bare_window_ || !outcome_ || outcome_->after.bin_ns == 0) return std::nullopt;
  const AnswerBins& after = outcome_->after;
  const auto bin = [&](std::uint64_t ns) {
    return static_cast<std::size_t>((ns - outcome_->window.close_ns) / after.bin_ns);
  };
  if (bin(bare_window_->close_ns) > after.answers.size()) return std::nullopt;
  BareRun bare{.window_ns = bare_window_->close_ns - bare_window_->open_ns, .cpu_ns = bare_cpu_ns_};
  for (std::size_t i = bin(bare_window_->open_ns); i < bin(bare_window_->close_ns); ++i)
    bare.messages += after.answers[i];
  if (bare.messages == 0) return std::nullopt;
  return bare;
}

// From the window's opening to its close: planned, or because what it was to measure is over.
Status Session::pass_window() {
  const auto over = [this] {
    return server_over() || load_error_ || load_held_ || outcome_ || (load_.exit && !control_);
  };
  learn_symbols();
  const std::uint64_t open = probes_->window_open_ns();
  while (monotonic_ns() < open && !over() && !interrupted()) {
    progress_.show_passing("warming up", open - plan_.load.warmup_ns, open);
    if (Status waited = wait(over, std::min(open, monotonic_ns() + kTick)); !waited) return waited;
  }
  if (monotonic_ns() < open) {
    if (server_over()) return ended_too_soon("the measurement began");
    return load_error_ ? Status(*load_error_) : Status();
  }
  window_opened_ = true;
  if (!opens_at_exec()) {
    probes_->count(true);
    costs_->window_opened();
    if (perf_)
      if (Status enabled = perf_->enable(); !enabled) return enabled;
  }

  const auto schedstat_at_open = read_schedstat();
  const auto steal_at_open = capture::read_steal("/proc");
  const std::uint64_t close = probes_->window_close_ns();
  Status waited;
  while (waited.ok() && monotonic_ns() < close && !over() && !interrupted()) {
    progress_.show_passing("measuring", open, close);
    std::uint64_t tick = kTick;
    if (watch_locks_ && opens_at_exec()) {
      // When it has ended it is too late; it may do so soon.
      learn_locks();
      tick = std::clamp(monotonic_ns() - open, kTick / 50, kTick);
    }
    waited = wait(over, std::min(close, monotonic_ns() + tick));
  }
  cut_short_ = interrupted();
  if (monotonic_ns() < probes_->window_close_ns()) probes_->close_window_at(0);
  probes_->count(false);
  costs_->window_closed();
  // Before anything that takes time: what others count has no edge of its own.
  const Status disabled = perf_ ? perf_->disable() : Status();
  steal_ = capture::since(steal_at_open, capture::read_steal("/proc"));
  schedstat_ = capture::since(schedstat_at_open, read_schedstat());
  learn_symbols();
  if (!disabled) return disabled;
  if (!waited) return waited;
  if (server_over() && plan_.load_kind != LoadKind::kNone && !interrupted())
    return ended_too_soon("the measurement was over");
  return {};
}

}  // namespace tr::commands
