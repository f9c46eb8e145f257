// Timers for an event loop that waits, does what is ready, and then what is due: they know what
// time it is. The clock is read once between two waits, and only if somebody has a timer.
#pragma once

#include <optional>

#include "common/clock.h"
#include "common/timers.h"
#include "protocols/protocol.h"

namespace servers {

class ClientTimers {
 public:
  // So long from now, instead of the timer that this client may have already; kForEver: none;
  // kAsBefore: that very timer.
  void set(int client, Milliseconds from_now) {
    if (from_now == kAsBefore) return;
    if (from_now == kForEver)
      timers_.cancel(client);
    else
      timers_.set(client, now() + from_now);
  }
  void cancel(int client) { timers_.cancel(client); }

  // How long until one may be due; -1 if there are none.
  [[nodiscard]] int timeout_ms() const { return timers_.empty() ? -1 : ms_until(timers_.next()); }
  // Tells `due` of each client whose timer is due, and ends the round: time passes.
  template <class Due>
  void run(Due&& due) {
    while (!timers_.empty()) {
      const int client = timers_.take_due(now());
      if (client < 0) break;
      due(client);
    }
    now_.reset();
  }

 private:
  [[nodiscard]] Clock::time_point now() {
    if (!now_) now_ = Clock::now();
    return *now_;
  }

  Timers timers_;
  std::optional<Clock::time_point> now_;
};

}  // namespace servers
