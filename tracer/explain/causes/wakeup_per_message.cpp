// A thread that sleeps before each message, and is woken for it.
#include <algorithm>

#include "explain/causes/causes.h"

namespace tr::explain {
namespace {

class WakeupPerMessage final : public Cause {
 public:
  [[nodiscard]] std::string_view name() const override { return "wakeup_per_message"; }
  [[nodiscard]] std::string_view claim() const override {
    return "goes to sleep between messages and is woken for them";
  }
  [[nodiscard]] std::string_view figure() const override {
    return "per_message.voluntary_switches";
  }
  [[nodiscard]] bool shows(const Facts& run) const override { return run[figure()] >= 0.1; }
  // Those that no other cause has: sleeps at locks, and on the way to another CPU.
  [[nodiscard]] double switches(const Facts& run) const override {
    return run.sleeps_in([](std::string_view call) {
      return !call.starts_with("futex") && call != "sched_setaffinity";
    });
  }
  // The way into the sleep and out of it is in the calls that sleep, beside their work: these are
  // the most that it can take of its own thread's time.
  [[nodiscard]] std::vector<Part> parts(const Facts&) const override { return {}; }
  [[nodiscard]] double guess_ns(const Facts& run) const override {
    return std::min(switches(run) * run["switch_ns"], run.sleeping_calls_ns());
  }
  // Who finds the next message there already need not sleep. With fewer calls per message, too.
  [[nodiscard]] std::optional<Experiment> experiment(const Facts& run) const override {
    if (run.config().pipeline != 1 || run.config().close.value_or(false) || run.config().rate > 0)
      return std::nullopt;
    return expecting_guess(Change::kDeeperPipeline, figure(), guess_ns(run));
  }
};

}  // namespace

const Cause& wakeup_per_message() {
  static const WakeupPerMessage cause;
  return cause;
}

}  // namespace tr::explain
