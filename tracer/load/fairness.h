// Did every connection get its share?
#pragma once

#include <cstdint>
#include <vector>

namespace tr::load {

struct Fairness {
  double p5 = 0;
  double p50 = 0;
  double p95 = 0;
  double jain = 0;
};

// Of the messages that each connection had answered. Percentiles by nearest rank; Jain's index
// (sum x)^2 / (n sum x^2) (Jain, Chiu, Hawe, DEC-TR-301, 1984): 1 is even, 1/n is one takes all.
// All 0 where there was nothing to share.
Fairness fairness(std::vector<std::uint64_t> messages);

}  // namespace tr::load
