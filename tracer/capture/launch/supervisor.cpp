#include "capture/launch/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "capture/launch/guardian.h"
#include "capture/launch/pidfd.h"

namespace tr::capture {
namespace {

constexpr int kGuardianEndMs = 10'000;

// A file in memory: an encoded spec may be longer (2 MB of arguments) than a socket's record.
Result<Fd> memory_file(std::string_view content) {
  Fd file(memfd_create("launch", MFD_CLOEXEC));
  if (!file) return errno_error("create", "a memory file");
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0) return errno_error("write", "a memory file");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return file;
}

Error not_started(const Report& report, const std::string& program) {
  Error error{
      .operation = "start", .object = program, .code = report.code, .why = {}, .remedy = {}};
  switch (report.step) {
    case LaunchStep::kReadSpec:
      error.why = "the guardian did not understand the order";
      break;
    case LaunchStep::kClear:
      error.why = "a process of the program before it could not be ended";
      error.remedy = "end it as the user it runs as (ps -ef)";
      break;
    case LaunchStep::kFork:
      error.why = "no new process";
      error.remedy = "see the limits of processes and files: ulimit -u, ulimit -n";
      break;
    case LaunchStep::kGroup:
      error.why = "its process group";
      break;
    case LaunchStep::kOpenFiles:
      error.why = "its limit of open files";
      error.remedy = "see ulimit -n";
      break;
    case LaunchStep::kPin:
      error.why = "its CPUs";
      error.remedy = "choose CPUs that trace-run itself may use (taskset -p $$)";
      break;
    case LaunchStep::kInput:
      error.why = "its standard input";
      break;
    case LaunchStep::kOutput:
      error.why = "its standard output";
      break;
    case LaunchStep::kUser:
      error.why = "its user";
      error.remedy = "run trace-run through sudo";
      break;
    case LaunchStep::kTie:
      error.why = "its tie to the guardian";
      break;
    case LaunchStep::kCloseFiles:
      error.why = "close_range";
      error.remedy = "trace-run needs Linux 5.11 or later";
      break;
    case LaunchStep::kSurvive:
      error.why = "it was killed before it could be";
      error.code = 0;
      break;
  }
  return error;
}

Error not_executed(int code, const std::string& program) {
  Error error{.operation = "execute", .object = program, .code = code, .why = {}, .remedy = {}};
  switch (code) {
    case ENOENT:
      error.failure = Failure::kUsage;
      if (access(program.c_str(), F_OK) == 0) {
        // The kernel says so of what it needs to run the file, too.
        error.failure = Failure::kRun;
        error.why = "its interpreter (the #! line) or dynamic loader is missing";
        error.remedy = fmt::format("see: file {}", program);
      } else {
        error.remedy = "check the program's name";
      }
      break;
    case EACCES:
      error.remedy = fmt::format(
          "chmod +x {}, and see that the user it runs as may enter every folder above it", program);
      break;
    case ENOEXEC:
      error.remedy =
          "it is a program for another machine, or a script without a #! line: name its "
          "interpreter before it";
      break;
    case E2BIG:
      error.remedy = "shorten its arguments, or the environment";
      break;
    case ETXTBSY:
      error.remedy = "something still writes the file: try again when that is done";
      break;
    default:
      break;
  }
  return error;
}

ServerExit to_server_exit(const Report& report) {
  ServerExit exit;
  exit.exited_by_itself = report.by_itself;
  if (WIFSIGNALED(report.wait_status))
    exit.signal = WTERMSIG(report.wait_status);
  else
    exit.code = WEXITSTATUS(report.wait_status);
  exit.user_ns = report.user_ns;
  exit.system_ns = report.system_ns;
  exit.max_rss_bytes = report.max_rss_bytes;
  exit.minor_faults = report.minor_faults;
  exit.major_faults = report.major_faults;
  return exit;
}

}  // namespace

Result<Supervisor> Supervisor::create() {
  const pid_t self = getpid();
  Fd self_pidfd = open_pidfd(self);
  if (!self_pidfd)
    return errno_error("watch", "trace-run's own process", "trace-run needs Linux 5.11 or later");
  auto ends = Channel::pair();
  if (!ends) return std::move(ends).error();
  const pid_t guardian = fork();
  if (guardian < 0)
    return errno_error("create", "the guardian process", "see the limit of processes: ulimit -u");
  if (guardian == 0)
    run_guardian(std::move(ends->second), std::move(self_pidfd), self, getpgid(self));
  // Not reaped yet, so the pid is its own.
  Fd guardian_pidfd = open_pidfd(guardian);
  if (!guardian_pidfd) return errno_error("watch", "the guardian process");
  return Supervisor(Channel(std::move(ends->first)), guardian, std::move(guardian_pidfd));
}

