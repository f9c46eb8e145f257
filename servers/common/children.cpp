#include "common/children.h"

#include <csignal>
#include <cstring>
#include <exception>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <fmt/format.h>

#include "common/log.h"

namespace servers {

Children::Children() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // Inherited as ignored it would reap our children unseen.
  std::signal(SIGCHLD, SIG_DFL);
  signals_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) throw Failure::from_errno("wait for child processes");
}

Children::~Children() {
  for (const auto& [child, number] : numbers_)
    ::kill(child, SIGKILL);
  for (const auto& [child, number] : numbers_)
    ::waitpid(child, nullptr, 0);
}

bool Children::start(const std::function<void()>& work, std::size_t number) {
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child > 0) {
    numbers_.emplace(child, number);
    return true;
  }
  int exit_code = 0;
  try {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() == parent_) work();  // else it died before prctl
  } catch (const std::exception& error) {
    log_line(error.what());
    exit_code = 1;
  }
  ::_exit(exit_code);
}

void Children::signal(int signal, const std::function<bool(std::size_t number)>& which) const {
  for (const auto& [child, number] : numbers_)
    if (which(number)) ::kill(child, signal);
}

void Children::reap(const Ended& ended) {
  // One SIGCHLD may stand for many children: take the signal first, then every child there is.
  signalfd_siginfo taken;
  [[maybe_unused]] const ssize_t got = ::read(signals_.get(), &taken, sizeof taken);
  int status = 0;
  for (pid_t child; (child = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    const auto it = numbers_.find(child);
    if (it == numbers_.end()) continue;
    const std::size_t number = it->second;
    numbers_.erase(it);
    if (ended) ended(number, status);
  }
}

std::string end_text(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was ended by {}", ::strsignal(WTERMSIG(status)));
  return fmt::format("exited with {}", WEXITSTATUS(status));
}

}  // namespace servers
