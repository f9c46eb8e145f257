// A fixed number of processes, each of which accepts a client, serves it until it leaves, blocking
// in recv and send, and accepts the next. How they share the listener: common/prefork.h.
#include "common/prefork.h"

#include "common/command_line.h"
#include "models/model.h"

namespace servers {
namespace {

class Prefork final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "prefork"; }
  [[nodiscard]] std::string_view about() const override {
    return "A fixed number of processes; each accepts one client, serves it until it leaves,\n"
           "blocking in recv(2) and send(2), and accepts the next.";
  }
  void add_options(CommandLine& line) override {
    // A client holds its process while it is connected, so clients count, not CPUs. The default is
    // that of Apache's prefork module (MaxRequestWorkers).
    line.add_number("--workers", workers_, 1, 30'000, "N",
                    "Processes: so many clients are served at once,\n"
                    "the others wait in the backlog");
  }
  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    serve_preforked(static_cast<std::size_t>(workers_), listener, protocol, stop);
  }

 private:
  int workers_ = 256;
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<Prefork>();
}

}  // namespace servers
