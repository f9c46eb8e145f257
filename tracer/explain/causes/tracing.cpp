// What the tracing itself takes of a message, and would be taken for the program's own code.
#include "explain/causes/causes.h"

namespace tr::explain {
namespace {

// Where no run without probes tells what it takes: the probe at a call's end has read the clock
// before it does its work, and so does it in the time of the user code that follows
// (probes/syscalls.bpf.h).
class Tracing final : public Cause {
 public:
  [[nodiscard]] std::string_view name() const override { return "tracing"; }
  [[nodiscard]] std::string_view claim() const override {
    return "pays for the tracing itself, most of it at its calls: with fewer calls there is less "
           "of it, and without tracing none";
  }
  [[nodiscard]] std::string_view figure() const override { return "per_message.syscalls"; }
  [[nodiscard]] bool shows(const Facts& run) const override { return run["tracing.user_ns"] != 0; }
  // What there is more of it than user code is in the calls, alike in each.
  [[nodiscard]] std::vector<Part> parts(const Facts& run) const override {
    std::vector<Part> parts{{"user", run["tracing.user_ns"]}};
    const double more = run["tracing.user_ns"] - run.state_ns("user");
    const double calls = run["per_message.syscalls"];
    if (more <= 0 || calls <= 0) return parts;
    for (Part& part :
         whole_states(run, [](std::string_view state) { return !call_of(state).empty(); })) {
      part.ns = more * run.calls_in(part.state) / calls;
      parts.push_back(std::move(part));
    }
    return parts;
  }
  [[nodiscard]] std::optional<Experiment> experiment(const Facts&) const override {
    return std::nullopt;
  }
  [[nodiscard]] Kind kind() const override { return Kind::kTracing; }
};

}  // namespace

const Cause& tracing() {
  static const Tracing cause;
  return cause;
}

}  // namespace tr::explain
