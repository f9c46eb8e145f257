// Which coroutine goes on now? The one whose socket has become ready, whose time is over, whose
// turn it is, or whose condition has come true.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/client_timers.h"
#include "common/epoll_set.h"

namespace servers {

class Condition;
class Socket;

class Reactor {
 public:
  // `always`: see EpollSet. Throws Failure.
  explicit Reactor(int always) : epoll_(always) {}
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // Before a Socket is made of this descriptor: says why that is impossible.
  [[nodiscard]] std::optional<Shortage> watch(int fd) { return epoll_.add(fd, kBothEdges); }

  // Waits, for so long at most (-1: for ever), until something is ready. Sockets go on; what else
  // is in the set is told to `other`, by its descriptor.
  template <class Other>
  void wait(int timeout_ms, Other&& other) {
    const bool work_left = !turns_.empty() || !notified_.empty();
    for (const epoll_event& event : epoll_.wait(work_left ? 0 : timeout_ms)) {
      if (Socket* const socket = find(event.data.fd))
        ready(*socket, event);
      else
        other(event.data.fd);
    }
    take_turns();
  }

  // How long until run_timers() has something to do; -1 if there are no timers.
  [[nodiscard]] int timers_ms() const {
    return sooner_ms(timers_.timeout_ms(),
                     deadlines_.empty() ? -1 : ms_until(deadlines_.begin()->first));
  }
  void run_timers();

  [[nodiscard]] EpollSet& epoll() { return epoll_; }

 private:
  friend Condition;
  friend Socket;

  // Both edges always: who waits for neither is told now and then for nothing, but nobody has to
  // ask the kernel for something else than before.
  static constexpr std::uint32_t kBothEdges = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

  [[nodiscard]] Socket* find(int fd) const {
    const auto index = static_cast<std::size_t>(fd);
    return index < sockets_.size() ? sockets_[index] : nullptr;
  }
  void enter(Socket* socket, int fd);
  void leave(int fd);
  void ready(Socket& socket, const epoll_event& event);
  void take_turns();
  void forget(const Condition& condition);

  EpollSet epoll_;
  std::vector<Socket*> sockets_;  // by descriptor
  std::vector<int> turns_;        // who goes on after all that is ready now
  std::vector<int> taking_turns_;
  ClientTimers timers_;
  std::vector<Condition*> notified_;  // whose waiters go on with the turns
  std::vector<Condition*> taking_notified_;
  std::set<std::pair<Clock::time_point, Condition*>> deadlines_;
};

}  // namespace servers
