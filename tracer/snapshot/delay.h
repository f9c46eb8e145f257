// A known delay at one stage of the server's work, put there on purpose: what was asked for, and
// what was really spent.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tr {

// Where one can be: their names in options, files and reports; never changed. In the order of enum
// tr_delay_stage in probes/records.h.
//   receive  a receive call on a client's connection returns data
//   send     a send call on a client's connection begins
//   wait     a call that waits for events (epoll_wait, poll, select) returns some
//   wake-up  a call in which the thread slept, and was woken by no timer, returns
inline constexpr std::array<std::string_view, 4> kDelayStages{"receive", "send", "wait", "wake-up"};

inline constexpr std::uint64_t kMostDelayNs = 10'000;

// What was asked for: so long each time. 0 puts nothing in and counts the times all the same.
struct DelaySetting {
  std::string stage;
  std::uint64_t ns = 0;

  friend bool operator==(const DelaySetting&, const DelaySetting&) = default;
};

// What was spent, inside the window, as the kernel's clock has it.
struct Delays {
  std::uint64_t count = 0;
  std::uint64_t ns = 0;
  std::uint64_t longest_ns = 0;  // beyond what was asked for: an interrupt, or the hypervisor

  friend bool operator==(const Delays&, const Delays&) = default;
};

}  // namespace tr
