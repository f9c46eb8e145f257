#include "common/prefork.h"

#include <cerrno>
#include <deque>

#include "common/blocking.h"
#include "common/handoff.h"
#include "common/process_pool.h"
#include "common/service.h"

namespace servers {
namespace {

class PreforkService final : public Service {
 public:
  PreforkService(std::size_t workers, Listener& listener, Protocol& protocol, Stop& stop)
      : Service(listener, protocol, stop), workers_(workers, [this](std::size_t) { work(); }) {
    listener_.let_block(true);
    workers_.fill();
  }

 private:
  // In a worker.
  void work() {
    handoff_.close_giver();
    while (const Fd client = next_client()) {
      const auto session = protocol_.open();
      serve_blocking(client.get(), *session);
    }
  }

  Fd next_client() {
    for (;;) {
      if (Fd client = listener_.accept(0)) return client;
      if (listener_.timeout_ms() < 0)
        return take_handed_over(handoff_.taker_fd());  // not paused: it has ended
      poll_for({}, listener_.timeout_ms());
      (void)listener_.resume();
    }
  }

  // The rest is the parent's, who never accepts before the end.
  [[nodiscard]] std::size_t room() const override { return 0; }

  void wait(int timeout_ms) override {
    pollfd polled[] = {{stop_.fd(), POLLIN, 0},
                       {workers_.fd(), POLLIN, 0},
                       {waiting_.empty() ? -1 : handoff_.giver_fd(), POLLOUT, 0}};
    if (poll_for(polled, timeout_ms) == 0) return;
    if (polled[1].revents != 0) workers_.reap();
    if (polled[0].revents != 0) {
      workers_.end();
      listener_.let_block(false);
      begin_stop();
      hand_out();
    } else if (polled[2].revents != 0) {
      hand_out();
    }
  }

  std::optional<Shortage> take(Fd& client) override {
    waiting_.push_back(std::move(client));
    return {};
  }

  void hand_out() {
    for (; !waiting_.empty(); waiting_.pop_front())
      if (!handoff_.give(waiting_.front()) && errno == EAGAIN) return;
    handoff_.close_giver();
  }

  [[nodiscard]] int timers_ms() const override { return workers_.timeout_ms(); }
  void run_timers() override { workers_.fill(); }

  // At the end idle workers leave at once: those that are left have a client.
  [[nodiscard]] std::size_t clients() const override { return workers_.count() + waiting_.size(); }

  Handoff handoff_{Handoff::To::kProcess, Handoff::Taker::kBlocks};
  std::deque<Fd> waiting_;  // for the handoff
  ProcessPool workers_;
};

}  // namespace

void serve_preforked(std::size_t workers, Listener& listener, Protocol& protocol, Stop& stop) {
  PreforkService(workers, listener, protocol, stop).run();
}

}  // namespace servers
