// What the tracing itself takes of a message, and would be taken for the program's own code.
#include "explain/causes/causes.h"

namespace tr::explain {
namespace {

// The probe at a call's end has read the clock before it does its work, and so does it in the time
// of the user code that follows (probes/syscalls.bpf.h).
class Tracing final : public Cause {
 public:
  [[nodiscard]] std::string_view name() const override { return "tracing"; }
  [[nodiscard]] std::string_view claim() const override {
    return "pays for the tracing itself at the end of each call: with fewer calls there is less "
           "of it, and without tracing none";
  }
  [[nodiscard]] std::string_view figure() const override { return "per_message.syscalls"; }
  [[nodiscard]] bool shows(const Facts& run) const override { return run["tracing.user_ns"] > 0; }
  [[nodiscard]] std::vector<Part> parts(const Facts& run) const override {
    return {{"user", run["tracing.user_ns"]}};
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
