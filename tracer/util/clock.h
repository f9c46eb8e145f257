// What time is it, on the one clock that the kernel's probes, the load and the reports share?
#pragma once

#include <chrono>
#include <cstdint>

namespace tr {

// CLOCK_MONOTONIC in nanoseconds: the same clock as bpf_ktime_get_ns().
[[nodiscard]] std::uint64_t monotonic_ns();

// The CLOCK_MONOTONIC time that is so far ahead.
[[nodiscard]] inline std::uint64_t ns_from_now(std::chrono::nanoseconds delay) {
  return monotonic_ns() + static_cast<std::uint64_t>(delay.count());
}

// Sleeps until the given CLOCK_MONOTONIC time; returns early on a signal (false).
bool sleep_until_ns(std::uint64_t deadline_ns);

inline constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

}  // namespace tr
