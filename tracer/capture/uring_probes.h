// The probes of io_uring, as far as they differ from the others.
#pragma once

#include <string_view>

#include "capture/collect_uring.h"
#include "util/result.h"

namespace tr::capture {

constexpr bool is_of_uring(std::string_view program) {
  return program.starts_with("on_io_uring_");
}

// Under which name the runs of such a program are counted.
constexpr std::string_view uring_counted_as(std::string_view program) {
  if (program == "on_io_uring_complete" || program == "on_io_uring_cqe_overflow")
    return "io_uring completions";
  return program == "on_io_uring_poll_arm" || program == "on_io_uring_queue_async_work"
             ? "io_uring detours"
             : "io_uring submissions";
}

// What was under way when the window closed, and still was when the programs were detached; of the
// map of requests.
Result<UringUnderWay> uring_under_way(int map, std::uint64_t window_close_ns);

}  // namespace tr::capture
