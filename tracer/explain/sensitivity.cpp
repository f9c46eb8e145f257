#include "explain/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "metrics/figures.h"
#include "metrics/verdict.h"
#include "statistics/fit.h"

namespace tr::explain {
namespace {

// Half way, in threads, between 1 that is the bottleneck and 2 that share it; and what a stage may
// have of it and still be called slack.
constexpr double kWhole = 0.75;
constexpr double kMore = 1.25;
constexpr double kNothing = 0.25;
// What is wider than the way from slack to bottleneck is noise, wherever it lies.
constexpr double kTellsNothing = 1;
// An interval so far to either side tells 0, 1/2 and 1 from each other.
constexpr double kTells = 0.2;
constexpr double kMostRounds = 1000;

Place place_of(const statistics::Estimate& slope) {
  if (!slope.interval) return Place::kUndecided;
  const auto [low, high] = *slope.interval;
  if (high - low > kTellsNothing) return Place::kUndecided;
  if (high < kNothing && (low <= 0 || high < kNothing / 2)) return Place::kSlack;
  if (low > kMore) return Place::kMultiplied;
  if (low > kWhole) return Place::kBottleneck;
  if (low > 0 && high < 1) return Place::kShared;
  return Place::kUndecided;
}

// The interval is narrower by the square root of how many more there are.
std::optional<std::uint64_t> rounds_needed(const statistics::Estimate& slope, std::size_t rounds) {
  if (!slope.interval) return std::nullopt;
  const double to_side = (slope.interval->high - slope.interval->low) / 2;
  const double needed =
      std::ceil(static_cast<double>(rounds) * std::pow(std::max(to_side / kTells, 1.5), 2));
  if (!(needed <= kMostRounds)) return std::nullopt;
  return static_cast<std::uint64_t>(needed);
}

std::optional<DelayedRun> delayed_run(const Snapshot& run, const metrics::Metrics& metrics) {
  const auto rate = metrics::throughput(metrics);
  if (!run.config.delay || !run.delays || !metrics.messages.count || !rate || *rate <= 0)
    return std::nullopt;
  const auto messages = static_cast<double>(*metrics.messages.count);
  DelayedRun made{.asked_ns = run.config.delay->ns,
                  .delay_ns = static_cast<double>(run.delays->ns) / messages,
                  .delays = static_cast<double>(run.delays->count) / messages,
                  .answer_ns = 1e9 / *rate,
                  .cpu_ns = std::nullopt};
  if (metrics.total.cpu_ns) made.cpu_ns = *metrics.total.cpu_ns / messages;
  return made;
}

void judge_stage(StageSensitivity& stage) {
  std::vector<statistics::PointList> answers;
  std::vector<statistics::PointList> cpu;
  std::vector<double> delays;
  for (const std::vector<DelayedRun>& round : stage.rounds) {
    auto& answers_here = answers.emplace_back();
    auto& cpu_here = cpu.emplace_back();
    for (const DelayedRun& run : round) {
      delays.push_back(run.delays);
      answers_here.emplace_back(run.delay_ns, run.answer_ns);
      if (run.cpu_ns) cpu_here.emplace_back(run.delay_ns, *run.cpu_ns);
    }
  }
  stage.delays = statistics::mean(delays);
  if (stage.delays == 0) {
    stage.place = Place::kNeverThere;
    return;
  }
  if (const auto slope = statistics::common_slope(answers)) {
    stage.answer = *slope;
    stage.place = place_of(*slope);
    if (stage.place == Place::kUndecided)
      stage.rounds_needed = rounds_needed(*slope, stage.rounds.size());
  }
  stage.cpu = statistics::common_slope(cpu);
}

}  // namespace

Result<Sensitivity> sensitivity(std::span<const std::vector<Snapshot>> rounds,
                                compare::Unfit unfit) {
  Sensitivity result;
  const bool use_unfit = unfit == compare::Unfit::kUse;
  result.uses_unfit = use_unfit;
  result.rounds = rounds.size();
  std::map<std::string, StageSensitivity> stages;
  std::vector<double> answers;
  std::vector<double> in_use;
  for (const std::vector<Snapshot>& round : rounds) {
    std::map<std::string, std::vector<DelayedRun>> here;
    for (const Snapshot& run : round) {
      if (!run.config.delay) continue;
      if (result.server.empty()) result.server = run.config.server;
      if (run.config.server != result.server)
        return Error{.operation = "tell the sensitivity of",
                     .object = result.server,
                     .why = "a run is of another server: " + run.config.server,
                     .remedy = "give runs of one server"};
      const metrics::Metrics metrics = metrics::compute(run);
      const metrics::Verdict verdict = metrics::verdict_on(metrics::doubts_about(run, metrics));
      if (!verdict.fit()) {
        ++result.unfit[verdict.unfit.front()];
        if (!use_unfit) continue;
      }
      const auto made = delayed_run(run, metrics);
      if (!made) continue;
      ++result.runs;
      here[run.config.delay->stage].push_back(*made);
      if (made->asked_ns > 0) continue;
      answers.push_back(made->answer_ns);
      if (made->cpu_ns) in_use.push_back(*made->cpu_ns / made->answer_ns);
    }
    for (auto& [stage, runs] : here)
      stages[stage].rounds.push_back(std::move(runs));
  }
  if (result.runs == 0) {
    const bool saturated = result.unfit.contains(metrics::Doubt::Kind::kLoadSaturated);
    return Error{.operation = "tell the sensitivity of",
                 .object = result.server.empty() ? "these runs" : result.server,
                 .why = saturated ? "the load generator was the limit of its runs: there is slack "
                                    "at every stage"
                        : result.unfit.empty() ? "no run has both a delay and messages"
                                               : "no run with a delay is fit to be compared",
                 .remedy = saturated ? "give the load more CPUs with --pin-load, or the server "
                                       "fewer with --pin"
                                     : "trace-run explain SERVER --sensitivity makes the runs"};
  }
  result.answer_ns = statistics::mean(answers);
  if (!in_use.empty()) result.cpus_in_use = statistics::mean(in_use);
  for (const std::string_view name : kDelayStages)
    if (auto found = stages.extract(std::string(name))) {
      found.mapped().stage = name;
      judge_stage(found.mapped());
      result.stages.push_back(std::move(found.mapped()));
    }
  return result;
}

}  // namespace tr::explain
