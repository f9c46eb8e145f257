// What do the models with one thread for all clients share? Everything but how they wait.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "common/client_timers.h"
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
  // Waits for this from now on. After kClose the descriptor is closed already, and its number may
  // be another client's soon. Called between two waits, for a client whose timer was due.
  virtual void rewatch(int client, Next next) = 0;

  // For wait(): does what can be done for a client whose socket is ready, and says what it waits
  // for now, as to rewatch().
  [[nodiscard]] Next proceed(int client);

  // A client has left.
  virtual void left() {}

  std::optional<Shortage> take(Fd& client) final;
  [[nodiscard]] std::size_t clients() const final { return clients_; }
  [[nodiscard]] int client_flags() const final;
  [[nodiscard]] int timers_ms() const final;
  void run_timers() final;

 private:
  // After a connection's turn: sets its timer, or lets it go.
  void finish_turn(int client, Next next);

  // One recv's worth: big enough that a call is cheap beside its copying, small enough for the
  // second-level cache.
  static constexpr std::size_t kBufferBytes = 65536;

  // By descriptor: the kernel hands out the lowest free number, so this is dense.
  std::vector<Connection> connections_;
  std::size_t clients_ = 0;
  ClientTimers timers_;
  std::vector<std::byte> buffer_;
};

}  // namespace servers
