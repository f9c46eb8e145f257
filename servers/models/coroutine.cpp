// One thread, a C++20 coroutine per client over edge-triggered epoll(7). What a client is served
// with reads like the blocking models' (common/blocking.cpp); the runtime is common/coroutine/.
#include <cerrno>

#include "common/coroutine/service.h"
#include "models/model.h"

namespace servers {
namespace {

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
  co_await hang_up(client, buffer, patience);
}

class ProtocolService final : public CoroutineService {
 public:
  ProtocolService(Listener& listener, Protocol& protocol, Stop& stop)
      : CoroutineService(listener, stop), protocol_(protocol) {}

 private:
  void serve(Fd client) override {
    clients_.spawn(serve_client(reactor_, buffers_, std::move(client), protocol_.open()));
  }
  [[nodiscard]] std::size_t clients() const override { return clients_.count(); }

  Protocol& protocol_;
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
    ProtocolService(listener, protocol, stop).run();
  }
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<Coroutine>();
}

}  // namespace servers
