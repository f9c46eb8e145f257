// Memory that is taken from the kernel and given back with each message.
#include "explain/causes/causes.h"

namespace tr::explain {
namespace {

class Allocator final : public Cause {
 public:
  [[nodiscard]] std::string_view name() const override { return "allocator"; }
  [[nodiscard]] std::string_view claim() const override {
    return "maps memory and gives it back with the messages";
  }
  [[nodiscard]] std::string_view figure() const override { return "calls.map_memory"; }
  [[nodiscard]] bool shows(const Facts& run) const override { return run[figure()] >= kOften; }
  // Without the page faults that follow, which are in the states that they interrupt.
  [[nodiscard]] std::vector<Part> parts(const Facts& run) const override {
    return whole_states(run, [](std::string_view state) { return maps_memory(call_of(state)); });
  }
  [[nodiscard]] std::optional<Experiment> experiment(const Facts& run) const override {
    return expecting(Change::kMallocKeeps, figure(), parts(run));
  }
};

}  // namespace

const Cause& allocator() {
  static const Allocator cause;
  return cause;
}

}  // namespace tr::explain
