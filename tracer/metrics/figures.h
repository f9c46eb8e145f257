// A run as named numbers, for whoever looks at several runs: repeats, comparisons, sweeps.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics.h"

namespace tr::metrics {

enum class Unit { kPerSecond, kNs, kCount, kBytes };
enum class Better { kHigher, kLower, kNeither };

struct Figure {
  // A path as in the report's JSON where it has one: "throughput.messages_per_second",
  // "latency_ns.p50", "per_message.cpu_ns", "budget.states.system:sendto.per_message_ns". And
  // "syscalls.NAME.per_message", "perf.EVENT.per_message", "io_uring.OPERATION.per_message".
  std::string name;
  double value = 0;
  Unit unit = Unit::kCount;
  Better better = Better::kNeither;

  friend bool operator==(const Figure&, const Figure&) = default;
};

// Messages per second as it is told of a run among several; absent without messages: of the steady
// part, where there is one, else of the window. The only place that decides that.
std::optional<double> throughput(const Metrics& metrics);

// What was measured, and nothing else; each name once, in the report's order. Without messages
// there are none per message; of a program that serves nobody there are totals: "window_ns",
// "cpu.user_ns", "syscalls.NAME.calls".
std::vector<Figure> figures_of(const Metrics& metrics);

// The value of a figure that figures_of() does not give for this run: 0 for a call that was not
// made or a state that no thread was in; absent where that was not measured.
std::optional<double> value_if_missing(const Metrics& metrics, std::string_view name);

}  // namespace tr::metrics
