// What do the models with one thread for all clients share? Everything but how they wait.
#pragma once

#include <cstddef>
#include <vector>

#include "common/connection.h"
#include "common/service.h"

namespace servers {

class EventLoop : public Service {
 public:
  EventLoop(Listener& listener, Protocol& protocol, Stop& stop)
      : Service(listener, protocol, stop), buffer_(kBufferBytes) {}

 protected:
  // Waits for this client's input from now on; says why if that is impossible.
  virtual std::optional<Shortage> watch(int client) = 0;

  // For wait(): does what can be done for a client whose socket is ready, and says what it waits
  // for now. After kClose the descriptor is closed, and its number may be another client's soon.
  [[nodiscard]] Next proceed(int client);

  std::optional<Shortage> take(Fd& client) final;
  [[nodiscard]] std::size_t clients() const final { return clients_; }
  [[nodiscard]] int client_flags() const final;

 private:
  // One recv's worth: big enough that a call is cheap beside its copying, small enough for the
  // second-level cache.
  static constexpr std::size_t kBufferBytes = 65536;

  // By descriptor: the kernel hands out the lowest free number, so this is dense.
  std::vector<Connection> connections_;
  std::size_t clients_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace servers
