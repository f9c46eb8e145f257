#include "load/fairness.h"

#include <algorithm>
#include <cmath>

namespace tr::load {

Fairness fairness(std::vector<std::uint64_t> messages) {
  std::sort(messages.begin(), messages.end());
  if (messages.empty() || messages.back() == 0) return {};
  const double count = static_cast<double>(messages.size());
  const auto percentile = [&](double share) {
    const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(share * count)));
    return static_cast<double>(messages[rank - 1]);
  };
  double sum = 0;
  double squares = 0;
  for (const std::uint64_t n : messages) {
    sum += static_cast<double>(n);
    squares += static_cast<double>(n) * static_cast<double>(n);
  }
  return {.p5 = percentile(0.05),
          .p50 = percentile(0.50),
          .p95 = percentile(0.95),
          .jain = sum * sum / (count * squares)};
}

}  // namespace tr::load
