// Which descriptors are ready? epoll(7), and the listening socket, which comes and goes in it.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>
#include <sys/epoll.h>

#include "common/fd.h"
#include "common/listener.h"
#include "common/log.h"

namespace servers {

class EpollSet {
 public:
  // `always` is watched for input, level-triggered. Throws Failure.
  explicit EpollSet(int always) : epoll_(::epoll_create1(EPOLL_CLOEXEC)), always_(always) {
    if (!epoll_ || !control(EPOLL_CTL_ADD, always, EPOLLIN))
      throw Failure::from_errno("set up epoll");
  }

  // Puts a client into the set; says why if that is impossible.
  [[nodiscard]] std::optional<Shortage> add(int client, std::uint32_t events) {
    if (control(EPOLL_CTL_ADD, client, events)) return {};
    return Shortage{"watch a client", errno, "raise sysctl fs.epoll.max_user_watches"};
  }
  // For one that is in it; arms its edges again. Closing the last descriptor of a socket takes it
  // out.
  void modify(int client, std::uint32_t events) { control(EPOLL_CTL_MOD, client, events); }

  // Watches this listening socket, none if -1. Level-triggered: it is drained in batches.
  void set_listener(int listening) {
    if (listening == listening_) return;
    if (listening >= 0 ? !control(EPOLL_CTL_ADD, listening, EPOLLIN)
                       : !control(EPOLL_CTL_DEL, listening_, 0))
      throw Failure::from_errno("watch the listening socket");
    listening_ = listening;
  }
  // The listening socket that is being watched; -1 if none is.
  [[nodiscard]] int listener() const { return listening_; }
  // From now on only clients are watched. Closing the others would not do: they may be shared, and
  // who is open elsewhere stays in the set.
  void only_clients() {
    control(EPOLL_CTL_DEL, always_, 0);
    set_listener(-1);
  }

  // The ready ones, with their descriptor in data.fd; none when the time is over, or a signal came.
  // Throws Failure.
  [[nodiscard]] std::span<const epoll_event> wait(int timeout_ms) {
    const int ready = ::epoll_wait(epoll_.get(), events_.data(), kBatch, timeout_ms);
    if (ready < 0 && errno != EINTR) throw Failure::from_errno("wait for clients");
    return {events_.data(), static_cast<std::size_t>(ready > 0 ? ready : 0)};
  }

 private:
  bool control(int operation, int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
  }

  // So many ready clients per epoll_wait: enough to make its cost small, 6 KiB.
  static constexpr int kBatch = 512;

  Fd epoll_;
  int always_;
  int listening_ = -1;
  std::array<epoll_event, kBatch> events_{};
};

}  // namespace servers
