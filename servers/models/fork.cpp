// A process per connection, which blocks in recv and send. SIGCHLD is taken from a signalfd, so
// children are reaped between two waits: no handler, no lost signal, no zombie that stays.
#include <cerrno>
#include <csignal>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unordered_set>

#include "common/blocking.h"
#include "common/log.h"
#include "common/service.h"
#include "models/model.h"

namespace servers {
namespace {

// SIGCHLD as a descriptor: readable when children have ended.
Fd child_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // Inherited as ignored it would reap our children unseen.
  std::signal(SIGCHLD, SIG_DFL);
  Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) throw Failure::from_errno("wait for child processes");
  return signals;
}

class ForkService final : public Service {
 public:
  ForkService(Listener& listener, Protocol& protocol, Stop& stop)
      : Service(listener, protocol, stop), child_signals_(child_signals()) {}

  // Clients that have used up the grace period: their processes are killed, and reaped.
  void cut_off() {
    for (const pid_t child : children_)
      ::kill(child, SIGKILL);
    for (; !children_.empty(); children_.erase(children_.begin()))
      ::waitpid(*children_.begin(), nullptr, 0);
  }

 private:
  void wait(int timeout_ms) override {
    pollfd polled[] = {
        {stop_.fd(), POLLIN, 0}, {listener_.fd(), POLLIN, 0}, {child_signals_.get(), POLLIN, 0}};
    if (poll_for(polled, timeout_ms) == 0) return;
    if (polled[2].revents != 0) reap();
    if (polled[0].revents != 0)
      begin_stop();
    else if (polled[1].revents != 0)
      accept_clients();
  }

  void reap() {
    // One SIGCHLD may stand for many children: take the signal first, then every child there is.
    signalfd_siginfo taken;
    [[maybe_unused]] const ssize_t got = ::read(child_signals_.get(), &taken, sizeof taken);
    for (pid_t child; (child = ::waitpid(-1, nullptr, WNOHANG)) > 0;)
      children_.erase(child);
  }

  std::optional<Shortage> take(Fd& client) override {
    const pid_t child = ::fork();
    if (child < 0)
      return Shortage{"start a process for a client", errno,
                      "raise ulimit -u, or sysctl kernel.pid_max"};
    if (child == 0) serve_as_child(client.get());
    children_.insert(child);
    client.reset();
    return {};
  }

  // SIGINT and SIGTERM stay blocked here: sent to the whole process group (Ctrl-C), they must not
  // cut off clients that the parent still gives their time. The child ends with its client, or when
  // the parent kills it or dies.
  [[noreturn]] void serve_as_child(int client) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() == parent_) {  // else it died before prctl
      listener_.close();
      const auto session = protocol_.open();
      serve_blocking(client, *session);
    }
    ::_exit(0);
  }

  [[nodiscard]] std::size_t clients() const override { return children_.size(); }

  const pid_t parent_ = ::getpid();
  Fd child_signals_;
  std::unordered_set<pid_t> children_;
};

class Fork final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "fork"; }
  [[nodiscard]] std::string_view about() const override {
    return "Each client is served by a process of its own, which blocks in recv(2) and send(2).";
  }
  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    ForkService service(listener, protocol, stop);
    service.run();
    service.cut_off();
  }
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<Fork>();
}

}  // namespace servers
