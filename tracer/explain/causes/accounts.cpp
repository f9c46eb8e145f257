// Where the rest of the time went: an account, which names no reason.
#include <limits>

#include "explain/causes/causes.h"

namespace tr::explain {
namespace {

class Account final : public Cause {
 public:
  using Takes = bool (*)(std::string_view state);
  Account(std::string_view name, std::string_view claim, std::string_view figure, Takes takes)
      : name_(name), claim_(claim), figure_(figure), takes_(takes) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::string_view claim() const override { return claim_; }
  [[nodiscard]] std::string_view figure() const override { return figure_; }
  [[nodiscard]] bool shows(const Facts&) const override { return true; }
  // All that is left there.
  [[nodiscard]] std::vector<Part> parts(const Facts& run) const override {
    std::vector<Part> parts = whole_states(run, takes_);
    for (Part& part : parts)
      part.ns = std::numeric_limits<double>::infinity();
    return parts;
  }
  [[nodiscard]] std::optional<Experiment> experiment(const Facts&) const override {
    return std::nullopt;
  }
  [[nodiscard]] Kind kind() const override { return Kind::kAccount; }

 private:
  std::string_view name_;
  std::string_view claim_;
  std::string_view figure_;
  Takes takes_;
};

}  // namespace

// On loopback the sender's softirq runs the receiver's TCP.
const Cause& delivery() {
  static const Account cause("delivery",
                             "delivers its packets itself, in softirqs inside its sends",
                             "budget.states.delivery.per_message_ns",
                             [](std::string_view state) { return state == "delivery"; });
  return cause;
}

const Cause& own_code() {
  static const Account cause("own_code", "computes in its own code",
                             "budget.states.user.per_message_ns",
                             [](std::string_view state) { return state == "user"; });
  return cause;
}

const Cause& calls() {
  static const Account cause("calls", "has the kernel work in its system calls",
                             "per_message.syscalls",
                             [](std::string_view state) { return !call_of(state).empty(); });
  return cause;
}

const Cause& interrupts() {
  static const Account cause("interrupts", "is interrupted", "",
                             [](std::string_view) { return true; });
  return cause;
}

}  // namespace tr::explain
