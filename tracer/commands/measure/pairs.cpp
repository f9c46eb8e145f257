#include "commands/measure/pairs.h"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

namespace tr::commands {
namespace {

// Whether B comes first, for each pair.
std::vector<bool> random_order(std::size_t pairs) {
  std::mt19937 engine(std::random_device{}());
  std::vector<bool> b_first(pairs);
  // The odd one too falls on either side by chance.
  const std::size_t half = (pairs + (engine() & 1U)) / 2;
  std::fill_n(b_first.begin(), half, true);
  std::shuffle(b_first.begin(), b_first.end(), engine);
  return b_first;
}

}  // namespace

Pairs measure_pairs(const Plan& a, const Plan& b, std::size_t pairs, compare::Unfit unfit,
                    Progress& progress, const OnPair& on_pair) {
  Pairs made;
  std::string order;
  for (const bool b_first : random_order(pairs)) {
    const std::size_t number = made.a.size() + 1;
    std::optional<Snapshot> runs[2];
    for (const bool second : {false, true}) {
      const bool is_b = b_first != second;
      runs[is_b ? 1 : 0] =
          fit_run(is_b ? b : a, fmt::format("pair {} of {}, {}", number, pairs, is_b ? 'B' : 'A'),
                  unfit, progress, made);
      if (!runs[is_b ? 1 : 0] || (made.stopped && !second)) break;
    }
    if (!runs[0] || !runs[1]) break;
    made.a.push_back(*std::move(runs[0]));
    made.b.push_back(*std::move(runs[1]));
    order += b_first ? " BA" : " AB";
    if (Status status = on_pair(made); !status) {
      made.failure = std::move(status).error();
      break;
    }
    if (made.stopped) break;
  }
  progress.lead("");
  progress.clear();
  if (!order.empty())
    made.notes.insert(made.notes.begin(), "the runs were made in the order" + order);
  if (made.a.size() < pairs)
    made.notes.push_back(fmt::format("{} of {} pairs were made{}", made.a.size(), pairs,
                                     made.stopped ? ", as a signal ended it" : ""));
  return made;
}

}  // namespace tr::commands
