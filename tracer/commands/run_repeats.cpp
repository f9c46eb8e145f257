#include "commands/run_repeats.h"

#include <fmt/format.h>

#include "commands/command.h"
#include "commands/measure/fit_run.h"
#include "commands/measure/repeat.h"
#include "report/repeats.h"
#include "snapshot/snapshot_file.h"
#include "util/text.h"

namespace tr::commands {
namespace {

constexpr std::uint64_t kMostRepeats = 1'000;

std::string numbered(const std::string& file, std::size_t number) {
  return fmt::format("{}-{}", file, number);
}

report::JudgedRepeats judge(const Repeats& made, std::uint64_t asked) {
  report::JudgedRepeats repeats;
  repeats.asked = asked;
  for (const Measured& run : made.runs)
    repeats.add(run.snapshot, run.failure ? run.failure->text() : "");
  repeats.sum_up();
  return repeats;
}

// What is wrong with the runs, if it is enough to fail.
Status check_fitness(const report::JudgedRepeats& repeats, const Repeats& made, bool strict) {
  const std::size_t count = repeats.runs.size();
  if (repeats.fit == count || (repeats.fit > 0 && !strict)) return {};
  if (repeats.fit == 0)
    for (const Measured& run : made.runs)
      if (run.failure) return *run.failure;
  if (repeats.fit == 0)
    return unfit_error(
        fmt::format("none of {} runs is fit to be compared: there are no means", count));
  return unfit_error(
      fmt::format("{} of {} runs are not fit to be compared", count - repeats.fit, count));
}

}  // namespace

Error unfit_error(std::string why) {
  return Error{.failure = Failure::kUnfit,
               .why = std::move(why),
               .remedy = "the report's warnings say what to change"};
}

Result<std::uint64_t> check_repeats(const RepeatOptions& options, const Plan& plan,
                                    const OutputOptions& output) {
  if (options.repeat.empty()) return std::uint64_t{1};
  const auto repeats = parse_u64(options.repeat);
  if (!repeats || *repeats == 0 || *repeats > kMostRepeats)
    return usage_error(
        fmt::format("--repeat: \"{}\" is not a number from 1 to {}", options.repeat, kMostRepeats));
  if (plan.attach)
    return usage_error("--repeat starts a fresh process for each run, --pid has one that runs",
                       "leave out --repeat, or give the program instead of --pid");
  if (!output.folded.empty() || !output.pprof.empty())
    return usage_error("--folded and --pprof write the stacks of one run, not of --repeat",
                       "save the runs with --save, and give the option to trace-run report");
  if (output.threads || output.cross_check)
    return usage_error("--threads and --cross-check show one run, not those of --repeat",
                       "save the runs with --save, and give the option to trace-run report");
  if (output.save == kStandardOutput)
    return usage_error("--save: several runs do not go to standard output", "name a file");
  if (!output.save.empty())
    for (std::size_t number = 1; number <= *repeats; ++number)
      if (Status writable = check_output(numbered(output.save, number)); !writable)
        return std::move(writable).error();
  return *repeats;
}

int run_repeats(const Plan& plan, std::uint64_t repeats, bool strict, const OutputOptions& output,
                const KeepOptions& keep) {
  Progress progress(!output.quiet);
  std::size_t number = 0;
  RunKeeper keeper(keep);
  const Repeats made = measure_repeats(plan, repeats, progress, [&](const Measured& run) {
    ++number;
    keeper.keep("", run.snapshot, unfit_for(run));
    return output.save.empty()
               ? Status()
               : write_output(numbered(output.save, number), encode_snapshot(run.snapshot));
  });
  if (made.runs.empty()) return report(*made.failure);
  const report::JudgedRepeats judged = judge(made, repeats);
  if (const Status written = write_reports(judged, output); !written)
    return report(written.error());
  if (made.failure) return report(*made.failure);
  const Status fitness = check_fitness(judged, made, strict);
  return fitness ? 0 : report(fitness.error());
}

}  // namespace tr::commands
