// Threads that move between CPUs, and wake each other from one to another.
#include "explain/causes/causes.h"

namespace tr::explain {
namespace {

class Migration final : public Cause {
 public:
  [[nodiscard]] std::string_view name() const override { return "migration"; }
  [[nodiscard]] std::string_view claim() const override {
    return "has threads that move between CPUs and wake each other across them";
  }
  [[nodiscard]] std::string_view figure() const override { return "per_message.migrations"; }
  [[nodiscard]] bool shows(const Facts& run) const override { return run[figure()] >= kOften; }
  [[nodiscard]] double switches(const Facts& run) const override { return run[figure()]; }
  // Cold caches and wake-ups across CPUs make all states dearer: only an experiment tells how much.
  [[nodiscard]] std::vector<Part> parts(const Facts& run) const override {
    return whole_states(
        run, [](std::string_view state) { return call_of(state) == "sched_setaffinity"; });
  }
  [[nodiscard]] double guess_ns(const Facts& run) const override {
    return run[figure()] * kMigrationNs;
  }
  [[nodiscard]] std::optional<Experiment> experiment(const Facts& run) const override {
    if (run["cpus"] < 2) return std::nullopt;
    return expecting_guess(Change::kOneCpu, figure(), guess_ns(run));
  }
};

}  // namespace

const Cause& migration() {
  static const Migration cause;
  return cause;
}

}  // namespace tr::explain
