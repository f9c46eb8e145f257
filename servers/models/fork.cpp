// A process per connection, which blocks in recv and send.
#include <cerrno>

#include "common/blocking.h"
#include "common/children.h"
#include "common/service.h"
#include "models/model.h"

namespace servers {
namespace {

class ForkService final : public Service {
 public:
  using Service::Service;

 private:
  void wait(int timeout_ms) override {
    pollfd polled[] = {
        {stop_.fd(), POLLIN, 0}, {listener_.fd(), POLLIN, 0}, {children_.fd(), POLLIN, 0}};
    if (poll_for(polled, timeout_ms) == 0) return;
    if (polled[2].revents != 0) children_.reap();
    if (polled[0].revents != 0)
      begin_stop();
    else if (polled[1].revents != 0)
      accept_clients();
  }

  std::optional<Shortage> take(Fd& client) override {
    const bool started = children_.start([&] {
      listener_.close();
      const auto session = protocol_.open();
      serve_blocking(client.get(), *session);
    });
    if (!started)
      return Shortage{"start a process for a client", errno,
                      "raise ulimit -u, or sysctl kernel.pid_max"};
    client.reset();
    return {};
  }

  [[nodiscard]] std::size_t clients() const override { return children_.count(); }

  Children children_;
};

class Fork final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "fork"; }
  [[nodiscard]] std::string_view about() const override {
    return "Each client is served by a process of its own, which blocks in recv(2) and send(2).";
  }
  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    ForkService(listener, protocol, stop).run();
  }
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<Fork>();
}

}  // namespace servers
