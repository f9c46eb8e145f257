// A thread per connection, which blocks in recv and send. Stacks are small and explicit, so that
// 20,000 threads are a few gigabytes of addresses and a few pages of memory each. The threads are
// detached: the C library keeps the stacks of the last ones for the next.
#include <pthread.h>
#include <unistd.h>

#include "common/client_threads.h"
#include "common/service.h"
#include "models/model.h"

namespace servers {
namespace {

// What a thread is given, and owns. The last thread may outlive the service by a few instructions.
struct Start {
  std::shared_ptr<Clients> clients;
  Client client;
};

void* serve_client(void* argument) {
  const std::unique_ptr<Start> start(static_cast<Start*>(argument));
  start->client.serve(*start->clients);
  return nullptr;
}

class ThreadService final : public Service {
 public:
  ThreadService(Listener& listener, Protocol& protocol, Stop& stop, StackSize stack)
      : Service(listener, protocol, stop), attributes_(stack, ThreadAttributes::Kind::kDetached) {}

  // Clients that have used up the grace period: their threads are woken and end by themselves.
  void cut_off() {
    clients_->tell_at(0);
    clients_->cut_off();
    constexpr int kWakeUpMs = 1000;
    pollfd empty[] = {{clients_->told_fd(), POLLIN, 0}};
    // A thread that does not even run cannot be waited for, and must not see the protocol go.
    if (poll_for(empty, kWakeUpMs) == 0) ::_exit(0);
  }

 private:
  void wait(int timeout_ms) override {
    if (stop_.begun()) clients_->tell_at(0);
    pollfd polled[] = {{stop_.fd(), POLLIN, 0},
                       {listener_.fd(), POLLIN, 0},
                       {stop_.begun() ? clients_->told_fd() : -1, POLLIN, 0}};
    if (poll_for(polled, timeout_ms) == 0) return;
    if (polled[0].revents != 0)
      begin_stop();
    else if (polled[1].revents != 0)
      accept_clients();
  }

  std::optional<Shortage> take(Fd& client) override {
    auto start = std::make_unique<Start>(Start{clients_, {std::move(client), protocol_.open()}});
    const int fd = start->client.socket.get();
    clients_->enter(fd);
    pthread_t thread{};
    if (const int error = pthread_create(&thread, attributes_.get(), serve_client, start.get())) {
      clients_->leave(fd);
      client = std::move(start->client.socket);
      return thread_shortage(error);
    }
    [[maybe_unused]] const Start* owned_by_thread = start.release();
    return {};
  }

  [[nodiscard]] std::size_t clients() const override { return clients_->count(); }

  ThreadAttributes attributes_;
  std::shared_ptr<Clients> clients_ = std::make_shared<Clients>();
};

class Thread final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "thread"; }
  [[nodiscard]] std::string_view about() const override {
    return "Each client is served by a thread of its own, which blocks in recv(2) and send(2).";
  }
  void add_options(CommandLine& line) override { stack_.add_option(line); }
  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    ThreadService service(listener, protocol, stop, stack_);
    service.run();
    service.cut_off();
  }

 private:
  StackSize stack_;
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<Thread>();
}

}  // namespace servers
