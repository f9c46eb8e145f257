// One thread, poll(2). The array of descriptors is kept from call to call, dense, and changed in
// place: the kernel walks all of it each time, so what can be saved is everything else.
#include <vector>

#include "common/event_loop.h"
#include "models/model.h"

namespace servers {
namespace {

class PollLoop final : public EventLoop {
 public:
  PollLoop(Listener& listener, Protocol& protocol, Stop& stop)
      : EventLoop(listener, protocol, stop), polled_(kFirstClient, pollfd{-1, POLLIN, 0}) {}

 private:
  void wait(int timeout_ms) override {
    polled_[kStop].fd = stop_.fd();  // poll(2) passes over -1
    polled_[kListener].fd = listener_.fd();
    int ready = poll_for(polled_, timeout_ms);

    const bool stop = polled_[kStop].revents != 0;
    const bool accept = polled_[kListener].revents != 0;
    ready -= stop + accept;
    for (std::size_t i = kFirstClient; ready > 0;) {
      if (polled_[i].revents == 0) {
        ++i;
        continue;
      }
      --ready;
      const Next next = proceed(polled_[i].fd);
      if (next == Next::kClose) {
        polled_[i] = polled_.back();  // and its turn comes now
        polled_.pop_back();
        continue;
      }
      polled_[i++].events = next == Next::kOutput ? POLLOUT : POLLIN;
    }
    // Last, as they change the array.
    if (stop)
      begin_stop();
    else if (accept)
      accept_clients();
  }

  std::optional<Shortage> watch(int client) override {
    polled_.push_back({client, POLLIN, 0});
    return {};
  }

  static constexpr std::size_t kStop = 0;
  static constexpr std::size_t kListener = 1;
  static constexpr std::size_t kFirstClient = 2;
  std::vector<pollfd> polled_;
};

class Poll final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "poll"; }
  [[nodiscard]] std::string_view about() const override {
    return "One thread serves all clients: poll(2) is given every client's descriptor and marks\n"
           "those that are ready.";
  }
  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    PollLoop(listener, protocol, stop).run();
  }
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<Poll>();
}

}  // namespace servers
