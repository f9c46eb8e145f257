#include "explain/factorial.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "statistics/fit.h"

namespace tr::explain {
namespace {

// What a change turns. Two settings of the same thing cannot be combined.
enum class Knob { kCpus, kWorkers, kPipeline, kConnections, kClose, kMalloc };

Knob knob_of(Change change) {
  switch (change) {
    case Change::kOneCpu:
      return Knob::kCpus;
    case Change::kWorkersAsCpus:
    case Change::kOneWorker:
      return Knob::kWorkers;
    case Change::kDeeperPipeline:
      return Knob::kPipeline;
    case Change::kFewerConnections:
    case Change::kConnectionsAsCpus:
      return Knob::kConnections;
    case Change::kKeepConnections:
      return Knob::kClose;
    case Change::kMallocKeeps:
      break;
  }
  return Knob::kMalloc;
}

bool is_worth_it(const std::optional<Trial>& trial) {
  return trial && trial->standing != Standing::kRefuted && trial->doubt != Doubt::kFigureStayed;
}

std::vector<Change> changes_of(const Factors& factors, std::size_t mask) {
  std::vector<Change> changes;
  for (std::size_t i = 0; i < factors.changes.size(); ++i)
    if ((mask >> i & 1) != 0) changes.push_back(factors.changes[i]);
  return changes;
}

}  // namespace

bool Effect::shown() const {
  return cpu_ns.interval && (cpu_ns.interval->low > 0 || cpu_ns.interval->high < 0);
}

std::optional<Factors> choose_factors(std::span<const PlannedExperiment> made,
                                      const Explanation& explanation) {
  Factors sides[2];
  for (const PlannedExperiment& experiment : made) {
    if (!is_worth_it(explanation.findings[experiment.finding].trial)) continue;
    Factors& side = sides[experiment.on_b ? 1 : 0];
    side.on_b = experiment.on_b;
    const Change change = experiment.experiment.change;
    const bool turned = std::ranges::any_of(
        side.changes, [&](Change known) { return knob_of(known) == knob_of(change); });
    if (!turned && side.changes.size() < kMostFactors) side.changes.push_back(change);
  }
  Factors& most = sides[0].changes.size() > sides[1].changes.size() ? sides[0] : sides[1];
  if (most.changes.size() < 2) return std::nullopt;
  return most;
}

Result<Factorial> judge_factorial(const Factors& factors,
                                  std::span<const std::vector<Snapshot>> runs) {
  Factorial result;
  result.on_b = factors.on_b;
  std::vector<std::vector<double>> cpu(runs.size());
  std::vector<std::vector<double>> log_rate(runs.size());
  for (std::size_t mask = 0; mask < runs.size(); ++mask) {
    std::vector<double> rates;
    for (const Snapshot& run : runs[mask]) {
      const auto facts = usable_facts(run);
      if (!facts) continue;
      cpu[mask].push_back(facts->cpu_ns());
      const double rate = (*facts)["throughput.messages_per_second"];
      rates.push_back(rate);
      if (rate > 0) log_rate[mask].push_back(std::log(rate));
    }
    if (cpu[mask].empty())
      return Error{.operation = "tell how the changes act together",
                   .object = {},
                   .why = "a combination of them has no run that can be used"};
    result.settings.push_back({.changes = changes_of(factors, mask),
                               .runs = cpu[mask].size(),
                               .cpu_ns = statistics::mean(cpu[mask]),
                               .per_second = statistics::mean(rates)});
  }
  const auto of_cpu = statistics::factorial_effects(cpu);
  const auto of_rate = statistics::factorial_effects(log_rate);
  for (std::size_t mask = 1; mask < of_cpu.size(); ++mask) {
    Effect effect{.of = changes_of(factors, mask), .cpu_ns = of_cpu[mask], .log_ratio = {}};
    if (!of_rate.empty()) effect.log_ratio = of_rate[mask];
    result.effects.push_back(std::move(effect));
  }
  std::ranges::stable_sort(result.effects, {},
                           [](const Effect& effect) { return effect.of.size(); });
  return result;
}

}  // namespace tr::explain
