// Whose time is over? The timers of an event loop: one per client at most, by descriptor.
//
// A client that is active gets more time with every message: that must cost next to nothing. So a
// timer that is put off stays where it is in the order and is looked at again when its old time has
// come; only one that is set for the first time, or for sooner, is moved. The clock is read once
// between two waits, and only if somebody has a timer.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "protocols/protocol.h"

namespace servers {

class Timers {
 public:
  // So long from now, instead of the timer that this client may have already; kForEver: none;
  // kAsBefore: that very timer.
  void set(int client, Milliseconds from_now);
  void cancel(int client);

  // How long until one may be due; -1 if there are none. At times too early.
  [[nodiscard]] int timeout_ms() const;
  // A client whose timer is due; it has none any more. -1 if there is no such client.
  [[nodiscard]] int take_due();
  // Before the next wait: time passes.
  void forget_now() { now_.reset(); }

 private:
  static constexpr Clock::time_point kNone = Clock::time_point::max();
  struct Timer {
    Clock::time_point due = kNone;
    Clock::time_point place = kNone;  // in order_; never later than due
  };

  void move(int client, Timer& timer, Clock::time_point place);
  [[nodiscard]] Clock::time_point now();

  std::vector<Timer> timers_;  // by descriptor
  std::set<std::pair<Clock::time_point, int>> order_;
  std::optional<Clock::time_point> now_;
};

}  // namespace servers
