#include "commands/measure/session.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "capture/doctor.h"
#include "capture/launch/process_tree.h"
#include "capture/memory.h"
#include "capture/switch_cost.h"
#include "load/make_protocol.h"
#include "util/clock.h"
#include "util/text.h"

namespace tr::commands {
namespace {

using namespace std::chrono_literals;
using capture::SupervisorEvent;

constexpr std::chrono::milliseconds kLoadGrace{1'000};

// SIGINT, SIGTERM and SIGHUP as a descriptor.
Result<Fd> take_over_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    sigaddset(&signals, signal);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return errno_error("block", "signals");
  Fd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return errno_error("watch", "signals");
  return fd;
}

}  // namespace

std::string text_of(const ServerExit& exit) {
  return exit.signal != 0 ? fmt::format("signal {} ({})", exit.signal, strsignal(exit.signal))
                          : fmt::format("exit code {}", exit.code);
}

Result<Measured> Session::run() {
  Status status = prepare();
  if (status) status = plan_.attach ? attach() : start_server();
  if (status) status = run_load();
  if (!window_opened_) {
    // A signal may make a step fail, in whatever words, before it is heard of itself.
    on_signals();
    if (status || finishing_ || interrupted())
      status = Error{.why = "interrupted before the measurement began: there is nothing to report",
                     .interrupted = true};
    // As gently as after a measurement; whether that succeeds, the first error is the one to tell.
    (void)end_programs();
    return std::move(status).error();
  }
  if (!status) failure_ = std::move(status).error();
  return take_snapshot();
}

// Guardians first: they are forked from this process while it is small.
Status Session::prepare() {
  progress_.show("getting ready");
  peak_forgotten_ = capture::forget_own_peak("/proc");
  auto signals = take_over_signals();
  if (!signals) return std::move(signals).error();
  signals_ = *std::move(signals);
  for (Program* program : {&server_, &load_}) {
    if (program == &server_ ? plan_.attach.has_value() : plan_.load_kind == LoadKind::kNone)
      continue;
    auto supervisor = capture::Supervisor::create();
    if (!supervisor) return std::move(supervisor).error();
    program->supervisor = *std::move(supervisor);
  }
  if (!plan_.output_file.empty()) {
    const int keep = plan_.append_output ? O_APPEND : O_TRUNC;
    output_file_ =
        Fd(::open(plan_.output_file.c_str(), O_WRONLY | O_CREAT | keep | O_CLOEXEC, 0666));
    if (!output_file_) return errno_error("create", plan_.output_file);
  }
  auto encodings = capture::encode_perf_events(plan_.events);
  if (!encodings) return std::move(encodings).error();
  if (!encodings->empty()) perf_.emplace(*std::move(encodings));

  if (plan_.load_kind != LoadKind::kNone) {
    const auto cpus = plan_.pin.empty() ? usable_cpus() : Result<CpuList>(plan_.pin);
    if (cpus && !cpus->empty()) switch_ns_ = capture::switch_ns(cpus->front());
  }
  auto probes = capture::Probes::load({.counts_only = plan_.counts_only,
                                       .budget = plan_.budget,
                                       .waits = plan_.waits,
                                       .stacks = plan_.stacks(),
                                       .sample_hz = plan_.profile_hz,
                                       .messages = plan_.messages,
                                       .max_threads = plan_.max_threads,
                                       .inspect_descriptors = plan_.inspect_descriptors,
                                       .locks = plan_.locks,
                                       .lock_hold = plan_.lock_hold,
                                       .delay = plan_.delay,
                                       .bare = plan_.bare_length_ns() > 0});
  if (!probes) {
    // The doctor's verdict names the missing privilege better than the kernel's refusal does.
    if (Status allowed = capture::require_tracing(); !allowed) return allowed;
    return std::move(probes).error();
  }
  probes_ = *std::move(probes);
  const capture::ProbeOptions& taken = probes_->options();
  if (taken.stacks || taken.waits || taken.locks) symbols_.emplace();
  if (taken.budget && !taken.counts_only) probes_->refresh_cpus();
  costs_.emplace(*probes_);
  if (!taken.locks) return {};
  watch_locks_.emplace(*probes_, *symbols_, taken.lock_hold);
  watch_locks_->prepare();
  if (const auto ns = watch_locks_->trap_ns_per_run()) costs_->set_trap_cost(*ns);
  return {};
}

void Session::learn_locks() {
  if (!watch_locks_) return;
  const auto processes = tree();
  if (processes) watch_locks_->learn(*processes);
}

Status Session::start_server() {
  const bool alone = opens_at_exec();
  auto user = capture::invoking_user();
  if (!user) return std::move(user).error();
  capture::LaunchSpec spec;
  spec.program = plan_.program;
  spec.argv = plan_.argv;
  spec.environment = plan_.environment;
  spec.cpus = plan_.pin;
  spec.user = *std::move(user);
  if (alone) {
    spec.input = capture::StandardInput::kInherit;
    spec.group = capture::ProcessGroup::kOfTraceRun;
  }
  const auto held =
      server_.supervisor->start(spec, output_file_ ? output_file_.get() : STDERR_FILENO);
  if (!held) return held.error();
  root_ = held->pid;

  const std::array<pid_t, 1> first = {root_};
  if (const auto adopted = probes_->adopt(first); !adopted) return adopted.error();
  if (perf_)
    if (Status watched = perf_->watch_child(root_, alone ? capture::PerfEvents::Start::kAtExec
                                                         : capture::PerfEvents::Start::kByEnable);
        !watched)
      return watched;
  if (alone) {
    probes_->open_window_at_exec_of(root_);
    probes_->count(true);
    costs_->window_opened();
  }
  if (Status going = server_.supervisor->go(); !going) return going;
  if (Status waited = wait([this] { return server_.executed || server_over(); }, ns_from_now(10s));
      !waited)
    return waited;
  if (!server_.executed) return ended_too_soon("it had executed anything");
  return {};
}

Status Session::attach() {
  root_ = *plan_.attach;
  const auto processes = tree();
  if (!processes) return processes.error();
  // Threads and children that appear meanwhile inherit membership, unless their parent is not in
  // yet: look again until nobody new is found.
  std::vector<pid_t> known = *processes;
  for (;;) {
    if (const auto adopted = probes_->adopt(known); !adopted) return adopted.error();
    auto now = tree();
    if (!now) return std::move(now).error();
    if (std::includes(known.begin(), known.end(), now->begin(), now->end())) break;
    known = *std::move(now);
  }
  probes_->refresh_cpus();
  learn_locks();
  if (!perf_) return {};
  return perf_->attach([this]() -> Result<std::vector<pid_t>> {
    const auto tasks = capture::tasks_of_tree("/proc", root_);
    if (!tasks) return tasks.error();
    std::vector<pid_t> tids;
    for (const capture::Task& task : *tasks)
      tids.push_back(task.tid);
    return tids;
  });
}

// The processes of the program. What has made a daemon of itself is the guardian's child by then.
Result<std::vector<pid_t>> Session::tree() const {
  if (plan_.attach) return capture::process_tree("/proc", root_);
  const pid_t guardian = server_.supervisor->guardian_pid();
  auto processes = capture::process_tree("/proc", guardian);
  if (processes) std::erase(*processes, guardian);
  return processes;
}

Status Session::look_for_port() {
  const auto processes = tree();
  const auto ports = processes ? capture::listening_ports("/proc", *processes)
                               : Result<std::vector<capture::ListeningPort>>(processes.error());
  if (!ports) return ports.error();
  for (const capture::ListeningPort& port : *ports)
    if (!listening_ && (!plan_.port || *plan_.port == port.port)) listening_ = port;
  if (!listening_) return {};
  const bool ours = plan_.load_kind == LoadKind::kBuiltIn;
  learn_locks();
  if (ours && plan_.load.protocol == load::ProtocolKind::kEcho)
    probes_->follow_messages(static_cast<std::uint32_t>(load::request_bytes(plan_.load)));
  probes_->serve_ports(listening_->port, ours ? load::make_protocol(plan_.load)->servers() : 1);
  return {};
}

// Hears from the kernel that the tree listens, then looks where: the news comes a moment before the
// port can be connected to.
Status Session::find_port() {
  progress_.show("waiting for the server to listen");
  heard_of_port_ = heard_of_port_ || plan_.attach.has_value() || !probes_->options().hear_listening;
  const std::uint64_t deadline = ns_from_now(plan_.ready_timeout);
  while (!listening_) {
    if (Status waited = wait([this] { return heard_of_port_ || server_over(); }, deadline); !waited)
      return waited;
    if (interrupted()) return {};
    if (server_over() && !server_.descendants_left) return ended_too_soon("it listened");
    if (Status looked = look_for_port(); !looked) return looked;
    if (!listening_ && monotonic_ns() > deadline)
      return Error{.operation = "find a port of",
                   .object = plan_.name,
                   .why = plan_.port ? fmt::format("it does not listen on {}", *plan_.port)
                                     : "it does not listen on any TCP port",
                   .remedy =
                       "give it longer with --ready-timeout, or, if it is no server, trace it "
                       "with --load none"};
    if (!listening_) {
      const auto pause = probes_->options().hear_listening ? 1ms : 10ms;
      Status waited = wait([this] { return server_over(); }, ns_from_now(pause));
      if (!waited) return waited;
    }
  }
  return {};
}

std::map<pid_t, Schedstat> Session::read_schedstat() const {
  if (!plan_.read_schedstat || opens_at_exec()) return {};  // an ended program leaves none
  const pid_t first = plan_.attach ? root_ : server_.supervisor->guardian_pid();
  const auto tasks = capture::tasks_of_tree("/proc", first);
  return tasks ? capture::read_schedstat("/proc", *tasks) : std::map<pid_t, Schedstat>();
}

// The run goes on without it.
void Session::read_memory(std::optional<MemoryReading> Memory::*when) {
  const auto processes = tree();
  const auto reading = processes ? capture::read_memory("/proc", *processes)
                                 : Result<MemoryReading>(processes.error());
  if (!memory_) memory_.emplace();
  if (reading)
    (*memory_).*when = *reading;
  else if (memory_unmeasured_.empty())
    memory_unmeasured_ = reading.error().text();
}

Status Session::end_programs() {
  progress_.show("ending what was started");
  control_.reset();  // a load that is held is let go
  if (load_.supervisor && load_.supervisor->running())
    if (Status stopped = load_.supervisor->stop(kLoadGrace); !stopped) return stopped;
  const std::uint64_t deadline = ns_from_now(plan_.stop_grace + kLoadGrace + 10s);
  if (Status waited =
          wait([this] { return !load_.supervisor || !load_.supervisor->running(); }, deadline);
      !waited)
    return waited;
  if (server_.supervisor && server_.supervisor->running()) {
    const auto grace = interrupts_ > 1 ? 0ms : plan_.stop_grace;
    if (Status stopped = server_.supervisor->stop(grace); !stopped) return stopped;
  }
  return wait([this] { return !server_.supervisor || !server_.supervisor->running(); }, deadline);
}

Error Session::ended_too_soon(const std::string& before) const {
  return Error{.operation = "measure",
               .object = plan_.name,
               .why = fmt::format("it ended before {} ({})", before,
                                  server_.exit ? text_of(*server_.exit) : "not started"),
               .remedy = "its own output says why"};
}

// Waits until the condition holds, the deadline has passed, or the user interrupts.
Status Session::wait(const std::function<bool()>& until, std::uint64_t deadline_ns) {
  const int interrupts = interrupts_;
  while (!until() && monotonic_ns() < deadline_ns && interrupts_ == interrupts)
    if (Status status = handle_ready(deadline_ns); !status) return status;
  return {};
}

Status Session::handle_ready(std::uint64_t deadline_ns) {
  enum Source : std::uint8_t { kSignals, kNews, kServer, kLoad, kControl, kSources };
  std::array<pollfd, kSources> sources{};
  sources[kSignals].fd = signals_.get();
  sources[kNews].fd = probes_ ? probes_->news_fd() : -1;
  sources[kServer].fd = server_.supervisor && !server_.gone ? server_.supervisor->event_fd() : -1;
  sources[kLoad].fd = load_.supervisor && !load_.gone ? load_.supervisor->event_fd() : -1;
  sources[kControl].fd = control_ && !outcome_ && !load_error_ ? control_->fd() : -1;
  for (pollfd& source : sources)
    source.events = POLLIN;

  const std::uint64_t now = monotonic_ns();
  const std::uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
  timespec timeout{
      .tv_sec = static_cast<time_t>(std::min(left / kNsPerSecond, std::uint64_t{3600})),
      .tv_nsec = static_cast<long>(left % kNsPerSecond)};
  if (::ppoll(sources.data(), sources.size(), &timeout, nullptr) < 0)
    return errno == EINTR ? Status() : Status(errno_error("wait for", "the run's events"));

  if (sources[kSignals].revents != 0) on_signals();
  if (sources[kNews].revents != 0) on_news();
  for (const auto& [source, program] : {std::pair{kServer, &server_}, std::pair{kLoad, &load_}}) {
    if (sources[source].revents == 0) continue;
    auto event = program->supervisor->next_event();
    if (!event) return std::move(event).error();
    if (*event)
      if (Status status = on_event(*program, **event); !status) return status;
  }
  return sources[kControl].revents != 0 ? on_load_message() : Status();
}

void Session::on_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (first_ == FirstInterrupt::kFinishRun && info.ssi_signo == SIGINT && !finishing_) {
      finishing_ = true;
      progress_.lead("the last run (Ctrl-C ends it at once): ");
    } else {
      ++interrupts_;
    }
  }
}

