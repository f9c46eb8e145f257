#include "commands/measure/fit_run.h"

#include <utility>

#include <fmt/format.h>

#include "commands/measure/repeat.h"
#include "metrics/verdict.h"
#include "report/warnings.h"

namespace tr::commands {

std::optional<std::string> unfit_for(const Snapshot& run) {
  const metrics::Verdict verdict = metrics::judge(run);
  if (verdict.fit()) return std::nullopt;
  return report::unfit_text(verdict);
}

std::optional<std::string> unfit_for(const Measured& run) {
  return run.failure ? run.failure->text() : unfit_for(run.snapshot);
}

std::optional<Snapshot> fit_run(const Plan& plan, const std::string& which, compare::Unfit unfit,
                                Progress& progress, Attempts& attempts) {
  const int tries = unfit == compare::Unfit::kUse ? 1 : 2;
  for (int made = 1; made <= tries; ++made) {
    const bool last = made == tries;
    progress.lead(which + ": ");
    Result<Measured> run = measure(plan, progress);
    std::optional<std::string> why;
    if (run) {
      if (run->snapshot.interrupted) {
        attempts.stopped = true;
        return std::nullopt;
      }
      // A signal that came when the window was closed ends what follows, and not this run.
      attempts.stopped = run->stop_asked || stop_waits();
      why = unfit_for(*run);
      if (attempts.stopped && why && !last) return std::nullopt;
      if (!why || last) {
        if (why && made > 1)
          attempts.notes.push_back(fmt::format("{} was unfit again: {}", which, *why));
        return std::move(run->snapshot);
      }
    } else {
      if (run.error().interrupted) {
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
        fmt::format("{} was made again, as the first was unfit: {}", which, *why));
  }
  return std::nullopt;
}

}  // namespace tr::commands
