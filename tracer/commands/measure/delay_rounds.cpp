#include "commands/measure/delay_rounds.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "metrics/metrics.h"

namespace tr::commands {
namespace {

class DelayMeasurer {
 public:
  DelayMeasurer(const Plan& plan, std::span<const std::uint64_t> delays_ns, compare::Unfit unfit,
                Progress& progress, DelayRounds& made)
      : plan_(plan), unfit_(unfit), progress_(progress), made_(made) {
    std::ranges::copy(delays_ns, std::back_inserter(delays_ns_));
  }

  // How often each stage is passed per message; those that are never passed are left out.
  void try_stages(std::span<const std::string> stages) {
    for (const std::string& stage : stages) {
      const auto run = measure({.stage = stage, .ns = 0}, "trial of " + stage);
      if (!run || made_.stopped) return;
      const auto messages = metrics::compute(*run).messages.count;
      const std::uint64_t passed = run->delays ? run->delays->count : 0;
      if (passed > 0)
        passages_.emplace_back(
            stage, messages ? static_cast<double>(passed) / static_cast<double>(*messages) : 1);
      else if (messages)
        made_.notes.push_back(
            fmt::format("the server never passes the stage {}: nothing was delayed there", stage));
    }
  }

  // False: it is over.
  bool measure_round(std::size_t number, std::size_t rounds) {
    std::vector<DelaySetting> todo;
    for (const auto& [stage, per_message] : passages_)
      for (const std::uint64_t ns : delays_ns_)
        todo.push_back({.stage = stage,
                        .ns = static_cast<std::uint64_t>(
                            std::min(std::round(static_cast<double>(ns) / per_message),
                                     static_cast<double>(kMostDelayNs)))});
    std::ranges::shuffle(todo, engine_);
    std::vector<Snapshot> round;
    for (const DelaySetting& delay : todo) {
      std::optional<Snapshot> run =
          measure(delay, fmt::format("round {} of {}, run {} of {}, {} ns at {}", number, rounds,
                                     round.size() + 1, todo.size(), delay.ns, delay.stage));
      if (!run) return false;
      round.push_back(*std::move(run));
      if (made_.stopped && round.size() < todo.size()) return false;
    }
    if (!round.empty()) made_.rounds.push_back(std::move(round));
    return !todo.empty() && !made_.stopped;
  }

  void note_made_twice() {
    if (again_ > 0)
      made_.notes.push_back(fmt::format("{} runs were made twice; the first: {}", again_, first_));
  }

 private:
  std::optional<Snapshot> measure(const DelaySetting& delay, const std::string& which) {
    plan_.delay = delay;
    Attempts attempts;
    std::optional<Snapshot> run = fit_run(plan_, which, unfit_, progress_, attempts);
    made_.stopped = attempts.stopped;
    made_.failure = std::move(attempts.failure);
    if (!attempts.notes.empty() && ++again_ == 1) first_ = attempts.notes.front();
    plan_.append_output = true;
    return run;
  }

  Plan plan_;
  std::vector<std::uint64_t> delays_ns_{0};  // per message
  const compare::Unfit unfit_;
  Progress& progress_;
  DelayRounds& made_;
  std::mt19937 engine_{std::random_device{}()};
  std::vector<std::pair<std::string, double>> passages_;
  std::size_t again_ = 0;  // runs that were made twice
  std::string first_;
};

}  // namespace

DelayRounds measure_delays(const Plan& plan, std::span<const std::string> stages,
                           std::span<const std::uint64_t> delays_ns, std::size_t rounds,
                           compare::Unfit unfit, Progress& progress, const OnDelayedRun& on_run) {
  DelayRounds made;
  DelayMeasurer measurer(plan, delays_ns, unfit, progress, made);
  measurer.try_stages(stages);
  bool going = !made.stopped && !made.failure;
  for (std::size_t number = 1; going && number <= rounds; ++number) {
    const std::size_t whole = made.rounds.size();
    going = measurer.measure_round(number, rounds);
    if (made.rounds.size() > whole) std::ranges::for_each(made.rounds.back(), on_run);
  }
  progress.lead("");
  progress.clear();
  measurer.note_made_twice();
  if (made.stopped || made.failure)
    made.notes.push_back(fmt::format("{} of {} rounds were made{}", made.rounds.size(), rounds,
                                     made.stopped ? ", as a signal ended it" : ""));
  return made;
}

}  // namespace tr::commands
