// How long until a deadline, in the milliseconds that poll(2), select(2) and epoll_wait(2) take?
#pragma once

#include <algorithm>
#include <chrono>
#include <climits>

namespace servers {

using Clock = std::chrono::steady_clock;

// Rounded up, so that a wait of that length has reached the deadline; 0 once it has passed.
[[nodiscard]] inline int ms_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, INT_MAX));
}

// The shorter of two timeouts; -1 is for ever.
[[nodiscard]] inline int sooner_ms(int a, int b) {
  if (a < 0) return b;
  return b < 0 ? a : std::min(a, b);
}

}  // namespace servers
