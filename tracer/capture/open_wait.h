// What is a wait's key in words, and what of a wait is still open when the window closes? For all
// that collects waits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "capture/collect.h"

namespace tr::capture {

// In a TR_WAIT_KEY in place of the waker: the thread was asleep when the window closed.
inline constexpr std::uint32_t kNobody = TR_WAKERS;
static_assert(kNobody < 16);

// The part of [from, to) inside the window.
[[nodiscard]] std::uint64_t inside_window(const RawCounts& raw, std::uint64_t from,
                                          std::uint64_t to);

// The name of a call by its number as the probes keep it.
[[nodiscard]] std::string call_name(std::uint32_t number, const Names& names);

// Call, object and waker of a TR_WAIT_KEY.
[[nodiscard]] Wait wait_of(std::uint32_t key, const Names& names);

struct OpenWait {
  std::uint32_t key = 0;  // TR_WAIT_KEY
  std::uint64_t ns = 0;
  std::uint64_t waking_ns = 0;
  bool counts = false;  // it touches the window
};

// As the probes' woken_up(), for a thread that is still asleep at the close, or whose wake-up is
// then under way; nullopt for all others.
[[nodiscard]] std::optional<OpenWait> open_wait(const RawCounts& raw, const tr_thread& record);

}  // namespace tr::capture
