#include "commands/measure/settings.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "commands/measure/change.h"

namespace tr::commands {
namespace {

Result<Plan> with_changes(Plan plan, std::span<const explain::Change> changes, std::size_t mask) {
  std::vector<explain::Change> wanted;
  for (std::size_t i = 0; i < changes.size(); ++i)
    if ((mask >> i & 1) != 0) wanted.push_back(changes[i]);
  // Whose measure is the number of CPUs comes before the change of that number.
  std::ranges::sort(wanted, std::greater());
  for (const explain::Change change : wanted) {
    auto other = changed(std::move(plan), change);
    if (!other) return std::move(other).error();
    plan = *std::move(other);
  }
  return plan;
}

}  // namespace

Result<SettingRuns> measure_settings(const Plan& base, std::span<const explain::Change> changes,
                                     std::size_t repeats, compare::Unfit unfit, Progress& progress,
                                     const OnSettingRun& on_run) {
  const std::size_t settings = std::size_t{1} << changes.size();
  std::vector<Plan> plans;
  for (std::size_t mask = 0; mask < settings; ++mask) {
    auto plan = with_changes(base, changes, mask);
    if (!plan) return std::move(plan).error();
    plan->append_output = true;
    plans.push_back(*std::move(plan));
  }
  SettingRuns made;
  made.runs.resize(settings);
  std::vector<std::size_t> order(settings);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937 engine(std::random_device{}());
  std::size_t number = 0;
  for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
    std::ranges::shuffle(order, engine);
    for (const std::size_t mask : order) {
      auto run = fit_run(
          plans[mask], fmt::format("changes together, run {} of {}", ++number, repeats * settings),
          unfit, progress, made);
      if (run) {
        on_run(mask, *run);
        made.runs[mask].push_back(*std::move(run));
      }
      if (made.stopped || made.failure) break;
    }
    if (made.stopped || made.failure) break;
  }
  progress.lead({});
  progress.clear();
  return made;
}

}  // namespace tr::commands
