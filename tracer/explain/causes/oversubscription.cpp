// More threads that want to run than CPUs: they take turns, and each turn is a context switch.
#include <algorithm>

#include "explain/causes/causes.h"

namespace tr::explain {
namespace {

class Oversubscription final : public Cause {
 public:
  [[nodiscard]] std::string_view name() const override { return "oversubscription"; }
  [[nodiscard]] std::string_view claim() const override {
    return "has more threads that want to run than CPUs, which take turns";
  }
  [[nodiscard]] std::string_view figure() const override {
    return "per_message.involuntary_switches";
  }
  [[nodiscard]] bool shows(const Facts& run) const override {
    return run[figure()] >= kOften && run["threads"] > run["cpus"];
  }
  [[nodiscard]] std::vector<Part> parts(const Facts&) const override { return {}; }
  // A thread that preempts another as it is woken, and sleeps again: these two switches are the
  // wake-up's. Threads that take turns are preempted without anyone's going to sleep.
  [[nodiscard]] double switches(const Facts& run) const override {
    return std::max(0.0, run[figure()] - run["per_message.voluntary_switches"]);
  }
  [[nodiscard]] double guess_ns(const Facts& run) const override {
    return switches(run) * run["switch_ns"];
  }
  // Where each connection has a thread of its own, there are as many threads as connections.
  [[nodiscard]] std::optional<Experiment> experiment(const Facts& run) const override {
    const bool of_connections = run["threads"] >= run["connections"];
    return expecting_guess(of_connections ? Change::kConnectionsAsCpus : Change::kWorkersAsCpus,
                           figure(), run[figure()] * run["switch_ns"]);
  }
};

}  // namespace

const Cause& oversubscription() {
  static const Oversubscription cause;
  return cause;
}

}  // namespace tr::explain