Supervisor::Supervisor(Channel channel, pid_t guardian, Fd guardian_pidfd)
    : channel_(std::move(channel)),
      owner_(getpid()),
      guardian_(guardian),
      guardian_pidfd_(std::move(guardian_pidfd)) {}

Supervisor& Supervisor::operator=(Supervisor&& other) noexcept {
  if (this == &other) return *this;
  end();
  channel_ = std::move(other.channel_);
  owner_ = other.owner_;
  guardian_ = other.guardian_;
  guardian_pidfd_ = std::move(other.guardian_pidfd_);
  program_ = std::move(other.program_);
  running_ = other.running_;
  return *this;
}

Supervisor::~Supervisor() {
  end();
}

void Supervisor::end() {
  if (!channel_.valid() || getpid() != owner_) return;
  channel_.shut_down();
  pollfd ended{.fd = guardian_pidfd_.get(), .events = POLLIN, .revents = 0};
  while (::poll(&ended, 1, kGuardianEndMs) < 0 && errno == EINTR) {
  }
  waitpid(guardian_, nullptr, WNOHANG);
}

Error Supervisor::guardian_lost() const {
  return Error{
      .operation = "reach the guardian process of",
      .object = program_.empty() ? "trace-run" : program_,
      .why = fmt::format("process {} has ended, and the program was killed with it", guardian_),
      .remedy = "see whether something kills processes here (dmesg), and run again"};
}

Status Supervisor::send(const Command& command) {
  if (!channel_.send(command)) return guardian_lost();
  return {};
}

Result<HeldProcess> Supervisor::start(const LaunchSpec& spec, int output, int input) {
  if (running_)
    return Error{.operation = "start",
                 .object = spec.program,
                 .why = fmt::format("{} still runs under the same guardian", program_),
                 .remedy = "wait for its end"};
  const auto text = encode(spec);
  if (!text) return text.error();
  const auto order = memory_file(*text);
  if (!order) return order.error();
  program_ = spec.program;
  const Command start{.kind = CommandKind::kStart};
  if (!(input < 0 ? channel_.send(start, {order->get(), output})
                  : channel_.send(start, {order->get(), output, input})))
    return guardian_lost();

  Report report;
  std::vector<Fd> descriptors;
  if (channel_.receive(report, descriptors, true) != Received::kRecord) return guardian_lost();
  if (report.kind != ReportKind::kHeld || descriptors.empty()) return not_started(report, program_);
  running_ = true;
  return HeldProcess{.pid = report.pid, .pidfd = std::move(descriptors.front())};
}

Status Supervisor::go() {
  return send({.kind = CommandKind::kGo});
}

Status Supervisor::signal(int number, Reach reach) {
  return send(
      {.kind = CommandKind::kSignal, .signal = number, .whole_tree = reach == Reach::kWholeTree});
}

Status Supervisor::stop(std::chrono::milliseconds grace) {
  return send({.kind = CommandKind::kStop, .grace_ms = grace.count()});
}

Result<std::optional<SupervisorEvent>> Supervisor::next_event() {
  Report report;
  std::vector<Fd> descriptors;
  switch (channel_.receive(report, descriptors, false)) {
    case Received::kNothing:
      return std::optional<SupervisorEvent>{};
    case Received::kClosed:
      running_ = false;
      return guardian_lost();
    case Received::kRecord:
      break;
  }
  switch (report.kind) {
    case ReportKind::kExecuted:
      return std::optional<SupervisorEvent>(Executed{});
    case ReportKind::kExecFailed:
      return std::optional<SupervisorEvent>(ExecFailed{not_executed(report.code, program_)});
    case ReportKind::kExited:
      return std::optional<SupervisorEvent>(
          Exited{.exit = to_server_exit(report), .descendants_left = report.descendants_left});
    case ReportKind::kGone:
      running_ = false;
      return std::optional<SupervisorEvent>(TreeGone{.refused = report.refused});
    case ReportKind::kHeld:
    case ReportKind::kNotStarted:
      break;  // only ever answers to start(), which takes them itself
  }
  return guardian_lost();
}

Result<std::optional<SupervisorEvent>> Supervisor::wait_event(std::chrono::milliseconds timeout) {
  pollfd readable{.fd = event_fd(), .events = POLLIN, .revents = 0};
  const auto longest = std::chrono::milliseconds(std::numeric_limits<int>::max());
  ::poll(&readable, 1, static_cast<int>(std::clamp(timeout, timeout.zero(), longest).count()));
  return next_event();
}

}  // namespace tr::capture
