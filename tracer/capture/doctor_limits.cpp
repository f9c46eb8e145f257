#include "capture/doctor_limits.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "capture/environment.h"
#include "capture/kernel_file.h"
#include "util/cpu_set.h"
#include "util/text.h"

namespace tr::capture {
namespace {

// Above this, limits are no concern: the largest servers that trace-run is made for.
constexpr std::uint64_t kManyConnections = 10'000;

// The parts between spaces and tabs.
std::vector<std::string> words_of(std::string text) {
  std::replace(text.begin(), text.end(), '\t', ' ');
  std::vector<std::string> words;
  for (const std::string_view word : split(text, ' '))
    if (!word.empty()) words.emplace_back(word);
  return words;
}

struct ProcessLimit {
  std::string soft;
  std::string hard;
};

// From the line "Max open files   1024   1048576   files" of /proc/self/limits.
std::optional<ProcessLimit> process_limit(const std::string& root, std::string_view name) {
  const auto limits = kernel_text(root, "/proc/self/limits");
  if (!limits) return std::nullopt;
  for (const std::string_view line : split(*limits, '\n')) {
    if (!line.starts_with(name)) continue;
    const auto values = words_of(std::string(line.substr(name.size())));
    if (values.size() >= 2) return ProcessLimit{.soft = values[0], .hard = values[1]};
  }
  return std::nullopt;
}

bool at_least(std::string_view limit, std::uint64_t wanted) {
  const auto number = parse_u64(limit);
  return number ? *number >= wanted : limit == "unlimited";
}

Finding check_open_files(const std::string& root) {
  const auto limit = process_limit(root, "Max open files");
  const bool enough = limit && at_least(limit->hard, kManyConnections);
  return {.id = "limit.open_files",
          .subject = "open files",
          .standing = enough ? Standing::kOk : Standing::kLimited,
          .value = limit ? fmt::format("{}, at most {}", limit->soft, limit->hard) : "not reported",
          .meaning = "one per connection, in the server and in the load generator",
          .remedy = enough ? "" : fmt::format("ulimit -Hn {} as root", 2 * kManyConnections),
          .required = false};
}

Finding check_locked_memory(const std::string& root) {
  const auto limit = process_limit(root, "Max locked memory");
  return {.id = "limit.locked_memory",
          .subject = "locked memory",
          .standing = Standing::kOk,
          .value = limit ? fmt::format("{}, at most {}", limit->soft, limit->hard) : "not reported",
          .meaning = "not asked for by BPF since Linux 5.11",
          .remedy = {},
          .required = false};
}

struct Sysctl {
  std::string_view id;
  std::string_view subject;
  std::string_view path;  // below /proc/sys/
  std::int64_t enough;
  std::string_view meaning;
};
constexpr Sysctl kSysctls[] = {
    {"limit.threads", "threads of all programs", "kernel/threads-max", 2 * kManyConnections,
     "bounds servers with a thread per connection"},
    {"limit.pids", "process ids", "kernel/pid_max", 2 * kManyConnections,
     "one per thread and process of all programs"},
    {"limit.maps", "memory maps", "vm/max_map_count", 2 * kManyConnections,
     "per process; each thread's stack takes two"},
    {"limit.backlog", "listen backlog", "net/core/somaxconn", 1024,
     "connections that may wait to be accepted; more are retried after a second"},
};

Finding check_sysctl(const std::string& root, const Sysctl& sysctl) {
  const auto value = kernel_number(root, fmt::format("/proc/sys/{}", sysctl.path));
  const bool low = value && *value < sysctl.enough;
  std::string name(sysctl.path);
  std::replace(name.begin(), name.end(), '/', '.');
  return {.id = std::string(sysctl.id),
          .subject = std::string(sysctl.subject),
          .standing = low ? Standing::kLimited : Standing::kOk,
          .value = value ? fmt::format("{}", *value) : "not reported",
          .meaning = std::string(sysctl.meaning),
          .remedy = low ? fmt::format("sysctl -w {}={}", name, sysctl.enough) : "",
          .required = false};
}

Finding check_local_ports(const std::string& root) {
  const auto range =
      words_of(kernel_text(root, "/proc/sys/net/ipv4/ip_local_port_range").value_or(""));
  const auto first = range.size() == 2 ? parse_u64(range[0]) : std::nullopt;
  const auto last = range.size() == 2 ? parse_u64(range[1]) : std::nullopt;
  const bool known = first && last && *first <= *last;
  return {.id = "limit.local_ports",
          .subject = "local ports",
          .standing = Standing::kOk,
          .value =
              known ? fmt::format("{}-{} ({})", *first, *last, *last - *first + 1) : "not reported",
          .meaning = "connections per source address; more are spread over 127.0.0.x",
          .remedy = {},
          .required = false};
}

Finding check_clocksource(const std::string& clocksource) {
  Finding finding{.id = "clocksource",
                  .subject = "clocksource",
                  .standing = Standing::kOk,
                  .value = clocksource.empty() ? "not reported" : clocksource,
                  .meaning = "programs read the time without a syscall",
                  .remedy = {},
                  .required = false};
  if (clocksource == "tsc" || clocksource == "arch_sys_counter") return finding;
  if (clocksource.empty()) {
    finding.meaning = "decides whether reading the time is a syscall";
    return finding;
  }
  // Read by the vDSO as well, as long as the host vouches for its TSC (Linux
  // arch/x86/include/asm/vdso/clocksource.h).
  const bool by_hypervisor = clocksource == "kvm-clock" || clocksource == "xen" ||
                             clocksource == "hyperv_clocksource_tsc_page";
  finding.standing = Standing::kLimited;
  finding.meaning = by_hypervisor
                        ? "programs read the time without a syscall only while the host allows it"
                        : "each reading of the time is a syscall: clock_gettime will show up, and "
                          "tracing costs more";
  finding.remedy = "boot with clocksource=tsc, if the machine's TSC is stable";
  return finding;
}

Finding check_cpus(const std::string& cpus) {
  const auto list = parse_cpu_list(cpus);
  const bool several = list && list->size() > 1;
  return {.id = "cpus",
          .subject = "CPUs",
          .standing = several ? Standing::kOk : Standing::kLimited,
          .value = list ? fmt::format("{} ({})", list->size(), cpus) : "not reported",
          .meaning = several ? "server and load can have CPUs of their own"
                             : "server and load share a CPU and slow each other down",
          .remedy = several ? "" : "measure on a machine with two CPUs or more",
          .required = false};
}

// The folder is always there; what is mounted below it tells.
std::string cgroup_layout(const std::string& root) {
  namespace fs = std::filesystem;
  const std::string folder = root + "/sys/fs/cgroup";
  std::error_code ignored;
  if (fs::exists(folder + "/cgroup.controllers", ignored)) return "v2";
  if (fs::exists(folder + "/unified/cgroup.controllers", ignored)) return "v1 and v2 (hybrid)";
  const bool empty = fs::directory_iterator(folder, ignored) == fs::directory_iterator();
  return empty ? "not mounted" : "v1";
}

Finding check_cgroups(const std::string& root) {
  return {.id = "cgroups",
          .subject = "cgroups",
          .standing = Standing::kOk,
          .value = cgroup_layout(root),
          .meaning = "not needed: threads are followed one by one",
          .remedy = {},
          .required = false};
}

}  // namespace

std::vector<Finding> limit_findings(const std::string& root) {
  std::vector<Finding> findings{check_open_files(root), check_locked_memory(root)};
  for (const Sysctl& sysctl : kSysctls)
    findings.push_back(check_sysctl(root, sysctl));
  findings.push_back(check_local_ports(root));
  const Environment machine = read_environment(root);
  findings.push_back(check_clocksource(machine.clocksource));
  findings.push_back(check_cpus(machine.cpus));
  findings.push_back(check_cgroups(root));
  return findings;
}

}  // namespace tr::capture
