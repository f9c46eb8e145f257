#include "report/figure_names.h"

#include <array>
#include <vector>

#include "report/names.h"
#include "report/units.h"
#include "util/text.h"

namespace tr::report {
namespace {

using Group = FigureName::Group;

struct Known {
  std::string_view name;
  Group group;
  std::string_view text;
  unsigned depth;
  bool minor;
};

constexpr std::array kKnown{
    Known{"throughput.messages_per_second", Group::kResult, "messages/s", 0, false},
    Known{"latency_ns.p50", Group::kResult, "latency p50", 0, false},
    Known{"latency_ns.p90", Group::kResult, "latency p90", 0, true},
    Known{"latency_ns.p99", Group::kResult, "latency p99", 0, false},
    Known{"latency_ns.p999", Group::kResult, "latency p99.9", 0, true},
    Known{"latency_ns.mean", Group::kResult, "latency, mean", 0, true},
    Known{"service_latency_ns.p50", Group::kResult, "from the actual send, p50", 1, false},
    Known{"service_latency_ns.p90", Group::kResult, "from the actual send, p90", 1, true},
    Known{"service_latency_ns.p99", Group::kResult, "from the actual send, p99", 1, false},
    Known{"service_latency_ns.p999", Group::kResult, "from the actual send, p99.9", 1, true},
    Known{"service_latency_ns.mean", Group::kResult, "from the actual send, mean", 1, true},
    Known{"per_message.cpu_ns", Group::kCost, "CPU time", 0, false},
    Known{"per_message.bare_cpu_ns", Group::kCost, "without probes", 1, false},
    Known{"per_message.user_ns", Group::kCost, "user", 1, false},
    Known{"per_message.system_ns", Group::kCost, "system", 1, false},
    Known{"per_message.runqueue_ns", Group::kCost, "run queue", 0, false},
    Known{"per_message.context_switches", Group::kCost, "context switches", 0, false},
    Known{"per_message.voluntary_switches", Group::kCost, "voluntary", 1, false},
    Known{"per_message.involuntary_switches", Group::kCost, "involuntary", 1, false},
    Known{"per_message.migrations", Group::kCost, "migrations", 0, false},
    Known{"per_message.wakeups", Group::kCost, "wake-ups", 0, true},
    Known{"per_message.syscalls", Group::kCost, "system calls", 0, false},
    Known{"per_message.futex", Group::kCost, "futex calls", 1, false},
    Known{"per_message.socket_receives", Group::kCost, "socket receives", 0, false},
    Known{"per_message.socket_received_bytes", Group::kCost, "bytes received", 1, true},
    Known{"per_message.socket_sends", Group::kCost, "socket sends", 0, false},
    Known{"per_message.socket_sent_bytes", Group::kCost, "bytes sent", 1, true},
    Known{"per_message.inter_server_messages", Group::kCost, "messages between servers", 0, false},
    Known{"window_ns", Group::kResult, "from start to end", 0, false},
    Known{"cpu.user_ns", Group::kResult, "CPU time, user", 0, false},
    Known{"cpu.system_ns", Group::kResult, "CPU time, system", 0, false},
    Known{"cpu.runqueue_ns", Group::kResult, "run queue", 0, false},
    Known{"scheduling.context_switches", Group::kResult, "context switches", 0, false},
    Known{"scheduling.migrations", Group::kResult, "migrations", 0, false},
    Known{"memory.per_connection_bytes", Group::kOther, "memory per connection", 0, false},
};

// "ab" of "<prefix>ab<suffix>"; empty where the name is another.
std::string_view inside(std::string_view name, std::string_view prefix, std::string_view suffix) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix) ||
      name.size() < prefix.size() + suffix.size())
    return {};
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  return name;
}

// "idle:recvfrom:client": metrics::state_name().
std::string state_text(std::string_view state) {
  if (state == "user") return "user code";
  if (state == "interrupt") return "interrupts";
  if (state == "waking") return "waking up";
  if (state == "runqueue:woken") return "run queue, after a wake-up";
  if (state == "runqueue:preempted") return "run queue, after preemption";
  const std::vector<std::string_view> parts = split(state, ':');
  if (parts.size() < 2) return printable(state);
  if (parts[0] == "system") return "in " + printable(parts[1]);
  const std::string call = parts[1] == "none" ? "" : printable(parts[1]);
  return printable(parts[0]) + ": " + wait_name(call, parts.size() > 2 ? parts[2] : "");
}

}  // namespace

FigureName figure_name(std::string_view name) {
  for (const Known& known : kKnown)
    if (known.name == name)
      return {known.group, std::string(known.text),
              known.depth, known.minor,
              false,       name == "per_message.syscalls" || name == "per_message.futex"};
  if (const auto call = inside(name, "syscalls.", ".per_message"); !call.empty())
    return {Group::kCost, printable(call), 1, false, true, true};
  if (const auto call = inside(name, "syscalls.", ".calls"); !call.empty())
    return {Group::kOther, printable(call) + " calls", 0, false, true};
  if (const auto state = inside(name, "budget.states.", ".per_message_ns"); !state.empty())
    return {Group::kTime, state_text(state), 0, false, true};
  if (const auto event = inside(name, "perf.", ".per_message"); !event.empty())
    return {Group::kOther, printable(event) + " per message", 0, false, false};
  if (const auto operation = inside(name, "io_uring.", ".per_message"); !operation.empty())
    return {Group::kOther, "io_uring " + printable(operation) + " per message", 0, false, true};
  return {Group::kOther, printable(name), 0, false, false};
}

std::string figure_text(double value, metrics::Unit unit, double like) {
  switch (unit) {
    case metrics::Unit::kNs:
      return duration_text(value, like);
    case metrics::Unit::kBytes:
      return value < 0 ? "-" + bytes_text(-value) : bytes_text(value);
    case metrics::Unit::kPerSecond:
    case metrics::Unit::kCount:
      break;
  }
  return number_text(value);
}

std::string figure_text(double value, metrics::Unit unit) {
  return figure_text(value, unit, value);
}

}  // namespace tr::report
