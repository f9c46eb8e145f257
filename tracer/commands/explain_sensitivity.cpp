#include "commands/explain_sensitivity.h"

#include <utility>

#include <fmt/format.h>

#include "commands/delay_option.h"
#include "commands/measure/delay_rounds.h"
#include "explain/sensitivity.h"
#include "report/sensitivity.h"

namespace tr::commands {
namespace {

Status check_plan(const Plan& plan) {
  if (plan.attach) return usage_error("--sensitivity needs a fresh process for each run");
  if (plan.load_kind == LoadKind::kNone)
    return usage_error("--sensitivity: without a load there is no throughput to answer",
                       "give a --load");
  if (plan.delay) return usage_error("--sensitivity puts in delays of its own: leave out --delay");
  if (plan.counts_only || !plan.budget)
    return usage_error("--sensitivity needs what --counts-only and --no-budget leave out");
  return {};
}

}  // namespace

Status explain_sensitivity(const Plan& plan, const SensitivityOptions& options, Progress& progress,
                           const DocumentOptions& document) {
  if (Status sound = check_plan(plan); !sound) return sound;
  std::vector<std::string> named(kDelayStages.begin(), kDelayStages.end());
  if (options.stages != "true") {
    auto parsed = parse_stages("--sensitivity", options.stages);
    if (!parsed) return std::move(parsed).error();
    named = *std::move(parsed);
  }
  const auto delays = parse_delays(options.delays);
  if (!delays) return delays.error();
  RunKeeper keeper(options.store);
  DelayRounds made = measure_delays(
      plan, named, *delays, options.rounds, options.unfit, progress, [&](const Snapshot& run) {
        keeper.keep(fmt::format("{}={}", run.config.delay->stage, run.config.delay->ns), run,
                    unfit_for(run));
      });
  if (made.rounds.empty()) {
    if (made.failure) return *std::move(made.failure);
    if (made.stopped)
      return Error{.why = "interrupted before a round was whole: there is nothing to report"};
    return Error{.operation = "delay",
                 .object = plan.name,
                 .why = "it passes none of these stages",
                 .remedy = "trace-run --delay STAGE=0ns counts how often one is passed"};
  }
  const auto found = explain::sensitivity(made.rounds, options.unfit);
  if (!found) return found.error();
  if (made.failure) made.notes.push_back(made.failure->text());
  return write_document(report::SensitivityReport{*found, std::move(made.notes)}, document);
}

Status explain_sensitivity(std::vector<Snapshot> runs, compare::Unfit unfit,
                           const DocumentOptions& document) {
  std::vector<std::vector<Snapshot>> one_round;
  one_round.push_back(std::move(runs));
  const auto found = explain::sensitivity(one_round, unfit);
  if (!found) return found.error();
  return write_document(report::SensitivityReport{*found, {}}, document);
}

}  // namespace tr::commands
