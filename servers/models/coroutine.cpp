// One thread, a C++20 coroutine per client over edge-triggered epoll(7). What a client is served
// with reads like the blocking models' (common/blocking.cpp); the runtime is common/coroutine/.
#include <cerrno>
#include <sys/socket.h>

#include "common/coroutine/socket.h"
#include "common/coroutine/task.h"
#include "common/service.h"
#include "models/model.h"

namespace servers {
namespace {

// Throws away what still comes, until the client ends too or has had its time. (GCC 12 loses a
// `while (co_await ...)` whose body is empty.)
Task<> drain(Socket& client, Buffer& buffer, Milliseconds patience) {
  for (;;) {
    const ssize_t got = co_await client.receive(buffer, patience);
    if (got <= 0) co_return;
    patience = kAsBefore;
  }
}

Task<> serve_client(Reactor& reactor, BufferPool& buffers, Fd fd,
                    std::unique_ptr<Session> session) {
  Socket client(reactor, std::move(fd));
  Buffer buffer(buffers);
  Milliseconds patience = session->first_patience();
  for (;;) {
    const ssize_t got = co_await client.receive(buffer, patience);
    if (got < 0 && got != -ETIMEDOUT) co_return;
    Answer answer = got < 0    ? session->timed_out()
                    : got == 0 ? session->ended()
                               : session->received(buffer.first(static_cast<std::size_t>(got)));
    for (;;) {
      if (answer.delay > Milliseconds{0}) co_await client.sleep(answer.delay);
      if (!co_await client.send(answer.bytes, answer.patience)) co_return;
      if (answer.then != Then::kContinue) break;
      co_await client.turn();  // lest one client's long answer hold up the others
      answer = session->more();
    }
    if (got == 0) co_return;
    patience = answer.patience;
    if (answer.then == Then::kClose) break;
  }
  // Closing with input unread would reset the connection and could destroy the answer on its way.
  client.end_output();
  co_await drain(client, buffer, patience);
}

class CoroutineService final : public Service {
 public:
  CoroutineService(Listener& listener, Protocol& protocol, Stop& stop)
      : Service(listener, protocol, stop), reactor_(stop.fd()) {}

 private:
  void wait(int timeout_ms) override {
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

  [[nodiscard]] int timers_ms() const override { return reactor_.timers_ms(); }
  void run_timers() override { reactor_.run_timers(); }

  std::optional<Shortage> take(Fd& client) override {
    if (const auto shortage = reactor_.watch(client.get())) return shortage;
    clients_.spawn(serve_client(reactor_, buffers_, std::move(client), protocol_.open()));
    return {};
  }

  [[nodiscard]] std::size_t clients() const override { return clients_.count(); }
  [[nodiscard]] int client_flags() const override { return SOCK_NONBLOCK; }

  Reactor reactor_;
  BufferPool buffers_;
  Scope clients_;  // first to go
};

class Coroutine final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "coroutine"; }
  [[nodiscard]] std::string_view about() const override {
    return "One thread serves all clients, each in a C++20 coroutine that reads like blocking\n"
           "code and is suspended while its socket is not ready: epoll(7), edge-triggered.";
  }
  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    CoroutineService(listener, protocol, stop).run();
  }
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<Coroutine>();
}

}  // namespace servers
