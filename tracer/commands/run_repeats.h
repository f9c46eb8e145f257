// `trace-run --repeat N PROGRAM`: the run command, several times over.
#pragma once

#include <cstdint>
#include <string>

#include "commands/measure/measure.h"
#include "commands/output.h"
#include "commands/run_store.h"
#include "util/result.h"

namespace tr::commands {

struct RepeatOptions {
  std::string repeat;   // how often; empty: once, and the report is that of the run
  bool strict = false;  // an unfit run is a failure
};

// How often, and whether that makes sense with the rest; errors are usage errors.
Result<std::uint64_t> check_repeats(const RepeatOptions& options, const Plan& plan,
                                    const OutputOptions& output);

// Measures and reports; the exit code. What --save names gets "-1", "-2"... behind it.
// The runs that are kept are one group.
int run_repeats(const Plan& plan, std::uint64_t repeats, bool strict, const OutputOptions& output,
                const KeepOptions& keep);

// The end of a run that cannot be held against others.
Error unfit_error(std::string why);

}  // namespace tr::commands
