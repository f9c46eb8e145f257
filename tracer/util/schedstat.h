// What does /proc/PID/task/TID/schedstat say?
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tr {

// Since the thread's birth.
struct SchedstatTimes {
  std::uint64_t cpu_ns = 0;
  std::uint64_t runqueue_ns = 0;  // runnable, waiting for a CPU
};

// None where the kernel keeps none (CONFIG_SCHED_INFO): the file says "0" then.
std::optional<SchedstatTimes> parse_schedstat(std::string_view content);

}  // namespace tr
