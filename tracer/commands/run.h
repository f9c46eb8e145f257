// `trace-run [OPTIONS] PROGRAM [ARGUMENTS]`: the main job, and the command when no other is named.
#pragma once

#include <string>
#include <vector>

#include "commands/measure/plan.h"
#include "commands/output.h"
#include "commands/parser.h"
#include "commands/run_repeats.h"
#include "commands/run_store.h"
#include "util/result.h"

namespace tr::commands {

struct RunOptions {
  std::vector<std::string> program;  // and its arguments: from "--" on, where there is one
  std::string pid;
  std::string port;
  std::string ready_timeout;
  std::string pin;
  std::string load;  // "echo", "http", "none", a command; empty: as fits the program
  std::vector<std::string> events;
  std::string bare;  // "500ms"
  std::string max_threads;
  std::string profile;  // samples per second
  std::string delay;    // "receive=500ns"
  Plan plan;            // what the options set directly
  RepeatOptions repeats;
  OutputOptions output;
  KeepOptions store;
};

// Makes `app` itself the run command: its options, and what is left over as the program.
void setup_run(App& app, RunOptions& options);

// The options that say which run it is to be, and not what becomes of it: without --pid, --save and
// those of the report.
void add_plan_options(App& app, RunOptions& options);

// Adds the words that give an option what `option` was given, under the name `as` (no dashes).
void repeat_option(Option option, const std::string& as, std::vector<std::string>& words);

// What follows "--" is the program's alone: takes it out of `words`, with the "--".
std::vector<std::string> take_program(std::vector<std::string>& words);
// After parsing, makes that, and what stood before it and was no option, the program.
void join_program(const App& app, RunOptions& options);

// Checks the options against each other and this machine. Errors are usage errors.
Result<Plan> plan_run(const App& app, const RunOptions& options);

// Measures and reports; the exit code.
int run(const App& app, RunOptions& options);

}  // namespace tr::commands
