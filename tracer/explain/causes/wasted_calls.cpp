// Calls that find nothing to do.
#include "explain/causes/causes.h"

namespace tr::explain {
namespace {

class WastedCalls final : public Cause {
 public:
  [[nodiscard]] std::string_view name() const override { return "wasted_calls"; }
  [[nodiscard]] std::string_view claim() const override {
    return "makes calls that find nothing to do";
  }
  [[nodiscard]] std::string_view figure() const override { return "waste.again"; }
  [[nodiscard]] bool shows(const Facts& run) const override {
    return run["waste.again"] + run["waste.in_vain"] + run["waste.empty"] >= kOften;
  }
  // As many of a call's nanoseconds as of its calls were for nothing: at most, because these are
  // the short ones.
  [[nodiscard]] std::vector<Part> parts(const Facts& run) const override {
    std::vector<Part> parts;
    for (const auto& [state, ns] : run.cpu_states()) {
      const std::string call(call_of(state));
      if (call.empty() || call == "futex") continue;
      const double calls = run["syscalls." + call + ".per_message"];
      const double wasted = run["waste.again." + call] + run["waste.empty." + call];
      if (calls > 0 && wasted > 0) parts.push_back({state, ns * wasted / calls});
    }
    return parts;
  }
  [[nodiscard]] std::optional<Experiment> experiment(const Facts&) const override {
    return std::nullopt;
  }
};

}  // namespace

const Cause& wasted_calls() {
  static const WastedCalls cause;
  return cause;
}

}  // namespace tr::explain
