// How are many clients served at once? A concurrency model decides that, for any protocol.
//
// A model is one file: it derives Model and defines make_model(). common/ has what most models
// need: Service (accepting, stopping), EventLoop (one thread, non-blocking sockets) and
// serve_blocking (one client, blocking).
#pragma once

#include <memory>
#include <string_view>

#include "common/listener.h"
#include "common/stop.h"
#include "protocols/protocol.h"

namespace servers {

class CommandLine;

class Model {
 public:
  Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  virtual ~Model() = default;

  // The first half of the executable's name: "epoll".
  [[nodiscard]] virtual std::string_view name() const = 0;
  // One or two sentences for --help.
  [[nodiscard]] virtual std::string_view about() const = 0;
  // The model's own options.
  virtual void add_options(CommandLine&) {}
  // Serves until stopped. Throws Failure when it cannot go on.
  virtual void serve(Listener& listener, Protocol& protocol, Stop& stop) = 0;
};

// Defined by the one model that an executable is linked with.
[[nodiscard]] std::unique_ptr<Model> make_model();

}  // namespace servers
