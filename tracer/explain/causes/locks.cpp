// Threads that hand locks to each other through the kernel; of Python, its global interpreter lock.
#include "explain/causes/causes.h"

namespace tr::explain {
namespace {

std::vector<Part> futex_parts(const Facts& run) {
  return whole_states(run,
                      [](std::string_view state) { return call_of(state).starts_with("futex"); });
}

// Of Python, what its threads hand over is the interpreter's lock.
bool is_gil(const Facts& run) {
  return run["python"] > 0 && run["threads"] >= 2;
}

class Locks : public Cause {
 public:
  [[nodiscard]] std::string_view name() const override { return "locks"; }
  [[nodiscard]] std::string_view claim() const override {
    return "hands locks from thread to thread through the kernel";
  }
  [[nodiscard]] std::string_view figure() const override { return "per_message.futex"; }
  [[nodiscard]] bool shows(const Facts& run) const override {
    return hands_over(run) && !is_gil(run);
  }
  [[nodiscard]] double switches(const Facts& run) const override {
    return run.sleeps_in([](std::string_view call) { return call.starts_with("futex"); });
  }
  [[nodiscard]] std::vector<Part> parts(const Facts& run) const override {
    return futex_parts(run);
  }
  // On one CPU nobody waits for who runs elsewhere; the switches that hand-overs need go as well.
  [[nodiscard]] std::optional<Experiment> experiment(const Facts& run) const override {
    if (run["threads"] < 2 || run["cpus"] < 2) return std::nullopt;
    Experiment one = expecting(Change::kOneCpu, figure(), parts(run));
    one.most_ns += kGuessMost * run["switch_ns"] * run["per_message.voluntary_switches"];
    return one;
  }

 protected:
  [[nodiscard]] bool hands_over(const Facts& run) const { return run[figure()] >= kOften; }
};

class Gil final : public Locks {
 public:
  [[nodiscard]] std::string_view name() const override { return "gil"; }
  [[nodiscard]] std::string_view claim() const override {
    return "hands Python's interpreter lock (GIL) from thread to thread";
  }
  [[nodiscard]] bool shows(const Facts& run) const override {
    return hands_over(run) && is_gil(run);
  }
};

}  // namespace

const Cause& locks() {
  static const Locks cause;
  return cause;
}

const Cause& gil() {
  static const Gil cause;
  return cause;
}

}  // namespace tr::explain
