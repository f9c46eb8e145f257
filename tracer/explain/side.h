// The runs of one server of a comparison, as explain() goes through them.
#pragma once

#include <vector>

#include "explain/cause.h"
#include "explain/facts.h"
#include "statistics/difference.h"

namespace tr::explain {

struct Side {
  std::vector<Facts> runs;
  std::vector<std::vector<double>> claims;  // by cause: of each run, ns per message
  std::vector<double> calls;                // by cause: in so many calls per message, on average
  std::vector<double> cpu_ns;               // of each run, all of it

  [[nodiscard]] bool empty() const { return runs.empty(); }
  [[nodiscard]] std::vector<double> bare_cpu_ns() const;  // of each run; 0 where there is none
  // What the causes have of the runs; once all of these are there.
  void claim();
};

// B - A; of B alone where A is empty.
statistics::Difference difference(const std::vector<double>& a, const std::vector<double>& b,
                                  bool paired);

}  // namespace tr::explain
