// One thread, epoll(7), edge-triggered.
//
// Edge-triggered, because a level-triggered descriptor goes back to the kernel's ready list each
// time it is reported, and is polled once more by the next epoll_wait only to find it drained: one
// tcp_poll per message, some 100 ns, for nothing. The price of edges, reading until EAGAIN, is not
// paid: a recv that does not fill the buffer has emptied the socket. Where something may be left (a
// full buffer, a hang-up behind the data, input that waited out back pressure) EPOLL_CTL_MOD arms
// the descriptor again; if it is ready, that queues it behind the others, so nobody is starved.
#include <array>
#include <cerrno>
#include <sys/epoll.h>

#include "common/event_loop.h"
#include "common/log.h"
#include "models/model.h"

namespace servers {
namespace {

class EpollLoop final : public EventLoop {
 public:
  EpollLoop(Listener& listener, Protocol& protocol, Stop& stop)
      : EventLoop(listener, protocol, stop), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_ || !control(EPOLL_CTL_ADD, stop_.fd(), EPOLLIN))
      throw Failure::from_errno("set up epoll");
  }

 private:
  void wait(int timeout_ms) override {
    update_listener();
    const int listening = listening_;
    const int stop = stop_.fd();
    const int ready = ::epoll_wait(epoll_.get(), events_.data(), kBatch, timeout_ms);
    if (ready < 0 && errno != EINTR) throw Failure::from_errno("wait for clients");
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events_[static_cast<std::size_t>(i)];
      if (event.data.fd == stop) {
        begin_stop();
        listening_ = -1;  // closed, and so out of the set
      } else if (event.data.fd == listening) {
        if (listening_ >= 0) accept_clients();
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
    if (next == Next::kMoreInput) control(EPOLL_CTL_MOD, client, kInputEdge);
    if (next == Next::kOutput) control(EPOLL_CTL_MOD, client, EPOLLOUT | EPOLLET);
    // kTime: an edge that comes meanwhile is passed over; kMoreInput or kOutput ends that time.
    // kClose: closing the last descriptor of a socket has taken it out of the epoll set.
  }

  std::optional<Shortage> watch(int client) override {
    if (control(EPOLL_CTL_ADD, client, kInputEdge)) return {};
    return Shortage{"watch a client", errno, "raise sysctl fs.epoll.max_user_watches"};
  }

  // Takes the listener out of the set while it pauses. Level-triggered: it is drained in batches.
  void update_listener() {
    const int wanted = listener_.fd();
    if (wanted == listening_) return;
    if (wanted >= 0 ? !control(EPOLL_CTL_ADD, wanted, EPOLLIN)
                    : !control(EPOLL_CTL_DEL, listening_, 0))
      throw Failure::from_errno("watch the listening socket");
    listening_ = wanted;
  }

  bool control(int operation, int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
  }

  static constexpr std::uint32_t kInputEdge = EPOLLIN | EPOLLRDHUP | EPOLLET;
  // So many ready clients per epoll_wait: enough to make its cost small, 6 KiB.
  static constexpr int kBatch = 512;

  Fd epoll_;
  int listening_ = -1;  // the listening socket while it is in the set
  std::array<epoll_event, kBatch> events_{};
};

class Epoll final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "epoll"; }
  [[nodiscard]] std::string_view about() const override {
    return "One thread serves all clients: epoll(7), edge-triggered, hands it those that are\n"
           "ready, at a cost that does not grow with those that are not.";
  }
  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    EpollLoop(listener, protocol, stop).run();
  }
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<Epoll>();
}

}  // namespace servers
