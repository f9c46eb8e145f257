// CPUs of which nothing is left: the load generator's, or the server's.
#include "explain/causes/causes.h"
#include "metrics/doubts.h"

namespace tr::explain {
namespace {

// From here on messages queue up in front of the load generator, 4 on average (M/M/1: r / (1 - r)).
// At its own limit it comes here only beside a server at its own (metrics/verdict.h).
constexpr double kLoadBusy = 0.8;

// It limits the throughput and takes no part of the time; no experiment has more CPUs to offer.
class Saturation final : public Cause {
 public:
  Saturation(std::string_view name, std::string_view claim, std::string_view figure, double from)
      : name_(name), claim_(claim), figure_(figure), from_(from) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::string_view claim() const override { return claim_; }
  [[nodiscard]] std::string_view figure() const override { return figure_; }
  [[nodiscard]] bool shows(const Facts& run) const override { return run[figure_] >= from_; }
  [[nodiscard]] std::vector<Part> parts(const Facts&) const override { return {}; }
  [[nodiscard]] std::optional<Experiment> experiment(const Facts&) const override {
    return std::nullopt;
  }
  [[nodiscard]] Kind kind() const override { return Kind::kLimit; }

 private:
  std::string_view name_;
  std::string_view claim_;
  std::string_view figure_;
  double from_;
};

}  // namespace

const Cause& client_saturation() {
  static const Saturation cause(
      "client_saturation",
      "is loaded by a generator that has hardly any CPU left: its throughput may be the "
      "generator's",
      "load.busy_share", kLoadBusy);
  return cause;
}

const Cause& cpu_saturation() {
  static const Saturation cause(
      "cpu_saturation",
      "runs, or waits to run, nearly all the time: its throughput is what its CPUs give, and less "
      "CPU time per message is more messages",
      "cpus.awake_share", metrics::kAtItsLimit);
  return cause;
}

}  // namespace tr::explain
