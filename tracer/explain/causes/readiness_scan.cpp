// Calls that look at every connection to find the few that are ready: t = a + b N.
#include <algorithm>
#include <array>

#include "explain/causes/causes.h"

namespace tr::explain {
namespace {

bool scans(std::string_view call) {
  static constexpr std::array<std::string_view, 4> kCalls{"select", "pselect6", "poll", "ppoll"};
  return std::ranges::find(kCalls, call) != kCalls.end();
}

class ReadinessScan final : public Cause {
 public:
  [[nodiscard]] std::string_view name() const override { return "readiness_scan"; }
  [[nodiscard]] std::string_view claim() const override {
    return "looks at all of its connections to find those that are ready";
  }
  [[nodiscard]] std::string_view figure() const override { return "connections"; }
  [[nodiscard]] bool shows(const Facts& run) const override {
    return std::ranges::any_of(run.cpu_states(), [](const auto& state) {
      return scans(call_of(state.first)) && state.second > 0;
    });
  }
  [[nodiscard]] std::vector<Part> parts(const Facts& run) const override {
    return whole_states(run, [](std::string_view state) { return scans(call_of(state)); });
  }
  // With half of the connections a scan takes half as long, if others take as many messages each.
  [[nodiscard]] std::optional<Experiment> experiment(const Facts& run) const override {
    if (run["connections"] < 8) return std::nullopt;
    Experiment half = expecting(Change::kFewerConnections, figure(), parts(run));
    half.to = 0.6;
    half.least_ns /= 4;
    return half;
  }
};

}  // namespace

const Cause& readiness_scan() {
  static const ReadinessScan cause;
  return cause;
}

}  // namespace tr::explain
