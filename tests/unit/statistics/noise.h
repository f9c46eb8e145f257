// Where do the simulated measurements of these tests come from?
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <random>
#include <vector>

namespace tr::statistics {

// The same values everywhere: the standard library's engines are specified, its distributions are
// not.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : engine_(seed) {}

  double uniform() { return (static_cast<double>(engine_() >> 11U) + 0.5) * 0x1p-53; }
  // Mean 0, deviation 1: Box and Muller.
  double normal() {
    return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform());
  }
  std::vector<double> normals(std::size_t count, double mean, double deviation) {
    return serial(count, mean, deviation, 0);
  }
  // Each value holds `correlation` of the one before it: a first-order autoregression.
  std::vector<double> serial(std::size_t count, double mean, double deviation, double correlation) {
    std::vector<double> values;
    double state = normal();
    for (std::size_t i = 0; i < count; ++i) {
      values.push_back(mean + deviation * state);
      state = correlation * state + std::sqrt(1 - correlation * correlation) * normal();
    }
    return values;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tr::statistics
