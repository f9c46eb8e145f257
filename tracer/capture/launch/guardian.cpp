#include "capture/launch/guardian.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "capture/launch/held_child.h"
#include "capture/launch/launch_spec.h"
#include "capture/launch/process_tree.h"
#include "util/clock.h"
#include "util/text.h"

namespace tr::capture {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;

std::uint64_t to_ns(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(time.tv_usec) * 1000;
}

// SIGTERM, and SIGCONT so that a stopped process gets to see it.
void ask_to_end(pid_t pid) {
  ::kill(pid, SIGTERM);
  ::kill(pid, SIGCONT);
}

// The children of this process, the adopted ones included; zombies too.
std::vector<pid_t> own_children() {
  auto children = child_processes("/proc", getpid());
  return children ? *std::move(children) : std::vector<pid_t>{};
}

std::optional<LaunchSpec> read_spec(int file) {
  struct stat info {};
  if (fstat(file, &info) != 0) return std::nullopt;
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got =
        pread(file, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (got <= 0) return std::nullopt;
    done += static_cast<std::size_t>(got);
  }
  return decode(text);
}

// What runs under this guardian, from the start command until nothing of it is left.
struct Tree {
  pid_t first = 0;
  bool first_alive = true;
  bool asked_to_end = false;  // by trace-run, while the first process lived
  Fd go;                      // until the go command
  bool released = false;      // the go command came
  Fd exec_errno;              // until execve is known to have succeeded or failed
  bool exec_failed = false;
  std::optional<Report> exit;               // the first process's, not told yet
  std::optional<std::uint64_t> kill_at_ns;  // stopping: when the grace is over
  std::vector<pid_t> orphans_asked_to_end;  // stopping: SIGTERM is sent once
};

class Guardian {
 public:
  Guardian(Channel channel, Fd owner, pid_t owner_group)
      : channel_(std::move(channel)), owner_(std::move(owner)), owner_group_(owner_group) {
    sigset_t child_ended;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    child_ended_.reset(signalfd(-1, &child_ended, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!child_ended_) _exit(1);  // trace-run notices that the channel closes
  }

  // Until trace-run is gone, or has hung up. Leaves nothing running.
  void serve() {
    enum { kChannel, kOwner, kChildEnded, kExecErrno, kCount };
    for (bool serving = true; serving;) {
      std::array<pollfd, kCount> fds{};
      fds[kChannel].fd = channel_.fd();
      fds[kOwner].fd = owner_.get();
      fds[kChildEnded].fd = child_ended_.get();
      fds[kExecErrno].fd = tree_ ? tree_->exec_errno.get() : -1;
      for (pollfd& fd : fds)
        fd.events = POLLIN;
      ::poll(fds.data(), fds.size(), milliseconds_to_deadline());

      // First what has happened, then what is wanted next.
      if (fds[kExecErrno].revents != 0) settle_execution();
      if (fds[kChildEnded].revents != 0) notice_ended_children();
      if (fds[kChannel].revents != 0) serving = serve_command();
      if (fds[kOwner].revents != 0) serving = false;
      if (tree_ && tree_->kill_at_ns && monotonic_ns() >= *tree_->kill_at_ns) end_tree();
    }
    if (tree_) end_tree();
  }

 private:
  // In poll's terms; rounded up, so that the deadline has passed when poll returns.
  [[nodiscard]] int milliseconds_to_deadline() const {
    if (!tree_ || !tree_->kill_at_ns) return -1;
    const std::uint64_t now = monotonic_ns();
    if (now >= *tree_->kill_at_ns) return 0;
    constexpr std::uint64_t kLongest = 3'600'000;
    return static_cast<int>(std::min((*tree_->kill_at_ns - now) / kNsPerMs + 1, kLongest));
  }

  // False: trace-run has hung up.
  bool serve_command() {
    Command command;
    std::vector<Fd> descriptors;
    switch (channel_.receive(command, descriptors, false)) {
      case Received::kClosed:
        return false;
      case Received::kNothing:
        return true;
      case Received::kRecord:
        break;
    }
    switch (command.kind) {
      case CommandKind::kStart:
        start(descriptors);
        break;
      case CommandKind::kGo:
        go();
        break;
      case CommandKind::kSignal:
        send_signal(command.signal, command.whole_tree);
        break;
      case CommandKind::kStop:
        stop(command.grace_ms);
        break;
    }
    return true;
  }

  void start(const std::vector<Fd>& descriptors) {
    const auto refuse = [this](LaunchFailure failure) {
      channel_.send(
          Report{.kind = ReportKind::kNotStarted, .step = failure.step, .code = failure.code});
    };
    if (tree_ || reap()) return refuse({.step = LaunchStep::kClear, .code = EBUSY});
    const auto spec = descriptors.size() >= 2 ? read_spec(descriptors[0].get()) : std::nullopt;
    if (!spec) return refuse({.step = LaunchStep::kReadSpec, .code = EINVAL});
    auto forked = fork_held_child(*spec,
                                  {.output = descriptors[1].get(),
                                   .input = descriptors.size() > 2 ? descriptors[2].get() : -1},
                                  owner_group_);
    if (const auto* failure = std::get_if<LaunchFailure>(&forked)) return refuse(*failure);

    auto& child = std::get<HeldChild>(forked);
    channel_.send(Report{.kind = ReportKind::kHeld, .pid = child.pid}, {child.pidfd.get()});
    tree_.emplace();
    tree_->first = child.pid;
    tree_->go = std::move(child.go);
    tree_->exec_errno = std::move(child.exec_errno);
  }

  void go() {
    if (!tree_ || !tree_->go) return;
    const char byte = 1;
    tree_->released = ::write(tree_->go.get(), &byte, 1) == 1;
    tree_->go.reset();
  }

  void send_signal(int signal, bool whole_tree) {
    if (!tree_) return;
    tree_->asked_to_end = tree_->asked_to_end || tree_->first_alive;
    if (!whole_tree) {
      // Not reaped yet, so the pid is still its own.
      if (tree_->first_alive) ::kill(tree_->first, signal);
      return;
    }
    const auto processes = process_tree("/proc", getpid());
    if (!processes) return;
    for (const pid_t pid : *processes)
      if (pid != getpid()) ::kill(pid, signal);
  }

  void stop(std::int64_t grace_ms) {
    if (!tree_) return;
    const bool stopping_already = tree_->kill_at_ns.has_value();
    const std::uint64_t kill_at =
        monotonic_ns() + static_cast<std::uint64_t>(std::max<std::int64_t>(grace_ms, 0)) * kNsPerMs;
    tree_->kill_at_ns = std::min(kill_at, tree_->kill_at_ns.value_or(kill_at));
    // To many programs a second SIGTERM means: at once.
    if (stopping_already) return;
    tree_->asked_to_end = tree_->asked_to_end || tree_->first_alive;
    if (tree_->first_alive)
      ask_to_end(tree_->first);
    else
      ask_orphans_to_end();
  }

  // Those whose parent has ended are ours now: the server behind a wrapper script, a daemon.
  void ask_orphans_to_end() {
    std::vector<pid_t>& asked = tree_->orphans_asked_to_end;
    for (const pid_t pid : own_children()) {
      if (std::find(asked.begin(), asked.end(), pid) != asked.end()) continue;
      asked.push_back(pid);
      ask_to_end(pid);
    }
  }

  void notice_ended_children() {
    signalfd_siginfo ignored{};
    while (::read(child_ended_.get(), &ignored, sizeof ignored) > 0) {
    }
    const bool left = reap();
    if (!tree_) return;
    if (!left)
      report_gone(0);
    else if (tree_->kill_at_ns && !tree_->first_alive)
      ask_orphans_to_end();
  }

  // Takes leave of every child that has ended; false when there is none left.
  bool reap() {
    int status = 0;
    rusage usage{};
    pid_t pid = 0;
    while ((pid = wait4(-1, &status, WNOHANG | __WALL, &usage)) > 0)
      note_end(pid, status, usage);
    const bool left = pid == 0;
    if (tree_ && tree_->exit) {
      tree_->exit->descendants_left = left;
      channel_.send(*tree_->exit);
      tree_->exit.reset();
    }
    return left;
  }

  void note_end(pid_t pid, int status, const rusage& usage) {
    if (!tree_ || pid != tree_->first) return;
    tree_->first_alive = false;
    settle_execution();
    if (tree_->exec_failed) return;  // it never was the program
    tree_->exit = Report{.kind = ReportKind::kExited,
                         .pid = pid,
                         .wait_status = status,
                         .user_ns = to_ns(usage.ru_utime),
                         .system_ns = to_ns(usage.ru_stime),
                         .max_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024,
                         .minor_faults = static_cast<std::uint64_t>(usage.ru_minflt),
                         .major_faults = static_cast<std::uint64_t>(usage.ru_majflt),
                         .by_itself = !tree_->asked_to_end};
  }

  // Tells once how execve went. To be called when that is known: the pipe is readable, or the
  // process has ended.
  void settle_execution() {
    if (!tree_->exec_errno) return;
    int code = 0;
    tree_->exec_failed = ::read(tree_->exec_errno.get(), &code, sizeof code) == sizeof code;
    tree_->exec_errno.reset();
    if (tree_->exec_failed)
      channel_.send(Report{.kind = ReportKind::kExecFailed, .code = code});
    else if (tree_->released)
      channel_.send(Report{.kind = ReportKind::kExecuted});
  }

  // SIGKILL from the top down, so that no parent lives to replace its children: whoever is orphaned
  // becomes our child, for the next round.
  void end_tree() {
    int refused = 0;
    while (refused == 0 && reap()) {
      std::vector<pid_t> children = own_children();
      if (tree_->first_alive && std::find(children.begin(), children.end(), tree_->first) ==
                                    children.end())  // /proc is missing or hides it
        children.push_back(tree_->first);
      std::vector<pid_t> dying;
      for (const pid_t pid : children)
        if (::kill(pid, SIGKILL) == 0) dying.push_back(pid);
      // Without root, a child that became another user (set-user-id) cannot be killed.
      if (dying.empty()) refused = std::max(1, static_cast<int>(children.size()));
      for (const pid_t pid : dying) {
        int status = 0;
        rusage usage{};
        if (wait4(pid, &status, __WALL, &usage) == pid) note_end(pid, status, usage);
      }
    }
    report_gone(refused);
  }

  void report_gone(int refused) {
    channel_.send(Report{.kind = ReportKind::kGone, .refused = refused});
    tree_.reset();
  }

  Channel channel_;
  const Fd owner_;
  const pid_t owner_group_;
  Fd child_ended_;
  std::optional<Tree> tree_;
};

// Blocks all signals: a guardian ends with its owner, not by Ctrl-C, SIGTERM or a hang-up.
void defy_signals() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  standard.sa_flags = SA_NOCLDSTOP;
  sigaction(SIGCHLD, &standard, nullptr);  // if ignored, children could not be waited for
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
}

// Puts a descriptor above the standard three, which may have been closed when trace-run began.
Fd above_standard(Fd fd) {
  Fd moved(fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!moved) _exit(1);
  return moved;
}

// Opens whichever of the standard three is closed; then gives up stdout (trace-run's readers wait
// for its end) but not stdin and stderr, which the program may get.
void set_standard_files() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0) _exit(1);
  const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!null || dup2(null.get(), STDOUT_FILENO) < 0) _exit(1);
}

