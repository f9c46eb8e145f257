// One thread, a coroutine per client: what is around the coroutines?
#pragma once

#include <cstddef>
#include <optional>
#include <sys/socket.h>

#include "common/coroutine/socket.h"
#include "common/coroutine/task.h"
#include "common/service.h"

namespace servers {

// Who derives this owns the coroutines, in a Scope that is the first of its members to go: they may
// use all others, and the reactor.
class CoroutineService : public Admission {
 public:
  CoroutineService(Listener& listener, Stop& stop)
      : Admission(listener, stop), reactor_(stop.fd()) {}

 protected:
  // Serves this client from now on. The reactor watches it already.
  virtual void serve(Fd client) = 0;

  Reactor reactor_;
  BufferPool buffers_;

 private:
  void wait(int timeout_ms) final {
    reactor_.epoll().set_listener(listener_.fd());
    const int stop = stop_.fd();
    reactor_.wait(timeout_ms, [&](int fd) {
      if (fd == stop) {
        reactor_.epoll().only_clients();
        begin_stop();
      } else if (fd == reactor_.epoll().listener()) {
        accept_clients();
      }
    });
  }

  [[nodiscard]] int timers_ms() const final { return reactor_.timers_ms(); }
  void run_timers() final { reactor_.run_timers(); }

  std::optional<Shortage> take(Fd& client) final {
    if (const auto shortage = reactor_.watch(client.get())) return shortage;
    serve(std::move(client));
    return {};
  }

  [[nodiscard]] int client_flags() const final { return SOCK_NONBLOCK; }
};

// Ends a conversation: sends our end and throws away what still comes, until the client ends too or
// has had its time. (Closing with input unread would reset the connection and could destroy the
// answer on its way.)
inline Task<> hang_up(Socket& client, Buffer& buffer, Milliseconds patience) {
  client.end_output();
  // GCC 12 loses a `while (co_await ...)` whose body is empty.
  for (;;) {
    const ssize_t got = co_await client.receive(buffer, patience);
    if (got <= 0) co_return;
    patience = kAsBefore;
  }
}

}  // namespace servers
