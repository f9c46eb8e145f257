#include "explain/side.h"

namespace tr::explain {

void Side::claim() {
  claims.resize(causes().size());
  calls.resize(causes().size());
  for (const Facts& run : runs) {
    const std::vector<Claim> all = claim_all(run);
    for (std::size_t i = 0; i < all.size(); ++i) {
      claims[i].push_back(all[i].ns);
      calls[i] += all[i].calls / static_cast<double>(runs.size());
    }
    cpu_ns.push_back(run.cpu_ns());
  }
}

std::vector<double> Side::bare_cpu_ns() const {
  std::vector<double> all;
  for (const Facts& run : runs)
    all.push_back(run["per_message.bare_cpu_ns"]);
  return all;
}

statistics::Difference difference(const std::vector<double>& a, const std::vector<double>& b,
                                  bool paired) {
  if (a.empty()) {
    statistics::Difference alone;
    alone.change = statistics::estimate(b);
    return alone;
  }
  return paired ? statistics::paired(a, b) : statistics::unpaired(a, b);
}

}  // namespace tr::explain
