#include "util/schedstat.h"

#include "util/text.h"

namespace tr {

std::optional<SchedstatTimes> parse_schedstat(std::string_view content) {
  // Time on a CPU, time waiting for one (both in ns), number of time slices (Linux
  // Documentation/scheduler/sched-stats.rst).
  const auto fields = split(trim(content), ' ');
  if (fields.size() != 3) return std::nullopt;
  const auto cpu = parse_u64(fields[0]);
  const auto runqueue = parse_u64(fields[1]);
  if (!cpu || !runqueue) return std::nullopt;
  return SchedstatTimes{*cpu, *runqueue};
}

}  // namespace tr
