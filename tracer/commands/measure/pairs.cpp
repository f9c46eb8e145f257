#include "commands/measure/pairs.h"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "metrics/verdict.h"
#include "report/warnings.h"

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

// Why the run may not be compared; empty if it may.
std::string unfit(const Measured& run) {
  if (run.failure) return run.failure->text();
  return report::unfit_text(metrics::judge(run.snapshot));
}

class Campaign {
 public:
  Campaign(Pairs& pairs, Progress& progress) : pairs_(pairs), progress_(progress) {}

  // Absent when that is the end: stopped, or no run to be had.
  std::optional<Snapshot> measure_one(const Plan& plan, const std::string& which) {
    for (const bool last : {false, true}) {
      progress_.lead(which + ": ");
      Result<Measured> run = measure(plan, progress_);
      std::string why;
      if (run) {
        if (run->snapshot.interrupted) {
          pairs_.stopped = true;
          return std::nullopt;
        }
        why = unfit(*run);
        if (why.empty() || last) {
          if (!why.empty())
            pairs_.notes.push_back(fmt::format("{} was unfit again: {}", which, why));
          return std::move(run->snapshot);
        }
      } else {
        why = run.error().text();
        // What is wrong before anything runs is wrong the next time too.
        if (last || run.error().failure != Failure::kRun) {
          pairs_.failure = std::move(run).error();
          return std::nullopt;
        }
      }
      pairs_.notes.push_back(
          fmt::format("{} was made again, as the first was unfit: {}", which, why));
    }
    return std::nullopt;
  }

 private:
  Pairs& pairs_;
  Progress& progress_;
};

}  // namespace

Pairs measure_pairs(const Plan& a, const Plan& b, std::size_t pairs, Progress& progress,
                    const OnPair& on_pair) {
  Pairs made;
  Campaign campaign(made, progress);
  std::string order;
  for (const bool b_first : random_order(pairs)) {
    const std::size_t number = made.a.size() + 1;
    std::optional<Snapshot> runs[2];
    for (const bool second : {false, true}) {
      const bool is_b = b_first != second;
      runs[is_b ? 1 : 0] = campaign.measure_one(
          is_b ? b : a, fmt::format("pair {} of {}, {}", number, pairs, is_b ? 'B' : 'A'));
      if (!runs[is_b ? 1 : 0]) break;
    }
    if (!runs[0] || !runs[1]) break;
    made.a.push_back(*std::move(runs[0]));
    made.b.push_back(*std::move(runs[1]));
    order += b_first ? " BA" : " AB";
    if (on_pair)
      if (Status status = on_pair(made); !status) {
        made.failure = std::move(status).error();
        break;
      }
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
