// Which clients come in, and when does it end? What every model does around serving.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <poll.h>
#include <span>

#include "common/listener.h"
#include "common/stop.h"
#include "protocols/protocol.h"

namespace servers {

// Who derives this says how it waits and what it does with a client. Admission decides when to
// accept, when to pause, when to stop, and when the last client has had its time.
class Admission {
 public:
  Admission(Listener& listener, Stop& stop) : listener_(listener), stop_(stop) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;
  virtual ~Admission() = default;

  // Serves until a signal has come and all clients have left, or their grace period is over.
  void run();

 protected:
  // Waits until stop_.fd() or listener_.fd() is readable (either may be -1: not to be waited for)
  // or something of the model's own is ready, at most timeout_ms (-1: for ever). Calls begin_stop()
  // or accept_clients() for the first two.
  virtual void wait(int timeout_ms) = 0;
  // Serves this client from now on. If that is impossible just now, says why and leaves `client`
  // as it is.
  virtual std::optional<Shortage> take(Fd& client) = 0;
  // How many are being served.
  [[nodiscard]] virtual std::size_t clients() const = 0;
  // How many more may come now; the others wait in the backlog. At the end all of them come.
  [[nodiscard]] virtual std::size_t room() const { return SIZE_MAX; }

  // How long until the first of the model's own timers; -1 if there is none. It bounds wait().
  [[nodiscard]] virtual int timers_ms() const { return -1; }
  // After each wait(): does what is due.
  virtual void run_timers() {}

  // Flags for accept4(2).
  [[nodiscard]] virtual int client_flags() const { return 0; }

  // poll(2): how many are ready; 0 when the time is over, or a signal came. Throws Failure.
  static int poll_for(std::span<pollfd> polled, int timeout_ms);

  void accept_clients() { accept_clients(std::min(room(), kAcceptBatch)); }
  void begin_stop();

  Listener& listener_;
  Stop& stop_;

 private:
  // So many new clients in a row, then those already there (and signals) have their turn again.
  static constexpr std::size_t kAcceptBatch = 64;
  void accept_clients(std::size_t at_most);
};

// The same for a protocol: what a model derives.
class Service : public Admission {
 public:
  Service(Listener& listener, Protocol& protocol, Stop& stop)
      : Admission(listener, stop), protocol_(protocol) {}

 protected:
  Protocol& protocol_;
};

}  // namespace servers
