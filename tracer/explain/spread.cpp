#include "explain/spread.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "statistics/sample.h"

namespace tr::explain {
namespace {

// Of Environment::switch_ns, per switch.
constexpr double factor(Reach reach) {
  switch (reach) {
    case Reach::kLeast:
      return 0.5;
    case Reach::kLikely:
      return 2.5;
    case Reach::kMost:
      break;
  }
  return 5;
}

double switches(const Cause& cause, const Facts& side) {
  return cause.shows(side) ? cause.switches(side) : 0;
}

}  // namespace

void spread(Side& a, Side& b, Reach reach) {
  const Facts mean_a = Facts::mean(a.runs);
  const Facts mean_b = Facts::mean(b.runs);
  // What the accounts of B have more; below 0: of A.
  double more_ns = 0;
  for (std::size_t i = 0; i < causes().size(); ++i)
    if (causes()[i]->kind() == Cause::Kind::kAccount)
      more_ns += statistics::mean(b.claims[i]) - statistics::mean(a.claims[i]);
  // Of each cause, how many more switches it makes on that side.
  std::vector<double> more(causes().size());
  double all = 0;
  for (std::size_t i = 0; i < causes().size(); ++i) {
    const double switches_more = switches(*causes()[i], mean_b) - switches(*causes()[i], mean_a);
    if (switches_more * more_ns <= 0) continue;
    more[i] = std::abs(switches_more);
    all += more[i];
  }
  if (all == 0) return;
  const double switch_ns = (mean_a["switch_ns"] + mean_b["switch_ns"]) / 2;
  const double moved = std::min(1.0, all * switch_ns * factor(reach) / std::abs(more_ns));

  Side& fewer = more_ns > 0 ? a : b;
  for (std::size_t account = 0; account < causes().size(); ++account) {
    if (causes()[account]->kind() != Cause::Kind::kAccount) continue;
    const double base = statistics::mean(fewer.claims[account]);
    for (Side* side : {&a, &b})
      for (std::size_t run = 0; run < side->runs.size(); ++run) {
        double& has = side->claims[account][run];
        const double goes = moved * (has - base);
        has -= goes;
        for (std::size_t i = 0; i < causes().size(); ++i)
          side->claims[i][run] += goes * more[i] / all;
      }
  }
}

}  // namespace tr::explain
