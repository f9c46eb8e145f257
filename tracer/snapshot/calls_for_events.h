// Which calls wait until there is something to do, and return how much?
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace tr {

inline constexpr std::array<std::string_view, 7> kCallsForEvents{
    "epoll_pwait", "epoll_pwait2", "epoll_wait", "poll", "ppoll", "pselect6", "select"};

constexpr bool waits_for_events(std::string_view call) {
  return std::ranges::binary_search(kCallsForEvents, call);
}

}  // namespace tr
