// Whose time is over? The timers of an event loop: one per client at most, by descriptor.
//
// A client that is active gets more time with every message: that must cost next to nothing. So a
// timer that is put off stays where it is in the order and is looked at again when its old time has
// come; only one that is set for the first time, or for sooner, is moved.
#pragma once

#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "common/clock.h"

namespace servers {

class Timers {
 public:
  // Instead of the timer that this client may have already.
  void set(int client, Clock::time_point due);
  void cancel(int client);

  [[nodiscard]] bool empty() const { return order_.empty(); }
  // When to look for one that is due; not if there are none. At times too early.
  [[nodiscard]] Clock::time_point next() const { return order_.begin()->first; }
  // A client whose timer is due; it has none any more. -1 if there is no such client.
  [[nodiscard]] int take_due(Clock::time_point now);

 private:
  static constexpr Clock::time_point kNone = Clock::time_point::max();
  struct Timer {
    Clock::time_point due = kNone;
    Clock::time_point place = kNone;  // in order_; never later than due
  };

  void move(int client, Timer& timer, Clock::time_point place);

  std::vector<Timer> timers_;  // by descriptor
  std::set<std::pair<Clock::time_point, int>> order_;
};

}  // namespace servers
