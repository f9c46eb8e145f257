#include "commands/measure/fit_run.h"

#include <utility>

#include <fmt/format.h>

#include "commands/measure/repeat.h"
#include "metrics/verdict.h"
#include "report/warnings.h"

namespace tr::commands {
namespace {

// Why the run may not be compared; empty if it may.
std::string unfit(const Measured& run) {
  if (run.failure) return run.failure->text();
  return report::unfit_text(metrics::judge(run.snapshot));
}

}  // namespace

std::optional<Snapshot> fit_run(const Plan& plan, const std::string& which, Progress& progress,
                                Attempts& attempts, int tries) {
  for (int made = 1; made <= tries; ++made) {
    const bool last = made == tries;
    progress.lead(which + ": ");
    Result<Measured> run = measure(plan, progress);
    std::string why;
    if (run) {
      if (run->snapshot.interrupted) {
        attempts.stopped = true;
        return std::nullopt;
      }
      // A signal that came when the window was closed ends what follows, and not this run.
      attempts.stopped = run->stop_asked || stop_waits();
      why = unfit(*run);
      if (attempts.stopped && !why.empty() && !last) return std::nullopt;
      if (why.empty() || last) {
        if (!why.empty() && made > 1)
          attempts.notes.push_back(fmt::format("{} was unfit again: {}", which, why));
        return std::move(run->snapshot);
      }
    } else {
      if (was_interrupted(run.error())) {
        attempts.stopped = true;
        return std::nullopt;
      }
      why = run.error().text();
      // What is wrong before anything runs is wrong the next time too.
      if (last || run.error().failure != Failure::kRun) {
        attempts.failure = std::move(run).error();
        return std::nullopt;
      }
    }
    attempts.notes.push_back(
        fmt::format("{} was made again, as the first was unfit: {}", which, why));
  }
  return std::nullopt;
}

}  // namespace tr::commands
