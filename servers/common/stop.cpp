#include "common/stop.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <sys/signalfd.h>

#include <fmt/format.h>

#include "common/log.h"

namespace servers {
namespace {

constexpr std::chrono::milliseconds kPatience{300};
constexpr std::array<int, 2> kSignals = {SIGINT, SIGTERM};

sigset_t signal_set() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kSignals)
    sigaddset(&set, signal);
  return set;
}

}  // namespace

Stop::Stop(std::chrono::milliseconds grace) : grace_(grace) {
  const sigset_t set = signal_set();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) throw Failure::from_errno("wait for signals");
}

void Stop::begin() {
  const auto now = Clock::now();
  deadline_ = now + grace_;
  report_at_ = now + kPatience;
  begun_ = true;

  signalfd_siginfo first;
  [[maybe_unused]] const ssize_t taken = ::read(signals_.get(), &first, sizeof first);
  signals_.reset();
  if (of_worker_) return;
  // A shell starts background jobs with SIGINT ignored: ask for the default, do not assume it.
  for (const int signal : kSignals)
    std::signal(signal, SIG_DFL);
  const sigset_t set = signal_set();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

int Stop::timeout_ms() const {
  if (!begun_) return -1;
  return ms_until(reported_ ? deadline_ : std::min(report_at_, deadline_));
}

void Stop::report(std::size_t clients) {
  if (!begun_ || reported_ || Clock::now() < report_at_) return;
  reported_ = true;
  log_line(fmt::format(
      "ending: {} client{} may finish within {:g} s (--grace); a second signal ends at once",
      clients, clients == 1 ? "" : "s", std::chrono::duration<double>(grace_).count()));
}

}  // namespace servers
