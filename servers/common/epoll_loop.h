// One thread serves all its clients: epoll(7), edge-triggered.
//
// Edge-triggered, because a level-triggered descriptor goes back to the kernel's ready list each
// time it is reported, and is polled once more by the next epoll_wait only to find it drained: one
// tcp_poll per message, some 100 ns, for nothing. The price of edges, reading until EAGAIN, is not
// paid: a recv that does not fill the buffer has emptied the socket. Where something may be left (a
// full buffer, a hang-up behind the data, input that waited out back pressure) EPOLL_CTL_MOD arms
// the descriptor again; if it is ready, that queues it behind the others, so nobody is starved.
#pragma once

#include "common/epoll_set.h"
#include "common/event_loop.h"

namespace servers {

class EpollLoop : public EventLoop {
 public:
  EpollLoop(Listener& listener, Protocol& protocol, Stop& stop)
      : EventLoop(listener, protocol, stop), epoll_(stop.fd()) {}

 private:
  void wait(int timeout_ms) override {
    epoll_.set_listener(listener_.fd());
    const int listening = epoll_.listener();
    const int stop = stop_.fd();
    for (const epoll_event& event : epoll_.wait(timeout_ms)) {
      if (event.data.fd == stop) {
        epoll_.only_clients();
        begin_stop();
      } else if (event.data.fd == listening) {
        if (epoll_.listener() >= 0) accept_clients();
      } else {
        serve(event.data.fd, event.events);
      }
    }
  }

  void serve(int client, std::uint32_t events) {
    Next next = proceed(client);
    if (next == Next::kInput && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
      next = Next::kMoreInput;
    rewatch(client, next);
  }

  void rewatch(int client, Next next) override {
    if (next == Next::kMoreInput) epoll_.modify(client, kInputEdge);
    if (next == Next::kOutput) epoll_.modify(client, EPOLLOUT | EPOLLET);
    // kTime: an edge that comes meanwhile is passed over; kMoreInput or kOutput ends that time.
    // kClose: closing has taken it out of the set.
  }

  std::optional<Shortage> watch(int client) override { return epoll_.add(client, kInputEdge); }

  static constexpr std::uint32_t kInputEdge = EPOLLIN | EPOLLRDHUP | EPOLLET;

  EpollSet epoll_;
};

}  // namespace servers