void Session::on_news() {
  // What a short-lived process has mapped is to be read at once; the tables for its stacks, which
  // take longer, come after that, a process at a time.
  std::vector<symbols::Process> mapped = read_news();
  while (!mapped.empty()) {
    const symbols::Process process = mapped.back();
    mapped.pop_back();
    probes_->unwind(process, *symbols_);
    const std::vector<symbols::Process> more = read_news();
    mapped.insert(mapped.end(), more.begin(), more.end());
  }
}

// The processes that have mapped code, learnt.
std::vector<symbols::Process> Session::read_news() {
  std::vector<symbols::Process> mapped;
  for (const tr_news& item : probes_->read_news()) {
    heard_of_port_ = heard_of_port_ || item.kind == TR_NEWS_LISTEN;
    const symbols::Process process{.pid = static_cast<pid_t>(item.tgid), .image = item.image};
    if (item.kind == TR_NEWS_MAPPED && std::ranges::find(mapped, process) == mapped.end())
      mapped.push_back(process);
  }
  std::erase_if(mapped, [this](const symbols::Process& process) {
    return !probes_->options().stacks || !symbols_->learn(process);
  });
  return mapped;
}

// A process that has just ended is known by its image, if by anything.
void Session::learn_symbols() {
  if (!probes_->options().stacks) return;
  std::vector<symbols::Process> processes = probes_->living_processes();
  std::erase_if(processes,
                [this](const symbols::Process& process) { return !symbols_->learn(process); });
  for (const symbols::Process& process : processes)
    probes_->unwind(process, *symbols_);
}

Status Session::on_event(Program& program, const SupervisorEvent& event) {
  if (const auto* failed = std::get_if<capture::ExecFailed>(&event)) return failed->error;
  if (const auto* exited = std::get_if<capture::Exited>(&event)) {
    program.exit = exited->exit;
    program.descendants_left = exited->descendants_left;
  } else if (const auto* gone = std::get_if<capture::TreeGone>(&event)) {
    program.gone = true;
    if (gone->refused > 0)
      notes_.push_back(
          fmt::format("{} processes of {} could not be ended: they run as another user",
                      gone->refused, plan_.name));
  } else {
    program.executed = true;
  }
  return {};
}

Status Session::on_load_message() {
  auto message = control_->read(0);
  if (!message) {
    load_error_ = std::move(message).error();
  } else if (*message) {
    if (auto* window = std::get_if<load::Window>(&**message))
      planned_ = *window;
    else if (std::holds_alternative<load::Held>(**message))
      load_held_ = true;
    else
      outcome_ = std::get<load::Outcome>(**std::move(message));
  }
  return {};
}

}  // namespace tr::commands
