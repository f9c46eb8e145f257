// Several that are woken for one new connection, of which all but one find it taken.
#include "explain/causes/causes.h"

namespace tr::explain {
namespace {

constexpr std::string_view kAccepts[] = {"accept", "accept4"};

double in_vain(const Facts& run) {
  double sum = 0;
  for (const std::string_view call : kAccepts)
    sum += run["waste.again." + std::string(call)];
  return sum;
}

class AcceptHerd final : public Cause {
 public:
  [[nodiscard]] std::string_view name() const override { return "accept_herd"; }
  [[nodiscard]] std::string_view claim() const override {
    return "wakes several workers for one new connection";
  }
  [[nodiscard]] std::string_view figure() const override { return "waste.again.accept4"; }
  [[nodiscard]] bool shows(const Facts& run) const override { return in_vain(run) >= kOften; }
  [[nodiscard]] std::vector<Part> parts(const Facts& run) const override {
    std::vector<Part> parts;
    for (const std::string_view call : kAccepts) {
      const std::string name(call);
      const double calls = run["syscalls." + name + ".per_message"];
      if (calls <= 0) continue;
      const double share = run["waste.again." + name] / calls;
      parts.push_back({"system:" + name, share * run.state_ns("system:" + name)});
    }
    return parts;
  }
  [[nodiscard]] std::optional<Experiment> experiment(const Facts& run) const override {
    return expecting(Change::kOneWorker, figure(), parts(run));
  }
};

}  // namespace

const Cause& accept_herd() {
  static const AcceptHerd cause;
  return cause;
}

}  // namespace tr::explain
