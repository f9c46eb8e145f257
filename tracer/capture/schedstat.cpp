#include "capture/schedstat.h"

#include <fmt/format.h>

#include "capture/kernel_file.h"
#include "util/schedstat.h"
#include "util/text.h"

namespace tr::capture {

std::map<pid_t, Schedstat> read_schedstat(const std::string& proc, std::span<const Task> tasks) {
  std::map<pid_t, Schedstat> readings;
  for (const Task& task : tasks) {
    const auto content =
        read_file(fmt::format("{}/{}/task/{}/schedstat", proc, task.tgid, task.tid));
    if (!content) continue;
    if (const auto times = parse_schedstat(*content))
      readings[task.tid] = {times->cpu_ns, times->runqueue_ns};
  }
  return readings;
}

std::map<pid_t, Schedstat> since(const std::map<pid_t, Schedstat>& before,
                                 std::map<pid_t, Schedstat> after) {
  for (auto& [tid, reading] : after) {
    const auto earlier = before.find(tid);
    // A number may have been given to another thread meanwhile, which then began at 0.
    if (earlier == before.end() || earlier->second.cpu_ns > reading.cpu_ns ||
        earlier->second.runqueue_ns > reading.runqueue_ns)
      continue;
    reading.cpu_ns -= earlier->second.cpu_ns;
    reading.runqueue_ns -= earlier->second.runqueue_ns;
  }
  return after;
}

}  // namespace tr::capture
