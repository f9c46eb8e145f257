#include "capture/open_wait.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace tr::capture {
namespace {

// By enum tr_object; part of files and reports, never changed.
constexpr std::array<std::string_view, TR_OBJECTS> kObjectNames{
    "",      "client",  "listener", "socket",   "pipe",     "file", "device",
    "epoll", "eventfd", "timerfd",  "signalfd", "io_uring", "other"};

// By enum tr_waker, then "nobody".
constexpr std::array<std::string_view, TR_WAKERS> kWakerNames{
    "unknown", "server", "load", "other", "kernel", "network", "timer", "interrupt"};

}  // namespace

std::uint64_t inside_window(const RawCounts& raw, std::uint64_t from, std::uint64_t to) {
  from = std::max(from, raw.window_open_ns);
  to = std::min(to, raw.window_close_ns);
  return to > from ? to - from : 0;
}

std::string call_name(std::uint32_t number, const Names& names) {
  const std::uint32_t plain = number & ~TR_CALL_COMPAT;
  return plain == TR_CALL_OTHER
             ? "(no such call)"
             : names.syscall(static_cast<int>(plain), (number & TR_CALL_COMPAT) != 0);
}

Wait wait_of(std::uint32_t key, const Names& names) {
  const std::uint32_t object = key >> 4 & 15;
  const std::uint32_t waker = key & 15;
  Wait wait;
  if (key >> 8 != TR_CALL_NONE) wait.call = call_name(key >> 8, names);
  if (object < kObjectNames.size()) wait.object = kObjectNames[object];
  wait.waker = waker < kWakerNames.size() ? kWakerNames[waker] : "nobody";
  return wait;
}

std::optional<OpenWait> open_wait(const RawCounts& raw, const tr_thread& record) {
  const std::uint64_t close = raw.window_close_ns;
  if (record.died_ns != 0 || record.state != TR_STATE_BLOCKED || record.since_ns >= close)
    return std::nullopt;
  const bool waking = record.waking_ns != 0 && record.waking_ns < close;
  const std::uint64_t woken =
      waking ? std::max<std::uint64_t>(record.waking_ns, record.since_ns) : close;
  const std::uint32_t call = record.call == TR_NO_CALL ? TR_CALL_NONE : record.call;
  OpenWait open;
  open.key = TR_WAIT_KEY(call, record.object, waking ? record.waker : kNobody);
  open.ns = inside_window(raw, record.since_ns, woken);
  open.waking_ns = inside_window(raw, woken, close);
  open.counts = woken > raw.window_open_ns;
  return open;
}

}  // namespace tr::capture
