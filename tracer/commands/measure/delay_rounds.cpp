#include "commands/measure/delay_rounds.h"

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <utility>

#include <fmt/format.h>

namespace tr::commands {
namespace {

constexpr std::array<std::uint64_t, 4> kDelaysNs{0, 250, 500, 1'000};

// The stages at which a run of the round was.
std::vector<std::string> stages_met(std::span<const std::string> stages,
                                    std::span<const Snapshot> round) {
  std::vector<std::string> met;
  for (const std::string& stage : stages)
    if (std::ranges::any_of(round, [&](const Snapshot& run) {
          return run.config.delay && run.config.delay->stage == stage && run.delays &&
                 run.delays->count > 0;
        }))
      met.push_back(stage);
  return met;
}

}  // namespace

DelayRounds measure_delays(const Plan& plan, std::span<const std::string> stages,
                           std::size_t rounds, bool use_unfit, Progress& progress) {
  DelayRounds made;
  std::mt19937 engine(std::random_device{}());
  std::vector<std::string> met(stages.begin(), stages.end());
  Plan each = plan;
  std::size_t again = 0;  // runs that were made twice
  std::string first_again;
  while (made.rounds.size() < rounds && !met.empty() && !made.stopped && !made.failure) {
    std::vector<DelaySetting> todo;
    for (const std::string& stage : met)
      for (const std::uint64_t ns : kDelaysNs)
        todo.push_back({.stage = stage, .ns = ns});
    std::ranges::shuffle(todo, engine);
    std::vector<Snapshot> round;
    for (const DelaySetting& delay : todo) {
      each.delay = delay;
      const std::string which =
          fmt::format("round {} of {}, run {} of {}, {} ns at {}", made.rounds.size() + 1, rounds,
                      round.size() + 1, todo.size(), delay.ns, delay.stage);
      Attempts attempts;
      std::optional<Snapshot> run = fit_run(each, which, progress, attempts, use_unfit ? 1 : 2);
      made.stopped = attempts.stopped;
      made.failure = std::move(attempts.failure);
      if (!attempts.notes.empty() && ++again == 1) first_again = attempts.notes.front();
      if (!run) break;
      each.append_output = true;
      round.push_back(*std::move(run));
    }
    if (round.size() < todo.size()) break;
    if (made.rounds.empty()) met = stages_met(met, round);
    made.rounds.push_back(std::move(round));
  }
  progress.lead("");
  progress.clear();
  if (again > 0)
    made.notes.push_back(fmt::format("{} runs were made twice; the first: {}", again, first_again));
  if (made.rounds.size() < rounds && !met.empty())
    made.notes.push_back(fmt::format("{} of {} rounds were made{}", made.rounds.size(), rounds,
                                     made.stopped ? ", as a signal ended it" : ""));
  return made;
}

}  // namespace tr::commands
