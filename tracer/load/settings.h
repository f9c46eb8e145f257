// What was the load generator asked to do?
#pragma once

#include <cstdint>
#include <string>

#include "load/schedule.h"
#include "load/target.h"
#include "util/clock.h"
#include "util/cpu_set.h"

namespace tr::load {

// What is said to the server; see make_protocol().
enum class ProtocolKind : std::uint8_t { kEcho, kHttp, kHerd };

struct Settings {
  Target target;
  ProtocolKind protocol = ProtocolKind::kEcho;
  std::string path = "/";  // of kHttp: what is asked for
  std::uint64_t connections = 200;
  std::uint64_t size = 64;  // of kEcho: bytes per message
  std::uint64_t duration_ns = 10 * kNsPerSecond;
  std::uint64_t warmup_ns = kNsPerSecond;  // before the window, not measured
  // The load goes on for so long after the window, and these answers are counted apart; see
  // Outcome::after.
  std::uint64_t after_ns = 0;
  std::uint64_t pipeline = 1;  // messages under way per connection
  bool close = false;          // each message on a connection of its own; then pipeline is 1
  double rate = 0;             // messages per second over all; 0: closed loop
  RateShape rate_shape = RateShape::kPoisson;
  std::uint64_t seed = 1;  // of the Poisson gaps
  std::uint64_t threads = 1;
  CpuList pin;          // the load generator's own CPUs; empty: any
  bool sleeps = false;  // even with CPUs of its own: somebody else may need them

  [[nodiscard]] bool open_loop() const { return rate > 0; }
  // An open loop whose threads have a CPU each polls: there sleeping would save nobody anything,
  // but each wake-up, tens of microseconds on many a virtual machine, would be counted as latency.
  [[nodiscard]] bool polls() const { return open_loop() && !sleeps && threads <= pin.size(); }
};

}  // namespace tr::load
