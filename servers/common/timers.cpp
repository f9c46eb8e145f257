#include "common/timers.h"

namespace servers {

void Timers::set(int client, Milliseconds from_now) {
  if (from_now == kAsBefore) return;
  if (from_now == kForEver) return cancel(client);
  const auto due = now() + from_now;
  const auto index = static_cast<std::size_t>(client);
  if (index >= timers_.size()) timers_.resize(index + 1);
  Timer& timer = timers_[index];
  timer.due = due;
  if (due < timer.place) move(client, timer, due);
}

void Timers::cancel(int client) {
  const auto index = static_cast<std::size_t>(client);
  if (order_.empty() || index >= timers_.size()) return;
  Timer& timer = timers_[index];
  if (timer.place == kNone) return;
  order_.erase({timer.place, client});
  timer = {};
}

int Timers::timeout_ms() const {
  return order_.empty() ? -1 : ms_until(order_.begin()->first);
}

int Timers::take_due() {
  while (!order_.empty() && order_.begin()->first <= now()) {
    const int client = order_.begin()->second;
    Timer& timer = timers_[static_cast<std::size_t>(client)];
    if (timer.due <= now()) {
      order_.erase(order_.begin());
      timer = {};
      return client;
    }
    move(client, timer, timer.due);
  }
  return -1;
}

Clock::time_point Timers::now() {
  if (!now_) now_ = Clock::now();
  return *now_;
}

// The node is used again: nothing is allocated but for a client's first timer.
void Timers::move(int client, Timer& timer, Clock::time_point place) {
  if (timer.place == kNone) {
    order_.emplace(place, client);
  } else {
    auto node = order_.extract({timer.place, client});
    node.value().first = place;
    order_.insert(std::move(node));
  }
  timer.place = place;
}

}  // namespace servers
