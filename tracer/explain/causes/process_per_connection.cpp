// Threads or processes that are made for each connection, where connections are short.
#include "explain/causes/causes.h"

namespace tr::explain {
namespace {

class ProcessPerConnection final : public Cause {
 public:
  [[nodiscard]] std::string_view name() const override { return "process_per_connection"; }
  [[nodiscard]] std::string_view claim() const override {
    return "makes threads or processes with the messages, and ends them";
  }
  [[nodiscard]] std::string_view figure() const override { return "calls.make_tasks"; }
  [[nodiscard]] bool shows(const Facts& run) const override { return run[figure()] >= kOften; }
  [[nodiscard]] std::vector<Part> parts(const Facts& run) const override {
    return whole_states(run, [](std::string_view state) { return makes_tasks(call_of(state)); });
  }
  [[nodiscard]] std::optional<Experiment> experiment(const Facts& run) const override {
    if (!run.config().close.value_or(false)) return std::nullopt;
    Experiment keep = expecting(Change::kKeepConnections, figure(), parts(run));
    keep.most_ns *= 10;  // connections are saved too
    return keep;
  }
};

}  // namespace

const Cause& process_per_connection() {
  static const ProcessPerConnection cause;
  return cause;
}

}  // namespace tr::explain
