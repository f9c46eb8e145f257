#include "load/saturation.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <sys/resource.h>

#include <fmt/format.h>

#include "util/clock.h"
#include "util/schedstat.h"
#include "util/text.h"

namespace tr::load {
namespace {

constexpr double kBusy = 0.95;
constexpr double kLate = 0.01;

double share(std::uint64_t part, std::uint64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

// Of its time, the part in which it had something to do.
double awake_share(const CpuUse& thread) {
  return share(thread.cpu_ns() + thread.runqueue_ns.value_or(0), thread.wall_ns);
}

std::string times_text(const CpuUse& thread) {
  std::string text =
      fmt::format("{:.0f} % of the time on a CPU", 100 * share(thread.cpu_ns(), thread.wall_ns));
  if (thread.runqueue_ns)
    text +=
        fmt::format(", {:.0f} % waiting for one", 100 * share(*thread.runqueue_ns, thread.wall_ns));
  return text;
}

std::optional<std::uint64_t> read_runqueue_ns(const std::string& root) {
  const auto content = read_file(root + "/proc/thread-self/schedstat");
  const auto times = content ? parse_schedstat(*content) : std::nullopt;
  return times ? std::optional(times->runqueue_ns) : std::nullopt;
}

}  // namespace

CpuReading read_thread_cpu(const std::string& root) {
  CpuReading reading;
  reading.at_ns = monotonic_ns();
  timespec cpu{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  reading.cpu_ns = static_cast<std::uint64_t>(cpu.tv_sec) * kNsPerSecond +
                   static_cast<std::uint64_t>(cpu.tv_nsec);
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  reading.system_ns = static_cast<std::uint64_t>(usage.ru_stime.tv_sec) * kNsPerSecond +
                      static_cast<std::uint64_t>(usage.ru_stime.tv_usec) * 1000;
  reading.runqueue_ns = read_runqueue_ns(root);
  return reading;
}

CpuUse cpu_use(const CpuReading& from, const CpuReading& to) {
  CpuUse use;
  use.wall_ns = to.at_ns - from.at_ns;
  const std::uint64_t cpu = to.cpu_ns - from.cpu_ns;
  const std::uint64_t busy = cpu - std::min(cpu, to.idle_ns - from.idle_ns);
  // getrusage lags behind the exact clock by up to a tick.
  const double system = share(std::min(cpu, to.system_ns - from.system_ns), cpu);
  use.system_ns = static_cast<std::uint64_t>(std::llround(system * static_cast<double>(busy)));
  use.user_ns = busy - use.system_ns;
  if (from.runqueue_ns && to.runqueue_ns) use.runqueue_ns = *to.runqueue_ns - *from.runqueue_ns;
  return use;
}

std::string saturation(const Effort& effort) {
  if (effort.threads.empty()) return {};
  const CpuUse& busiest = *std::max_element(
      effort.threads.begin(), effort.threads.end(),
      [](const CpuUse& a, const CpuUse& b) { return awake_share(a) < awake_share(b); });
  std::uint64_t used = 0;
  for (const CpuUse& thread : effort.threads)
    used += thread.cpu_ns();
  const double of_all = share(used, busiest.wall_ns * effort.cpus);
  if (of_all > kBusy)
    return fmt::format("it used {:.0f} % of the CPU time it could get ({} CPU{})", 100 * of_all,
                       effort.cpus, effort.cpus == 1 ? "" : "s");
  if (awake_share(busiest) > kBusy)
    return fmt::format("{}: {}",
                       share(busiest.cpu_ns(), busiest.wall_ns) > kBusy
                           ? "one of its threads never slept"
                           : "it was starved of CPU",
                       times_text(busiest));
  const double late = share(effort.late_by_load, effort.sent);
  if (late > kLate)
    return fmt::format(
        "it sent {:.1f} % of the messages over 1 ms late although their connection was free ({})",
        100 * late, times_text(busiest));
  return {};
}

}  // namespace tr::load
