#include "common/timers.h"

namespace servers {

void Timers::set(int client, Clock::time_point due) {
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

int Timers::take_due(Clock::time_point now) {
  while (!order_.empty() && order_.begin()->first <= now) {
    const int client = order_.begin()->second;
    Timer& timer = timers_[static_cast<std::size_t>(client)];
    if (timer.due <= now) {
      order_.erase(order_.begin());
      timer = {};
      return client;
    }
    move(client, timer, timer.due);
  }
  return -1;
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