// Closes all but the standard three and these two: what trace-run had open is trace-run's to close.
void close_all_but(int one, int other) {
  const auto [low, high] = std::minmax(one, other);
  const auto close_between = [](int first, int last) {
    if (first <= last) close_range(static_cast<unsigned>(first), static_cast<unsigned>(last), 0);
  };
  close_between(STDERR_FILENO + 1, low - 1);
  close_between(low + 1, high - 1);
  close_range(static_cast<unsigned>(high) + 1, ~0U, 0);
}

// Goes by a name of its own in ps: "pkill -f trace-run" shall not end the one that cleans up. The
// arguments lie in one block from argv[0] on, which /proc/self/cmdline shows.
void rename_process(pid_t owner) {
  prctl(PR_SET_NAME, "guardian");
  const auto shown = read_file("/proc/self/cmdline");
  char* arguments = program_invocation_name;
  if (!shown || shown->empty() || std::memcmp(arguments, shown->data(), shown->size()) != 0) return;
  const std::string title = fmt::format("guardian of {}", owner);
  std::memset(arguments, 0, shown->size());
  std::memcpy(arguments, title.data(), std::min(title.size(), shown->size() - 1));
}

}  // namespace

void run_guardian(Fd channel, Fd owner, pid_t owner_pid, pid_t owner_group) noexcept {
  defy_signals();
  setpgid(0, 0);  // a signal to trace-run's whole group shall not reach us
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) _exit(1);
  channel = above_standard(std::move(channel));
  owner = above_standard(std::move(owner));
  close_all_but(channel.get(), owner.get());
  set_standard_files();
  rename_process(owner_pid);
  Guardian(Channel(std::move(channel)), std::move(owner), owner_group).serve();
  _exit(0);
}

}  // namespace tr::capture
