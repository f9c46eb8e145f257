// When should one connection send its messages, whatever the server does meanwhile?
//
// In an open loop the planned times come from the rate alone. A connection that is busy sends
// later, but its plan does not move: latency is counted from the plan, so a stall of the server
// shows in every message that should have been sent during it (no coordinated omission, see
// G. Tene, "How NOT to Measure Latency").
#pragma once

#include <cstdint>
#include <string_view>

namespace tr::load {

enum class RateShape {
  kPoisson,  // exponential gaps: as independent users arrive
  kFixed,    // equal gaps
};

// "poisson" or "fixed"
constexpr std::string_view shape_name(RateShape shape) {
  return shape == RateShape::kPoisson ? "poisson" : "fixed";
}

// The planned times of one of `connections` connections, which together send `rate` messages per
// second. Fixed: they take turns, so that all together have equal gaps as well. Poisson: the same
// seed and number give the same times; different numbers give independent ones, and the sum of
// independent Poisson streams is one of the summed rate.
class Schedule {
 public:
  struct Plan {
    double rate;  // over all connections
    RateShape shape;
    std::uint64_t seed;
    std::uint64_t connections;
  };

  Schedule(const Plan& plan, std::uint64_t number);

  // Says when the plan begins, on any clock; 0 until then.
  void start(std::uint64_t ns) { start_ns_ = ns; }

  // The time of the next message; the same until advance().
  [[nodiscard]] std::uint64_t next_ns() const {
    return start_ns_ + static_cast<std::uint64_t>(elapsed_ns_);
  }
  void advance() { elapsed_ns_ += gap(); }

 private:
  double gap();

  std::uint64_t start_ns_ = 0;
  double gap_ns_;  // the mean one
  RateShape shape_;
  std::uint64_t random_;
  // A double holds 104 days of nanoseconds exactly; below a nanosecond it keeps the fractions that
  // would otherwise add up to a wrong rate.
  double elapsed_ns_ = 0;
};

}  // namespace tr::load
