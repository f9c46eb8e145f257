// One thread, epoll(7), edge-triggered: common/epoll_loop.h.
#include "common/epoll_loop.h"
#include "models/model.h"

namespace servers {
namespace {

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
