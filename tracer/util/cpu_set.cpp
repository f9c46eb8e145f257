#include "util/cpu_set.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <sched.h>

#include <fmt/format.h>

#include "util/text.h"

namespace tr {
namespace {

constexpr int kMaxCpu = 8191;  // the kernel's largest CONFIG_NR_CPUS is 8192

struct CpuSetFree {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};
using CpuSetPtr = std::unique_ptr<cpu_set_t, CpuSetFree>;
constexpr std::size_t kSetBytes = CPU_ALLOC_SIZE(kMaxCpu + 1);

std::optional<int> parse_cpu(std::string_view text) {
  int cpu = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpu);
  if (error != std::errc{} || end != text.data() + text.size() || cpu < 0 || cpu > kMaxCpu)
    return std::nullopt;
  return cpu;
}

}  // namespace

Result<CpuList> parse_cpu_list(std::string_view text) {
  const auto bad = [&](std::string_view part) {
    return usage_error(fmt::format("\"{}\" in CPU list \"{}\" is not a CPU or a range", part, text),
                       "write it as taskset does: 0,2-5 or 0-14:2");
  };
  CpuList cpus;
  for (const std::string_view part : split(text, ',')) {
    const std::size_t dash = part.find('-');
    const std::size_t colon = part.find(':');
    if (dash == std::string_view::npos) {
      const auto cpu = parse_cpu(part);
      if (!cpu) return bad(part);
      cpus.push_back(*cpu);
      continue;
    }
    const auto first = parse_cpu(part.substr(0, dash));
    const auto last = parse_cpu(part.substr(
        dash + 1, colon == std::string_view::npos ? std::string_view::npos : colon - dash - 1));
    const auto stride =
        colon == std::string_view::npos ? std::optional<int>(1) : parse_cpu(part.substr(colon + 1));
    if (!first || !last || !stride || *stride == 0 || *last < *first) return bad(part);
    for (int cpu = *first; cpu <= *last; cpu += *stride)
      cpus.push_back(cpu);
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

std::string format_cpu_list(const CpuList& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1)
      ++last;
    if (!text.empty()) text += ',';
    text += last == i ? fmt::format("{}", cpus[i]) : fmt::format("{}-{}", cpus[i], cpus[last]);
    i = last + 1;
  }
  return text;
}

Result<CpuList> usable_cpus() {
  const CpuSetPtr set(CPU_ALLOC(kMaxCpu + 1));
  if (sched_getaffinity(0, kSetBytes, set.get()) != 0)
    return errno_error("read the CPU affinity of", "trace-run");
  CpuList cpus;
  for (int cpu = 0; cpu <= kMaxCpu; ++cpu)
    if (CPU_ISSET_S(static_cast<std::size_t>(cpu), kSetBytes, set.get())) cpus.push_back(cpu);
  return cpus;
}

Result<CpuList> parse_usable_cpus(std::string_view option, std::string_view text,
                                  const CpuList& usable) {
  auto cpus = parse_cpu_list(text);
  if (!cpus) {
    Error error = std::move(cpus).error();
    error.why = fmt::format("{}: {}", option, error.why);
    return error;
  }
  for (const int cpu : *cpus)
    if (!std::binary_search(usable.begin(), usable.end(), cpu))
      return usage_error(fmt::format("{} {}: CPU {} is not usable here; usable CPUs: {}", option,
                                     text, cpu, format_cpu_list(usable)));
  return cpus;
}

Status pin_thread(int tid, const CpuList& cpus) {
  const CpuSetPtr set(CPU_ALLOC(kMaxCpu + 1));
  CPU_ZERO_S(kSetBytes, set.get());
  for (const int cpu : cpus)
    CPU_SET_S(static_cast<std::size_t>(cpu), kSetBytes, set.get());
  if (sched_setaffinity(tid, kSetBytes, set.get()) != 0)
    return errno_error("pin to CPUs", format_cpu_list(cpus));
  return {};
}

}  // namespace tr
