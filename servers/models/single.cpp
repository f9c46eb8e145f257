// One client at a time: accept, serve until it leaves, accept the next. The baseline: nothing is
// shared and nothing handed over. As the serving process blocks, its parent waits for the signals
// (common/prefork.h, with one worker).
#include "common/prefork.h"
#include "models/model.h"

namespace servers {
namespace {

class Single final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "single"; }
  [[nodiscard]] std::string_view about() const override {
    return "One process serves one client until it leaves, blocking in recv(2) and send(2), and\n"
           "then accepts the next; the others wait in the backlog.";
  }
  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    serve_preforked(1, listener, protocol, stop);
  }
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<Single>();
}

}  // namespace servers
