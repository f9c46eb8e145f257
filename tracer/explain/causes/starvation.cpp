// Connections that get little or nothing, while others are served.
#include "explain/causes/causes.h"
#include "metrics/doubts.h"

namespace tr::explain {
namespace {

// Where n of 100 connections get nothing, and the others alike, Jain's index is 1 - n/100 (Jain et
// al., DEC-TR-301, 1984). The bounds are those of metrics/doubts, from where on a run is unfair.
constexpr double kLeftOut = 1 - metrics::kMinJain;
constexpr double kSilent = 0.05;

class Starvation final : public Cause {
 public:
  [[nodiscard]] std::string_view name() const override { return "starvation"; }
  [[nodiscard]] std::string_view claim() const override {
    return "serves some of its connections little or not at all: its throughput is that of the "
           "others";
  }
  [[nodiscard]] std::string_view figure() const override { return "connections.left_out"; }
  [[nodiscard]] bool shows(const Facts& run) const override {
    return run[figure()] > kLeftOut || run["connections.silent"] >= kSilent;
  }
  [[nodiscard]] std::vector<Part> parts(const Facts&) const override { return {}; }
  // With fewer connections the load is another: CPU time per message would tell of both.
  [[nodiscard]] std::optional<Experiment> experiment(const Facts&) const override {
    return std::nullopt;
  }
  [[nodiscard]] Kind kind() const override { return Kind::kLimit; }
};

}  // namespace

const Cause& starvation() {
  static const Starvation cause;
  return cause;
}

}  // namespace tr::explain
