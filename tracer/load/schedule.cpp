#include "load/schedule.h"

#include <cmath>

namespace tr::load {
namespace {

// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): good
// enough for arrival times, and 8 bytes of state, which matters with 100,000 connections.
std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

// The state of stream `number`: a draw of a generator of its own, so that streams of neighbouring
// numbers do not run through each other's states.
std::uint64_t stream_state(std::uint64_t seed, std::uint64_t number) {
  std::uint64_t state = seed;
  state = next_random(state) ^ number;
  return next_random(state);
}

}  // namespace

Schedule::Schedule(const Plan& plan, std::uint64_t number)
    : gap_ns_(1e9 * static_cast<double>(plan.connections) / plan.rate),
      shape_(plan.shape),
      random_(stream_state(plan.seed, number)) {
  elapsed_ns_ = shape_ == RateShape::kFixed ? 1e9 * static_cast<double>(number) / plan.rate : gap();
}

double Schedule::gap() {
  if (shape_ == RateShape::kFixed) return gap_ns_;
  // 53 random bits in (0, 1]: the logarithm of 0 is not finite.
  const double uniform = (static_cast<double>(next_random(random_) >> 11) + 1) * 0x1p-53;
  return -std::log(uniform) * gap_ns_;
}

}  // namespace tr::load
