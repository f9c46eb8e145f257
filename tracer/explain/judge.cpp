#include <algorithm>
#include <cmath>

#include "explain/explain.h"

namespace tr::explain {
namespace {

constexpr std::uint64_t kMostRepeats = 1000;

struct Pairs {
  std::vector<double> figure_before;
  std::vector<double> figure_after;
  std::vector<double> cpu_before;
  std::vector<double> cpu_after;
  std::vector<double> part_before;
  std::vector<double> part_after;
  std::vector<double> rate_before;
  std::vector<double> rate_after;
};

Pairs pairs_of(const Cause& cause, const Experiment& experiment, std::span<const Snapshot> before,
               std::span<const Snapshot> after) {
  Pairs pairs;
  const std::size_t index = index_of(cause);
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    const Facts from(before[i]);
    const Facts to(after[i]);
    if (from.cpu_states().empty() || to.cpu_states().empty()) continue;
    pairs.figure_before.push_back(from[experiment.figure]);
    pairs.figure_after.push_back(to[experiment.figure]);
    pairs.cpu_before.push_back(from.cpu_ns());
    pairs.cpu_after.push_back(to.cpu_ns());
    pairs.part_before.push_back(claim_all(from)[index].ns);
    pairs.part_after.push_back(claim_all(to)[index].ns);
    pairs.rate_before.push_back(from["throughput.messages_per_second"]);
    pairs.rate_after.push_back(to["throughput.messages_per_second"]);
  }
  return pairs;
}

// With 95 % confidence.
bool falls(const statistics::Difference& difference) {
  const auto& interval = difference.change.interval;
  return difference.exact ? difference.change.value < 0 : interval && interval->high < 0;
}

void decide(const Pairs& pairs, Trial& trial) {
  const Experiment& experiment = trial.experiment;
  const double fell = -trial.cpu_ns.change.value;
  const auto& interval = trial.cpu_ns.change.interval;
  if (trial.figure_after > experiment.to * trial.figure_before) {
    trial.doubt = Doubt::kFigureStayed;
    return;
  }
  // At best it fell by less than the least that was predicted.
  if (interval && -interval->low < experiment.least_ns) {
    trial.standing = Standing::kRefuted;
    return;
  }
  if (!falls(trial.cpu_ns)) {
    trial.doubt = Doubt::kNoise;
    std::vector<double> changes;
    for (std::size_t i = 0; i < pairs.cpu_after.size(); ++i)
      changes.push_back(pairs.cpu_after[i] - pairs.cpu_before[i]);
    trial.repeats_needed = statistics::repeats_needed(
        std::max(experiment.least_ns, fell), statistics::standard_deviation(changes), kMostRepeats);
    return;
  }
  if (fell < experiment.least_ns || fell > experiment.most_ns) {
    trial.doubt = Doubt::kOtherSize;
    return;
  }
  if (statistics::mean(pairs.part_before) > 0 && !falls(trial.part_ns)) {
    trial.doubt = Doubt::kPartStayed;
    return;
  }
  trial.standing = Standing::kConfirmed;
}

}  // namespace

Result<Trial> judge(const Cause& cause, const Experiment& experiment,
                    std::span<const Snapshot> before, std::span<const Snapshot> after) {
  const Pairs pairs = pairs_of(cause, experiment, before, after);
  if (pairs.cpu_after.empty())
    return Error{.operation = "judge an experiment on",
                 .object = std::string(cause.name()),
                 .why = "no pair of its runs has messages and a budget"};
  Trial trial;
  trial.experiment = experiment;
  trial.figure_before = statistics::mean(pairs.figure_before);
  trial.figure_after = statistics::mean(pairs.figure_after);
  trial.cpu_ns = statistics::paired(pairs.cpu_before, pairs.cpu_after);
  trial.part_ns = statistics::paired(pairs.part_before, pairs.part_after);
  const auto rates = statistics::paired(pairs.rate_before, pairs.rate_after);
  if (rates.ratio) trial.throughput = rates.ratio->value;
  decide(pairs, trial);
  return trial;
}

}  // namespace tr::explain
