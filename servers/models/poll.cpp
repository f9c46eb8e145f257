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
      const int client = polled_[i].fd;
      const Next next = proceed(client);
      rewatch(client, next);
      if (next != Next::kClose) ++i;  // else another stands here, and its turn comes now
    }
    // Last, as they change the array.
    if (stop)
      begin_stop();
    else if (accept)
      accept_clients();
  }

  std::optional<Shortage> watch(int client) override {
    const auto index = static_cast<std::size_t>(client);
    if (index >= places_.size()) places_.resize(index + 1);
    places_[index] = polled_.size();
    polled_.push_back({client, POLLIN, 0});
    return {};
  }

  void rewatch(int client, Next next) override {
    const std::size_t place = places_[static_cast<std::size_t>(client)];
    if (next == Next::kClose) {
      polled_[place] = polled_.back();
      places_[static_cast<std::size_t>(number(polled_[place].fd))] = place;
      polled_.pop_back();
      return;
    }
    // No events at all would not do: a hang-up is always told.
    polled_[place].fd = next == Next::kTime ? ~client : client;
    polled_[place].events = next == Next::kOutput ? POLLOUT : POLLIN;
  }

  // poll(2) passes over negative descriptors: ~fd is a client that is not waited for.
  static int number(int fd) { return fd < 0 ? ~fd : fd; }

  static constexpr std::size_t kStop = 0;
  static constexpr std::size_t kListener = 1;
  static constexpr std::size_t kFirstClient = 2;
  std::vector<pollfd> polled_;
  std::vector<std::size_t> places_;  // in polled_, by descriptor
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
