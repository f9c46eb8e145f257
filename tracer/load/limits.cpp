#include "load/limits.h"

#include <arpa/inet.h>
#include <sys/resource.h>

#include <fmt/format.h>

#include "util/text.h"

namespace tr::load {
namespace {

// Standard streams, control, /proc files, and two for each of at most 32 threads.
constexpr std::uint64_t kOtherFiles = 96;

// 127.0.0.1 to 127.0.0.254.
constexpr std::uint64_t kMostSources = 254;

Error not_allowed(std::string operation, std::string why, std::string remedy) {
  return Error{.failure = Failure::kNotAllowed,
               .operation = std::move(operation),
               .object = {},
               .code = 0,
               .why = std::move(why),
               .remedy = std::move(remedy)};
}

// The limits of open files, where the hard one bears so many connections.
Result<rlimit> open_files_for(std::uint64_t connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return errno_error("read", "the open-file limit");
  const rlim_t needed = connections + kOtherFiles;
  if (limit.rlim_max >= needed) return limit;
  return not_allowed(
      fmt::format("open {} connections", connections),
      fmt::format("at most {} open files are allowed here", limit.rlim_max),
      fmt::format("use at most {} --connections, or raise the hard limit as root: ulimit -Hn {}",
                  limit.rlim_max > kOtherFiles ? limit.rlim_max - kOtherFiles : 0, needed));
}

}  // namespace

Result<PortRange> read_port_range(const std::string& root) {
  const std::string path = root + "/proc/sys/net/ipv4/ip_local_port_range";
  const auto content = read_file(path);
  if (!content) return content.error();
  const std::string_view line = trim(*content);
  const std::size_t gap = line.find_first_of(" \t");
  if (gap != std::string_view::npos) {
    const auto first = parse_u64(line.substr(0, gap));
    const auto last = parse_u64(trim(line.substr(gap)));
    if (first && last && *first <= *last && *last <= 65535)
      return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
  }
  return Error{.failure = Failure::kRun,
               .operation = "read the local port range from",
               .object = path,
               .code = 0,
               .why = fmt::format("\"{}\" is not two ports", line),
               .remedy = {}};
}

Result<std::vector<in_addr>> plan_sources(const Address& target, std::uint64_t connections,
                                          PortRange ports) {
  // A tenth is left for ports in use elsewhere or in TIME_WAIT: the kernel's search for a free one
  // also gets slow when nearly all are taken.
  const std::uint64_t per_source = std::max<std::uint64_t>(1, ports.count() - ports.count() / 10);
  if (connections <= per_source) return std::vector<in_addr>{};
  const std::uint64_t sources = (connections + per_source - 1) / per_source;
  if (!target.is_ipv4_loopback()) {
    if (connections <= ports.count()) return std::vector<in_addr>{};
    return not_allowed(
        fmt::format("open {} connections to {}", connections, target.text),
        fmt::format("one source address has {} ports (net.ipv4.ip_local_port_range is {} {})",
                    ports.count(), ports.first, ports.last),
        "use fewer --connections, or as root: sysctl -w net.ipv4.ip_local_port_range=\"1024 "
        "65535\"");
  }
  if (sources > kMostSources)
    return not_allowed(fmt::format("open {} connections to {}", connections, target.text),
                       fmt::format("127.0.0.1 to 127.0.0.{} together have {} ports", kMostSources,
                                   kMostSources * per_source),
                       "use fewer --connections");
  std::vector<in_addr> addresses;
  for (std::uint64_t i = 0; i < sources; ++i)
    addresses.push_back({htonl(static_cast<std::uint32_t>(INADDR_LOOPBACK + i))});
  return addresses;
}

Status check_connections(std::uint64_t connections) {
  if (const auto files = open_files_for(connections); !files) return files.error();
  const auto ports = read_port_range("");
  if (!ports) return ports.error();
  const auto target = resolve({.host = "127.0.0.1", .port = 1});
  if (!target) return target.error();
  const auto sources = plan_sources(target->front(), connections, *ports);
  return sources ? Status() : Status(sources.error());
}

Status allow_open_files(std::uint64_t connections) {
  const auto limits = open_files_for(connections);
  if (!limits) return limits.error();
  rlimit limit = *limits;
  if (limit.rlim_cur >= connections + kOtherFiles) return {};
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return errno_error("raise", "the open-file limit");
  return {};
}

}  // namespace tr::load
