#include "capture/launch/held_child.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/launch/pidfd.h"

namespace tr::capture {
namespace {

// The last reading of a note is "all done": code 0.
using Note = LaunchFailure;

constexpr int kNotExecuted = 127;  // as a shell exits when it cannot execute

struct Pipe {
  Fd read;
  Fd write;
};

bool make_pipe(Pipe& pipe) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  pipe.read.reset(ends[0]);
  pipe.write.reset(ends[1]);
  return true;
}

// One whole small record from a pipe; false at its end.
template <class T>
bool read_record(int fd, T& record) {
  ssize_t got = -1;
  do {
    got = ::read(fd, &record, sizeof record);
  } while (got < 0 && errno == EINTR);
  return got == static_cast<ssize_t>(sizeof record);
}

void reset_signal_dispositions() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal)
    sigaction(signal, &standard, nullptr);  // refused for SIGKILL, SIGSTOP and libc's own: no loss
}

int set_open_file_limit(const LaunchSpec& spec) {
  if (!spec.open_files) return 0;
  const rlimit limit{.rlim_cur = spec.open_files->soft, .rlim_max = spec.open_files->hard};
  return setrlimit(RLIMIT_NOFILE, &limit);
}

int set_input(StandardInput policy, int given) {
  if (given >= 0) return dup2(given, STDIN_FILENO) < 0 ? -1 : 0;
  if (policy == StandardInput::kInherit || isatty(STDIN_FILENO) == 0) return 0;
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null) return -1;
  return dup2(null.get(), STDIN_FILENO) < 0 ? -1 : 0;
}

int set_output(int output) {
  if (dup2(output, STDOUT_FILENO) < 0) return -1;
  return dup2(output, STDERR_FILENO) < 0 ? -1 : 0;
}

// Dies with `parent`. Credential changes clear the tie, so it comes after them; and if the parent
// died before the tie was made, nobody would tell us.
int tie_to(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return -1;
  if (getppid() == parent) return 0;
  errno = ESRCH;
  return -1;
}

class Child {
 public:
  Child(const LaunchSpec& spec, StandardFiles files, pid_t parent, pid_t owner_group)
      : spec_(spec), files_(files), parent_(parent), owner_group_(owner_group) {
    for (std::string& argument : arguments_ = spec.argv)
      argv_.push_back(argument.data());
    argv_.push_back(nullptr);
    for (std::string& setting : environment_ = environment_of(spec, environ))
      envp_.push_back(setting.data());
    envp_.push_back(nullptr);
  }

  [[noreturn]] void run(int go, int notes) {
    Note note = prepare();
    // Unblocked last: a signal's default action is to end us, which must not happen half way.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::write(notes, &note, sizeof note) != sizeof note || note.code != 0) _exit(kNotExecuted);

    // Held. From the byte on, nothing but execve: the tracer counts what we do here.
    char byte = 0;
    if (::read(go, &byte, 1) == 1) {
      execve(spec_.program.c_str(), argv_.data(), envp_.data());
      const int code = errno;
      if (::write(notes, &code, sizeof code) < 0) _exit(kNotExecuted);
    }
    _exit(kNotExecuted);
  }

 private:
  Note prepare() {
    const auto failed = [](LaunchStep step) { return Note{.step = step, .code = errno}; };
    reset_signal_dispositions();
    if (setpgid(0, spec_.group == ProcessGroup::kOwn ? 0 : owner_group_) != 0)
      return failed(LaunchStep::kGroup);
    if (set_open_file_limit(spec_) != 0) return failed(LaunchStep::kOpenFiles);
    if (!spec_.cpus.empty())
      if (const Status pinned = pin_thread(0, spec_.cpus); !pinned)
        return {.step = LaunchStep::kPin, .code = pinned.error().code};
    if (set_input(spec_.input, files_.input) != 0) return failed(LaunchStep::kInput);
    if (set_output(files_.output) != 0) return failed(LaunchStep::kOutput);
    if (spec_.user && become(*spec_.user) != 0) return failed(LaunchStep::kUser);
    if (tie_to(parent_) != 0) return failed(LaunchStep::kTie);
    if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
      return failed(LaunchStep::kCloseFiles);
    return {};
  }

  const LaunchSpec& spec_;
  const StandardFiles files_;
  const pid_t parent_;
  const pid_t owner_group_;
  std::vector<std::string> arguments_;
  std::vector<std::string> environment_;
  std::vector<char*> argv_;
  std::vector<char*> envp_;
};

}  // namespace

std::variant<HeldChild, LaunchFailure> fork_held_child(const LaunchSpec& spec, StandardFiles files,
                                                       pid_t owner_group) {
  Pipe go;
  Pipe notes;
  if (!make_pipe(go) || !make_pipe(notes))
    return LaunchFailure{.step = LaunchStep::kFork, .code = errno};
  Child child(spec, files, getpid(), owner_group);
  const pid_t pid = fork();
  if (pid < 0) return LaunchFailure{.step = LaunchStep::kFork, .code = errno};
  if (pid == 0) {
    go.write.reset();
    notes.read.reset();
    child.run(go.read.get(), notes.write.get());
  }
  notes.write.reset();

  Note note{.step = LaunchStep::kSurvive, .code = ESRCH};
  Fd pidfd;
  if (read_record(notes.read.get(), note) && note.code == 0) {
    pidfd = open_pidfd(pid);
    if (!pidfd) note = {.step = LaunchStep::kFork, .code = errno};
  }
  if (note.code != 0) {
    go.write.reset();  // a child that was ready exits on this
    waitpid(pid, nullptr, 0);
    return note;
  }
  return HeldChild{.pid = pid,
                   .pidfd = std::move(pidfd),
                   .go = std::move(go.write),
                   .exec_errno = std::move(notes.read)};
}

}  // namespace tr::capture
