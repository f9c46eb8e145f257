#include "commands/measure/repeat.h"

#include <csignal>

#include <fmt/format.h>

namespace tr::commands {
bool stop_waits() {
  sigset_t pending;
  return ::sigpending(&pending) == 0 &&
         (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
          sigismember(&pending, SIGHUP) == 1);
}

Repeats measure_repeats(const Plan& plan, std::uint64_t repeats, Progress& progress,
                        const OnRun& on_run) {
  Repeats made;
  Plan each = plan;
  for (std::uint64_t number = 1; number <= repeats && !made.stopped; ++number) {
    progress.lead(fmt::format("run {} of {}: ", number, repeats));
    auto measured = measure(each, progress, FirstInterrupt::kFinishRun);
    if (!measured) {
      made.failure = std::move(measured).error();
      break;
    }
    made.stopped = number < repeats && (measured->stop_asked || stop_waits());
    made.runs.push_back(*std::move(measured));
    progress.clear();
    if (on_run)
      if (Status kept = on_run(made.runs.back()); !kept) {
        made.failure = std::move(kept).error();
        break;
      }
    each.append_output = true;
  }
  progress.lead("");
  progress.clear();
  return made;
}

}  // namespace tr::commands
