#include "compare/settings.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tr::compare {
namespace {

using Kind = SettingDifference::Kind;

struct Setting {
  Kind kind;
  std::string what;
  std::string value;
};

std::string or_none(std::string text) {
  return text.empty() ? "none" : text;
}

std::string_view name_of(Figures figures) {
  return std::ranges::find(kFigureNames, figures, [](const auto& known) { return known.first; })
      ->second;
}

// What was measured: each group has probes of its own, whose cost is in all the figures.
std::string probes_of(const Snapshot& run) {
  std::vector<std::string_view> groups;
  using enum Figures;
  // Not kMemory: it is read from /proc, before and after.
  for (const Figures figures : {kSyscallResults, kScheduling, kSockets, kBudget, kUring})
    if (!run.unmeasured.contains(figures)) groups.push_back(name_of(figures));
  if (run.message_path) groups.push_back("messages");
  if (run.waits) groups.push_back("waits");
  if (run.locks) groups.push_back("locks");
  if (run.stacks) groups.push_back("stacks");
  std::string text = or_none(fmt::format("{}", fmt::join(groups, ", ")));
  for (const Figures figures : {kWakeups, kMigrations, kWakers, kSoftirqs, kInterrupts})
    if (run.unmeasured.contains(figures)) text += fmt::format(", no {}", name_of(figures));
  return text;
}

std::string perf_of(const Snapshot& run) {
  std::vector<std::string_view> events;
  for (const PerfCount& count : run.perf)
    events.push_back(count.event);
  std::ranges::sort(events);
  return or_none(fmt::format("{}", fmt::join(events, ", ")));
}

std::string arguments_of(const RunConfig& config) {
  if (config.argv.size() < 2) return "none";
  return fmt::format("{}", fmt::join(config.argv.begin() + 1, config.argv.end(), " "));
}

std::string delay_of(const RunConfig& config) {
  return config.delay ? fmt::format("{} ns at {}", config.delay->ns, config.delay->stage) : "none";
}

std::vector<Setting> settings_of(const Snapshot& run) {
  const RunConfig& config = run.config;
  const Environment& machine = run.environment;
  return {
      {Kind::kProtocol, "load", config.load},
      {Kind::kSize, "bytes per message", fmt::format("{}", config.size)},
      {Kind::kKernel, "kernel", machine.kernel},
      {Kind::kProbes, "mode", config.mode},
      {Kind::kProbes, "probes", probes_of(run)},
      {Kind::kProbes, "perf events", perf_of(run)},
      {Kind::kMachine, "architecture", machine.architecture},
      {Kind::kMachine, "CPU model", machine.cpu_model},
      {Kind::kMachine, "CPUs", machine.cpus},
      {Kind::kMachine, "memory", fmt::format("{} MiB", machine.memory_bytes >> 20)},
      {Kind::kMachine, "virtualization", or_none(machine.virtualization)},
      {Kind::kMachine, "clock source", machine.clocksource},
      {Kind::kTool, "trace-run", machine.tool_version},
      {Kind::kConfig, "server", config.server},
      {Kind::kConfig, "arguments", arguments_of(config)},
      {Kind::kConfig, "pin", or_none(config.pin)},
      {Kind::kConfig, "pin-load", or_none(config.pin_load)},
      {Kind::kConfig, "connections", fmt::format("{}", config.connections)},
      {Kind::kConfig, "pipeline", fmt::format("{}", config.pipeline)},
      {Kind::kConfig, "path", config.path.value_or("none")},
      {Kind::kConfig, "close", config.close.value_or(false) ? "yes" : "no"},
      {Kind::kConfig, "rate",
       config.rate == 0 ? "closed loop" : fmt::format("{} {}", config.rate, config.rate_shape)},
      {Kind::kConfig, "delay", delay_of(config)},
      {Kind::kConfig, "duration", fmt::format("{} s", config.duration_s)},
      {Kind::kConfig, "warmup", fmt::format("{} s", config.warmup_s)},
  };
}

void find_mixed(std::span<const Snapshot> runs, const char* side,
                std::vector<SettingDifference>& found) {
  const auto first = settings_of(runs.front());
  std::vector<bool> told(first.size());
  for (const Snapshot& run : runs.subspan(1)) {
    const auto other = settings_of(run);
    for (std::size_t i = 0; i < first.size(); ++i)
      if (!told[i] && first[i].value != other[i].value) {
        found.push_back({Kind::kMixed, fmt::format("{} within {}", first[i].what, side),
                         first[i].value, other[i].value});
        told[i] = true;
      }
  }
}

}  // namespace

std::vector<SettingDifference> setting_differences(std::span<const Snapshot> a,
                                                   std::span<const Snapshot> b) {
  std::vector<SettingDifference> found;
  if (a.empty() || b.empty()) return found;
  find_mixed(a, "A", found);
  find_mixed(b, "B", found);
  const auto ours = settings_of(a.front());
  const auto theirs = settings_of(b.front());
  for (std::size_t i = 0; i < ours.size(); ++i)
    if (ours[i].value != theirs[i].value)
      found.push_back({ours[i].kind, ours[i].what, ours[i].value, theirs[i].value});
  return found;
}

}  // namespace tr::compare
