// `trace-run compare A B`: what differs between two sets of runs, measured now or before?
#pragma once

#include <string>
#include <vector>

#include "commands/parser.h"
#include "commands/run.h"

namespace tr::commands {

struct CompareOptions {
  std::vector<std::string> runs;  // A and B; or A's alone, with `others`
  std::vector<std::string> others;
  bool paired = false;
  std::size_t pairs = 6;
  std::vector<std::string> fail_if;
  bool force = false;
  std::string save;  // what the files' names begin with
  DocumentOptions document;
  RunOptions run;  // of both sides, where they are measured
};

// Adds the subcommand; it runs while `app` parses and leaves its exit code in `exit_code`.
// `program` is what stands behind "--", with it; it must be there when `app` parses.
void setup_compare(App& app, const std::vector<std::string>& program, int& exit_code);

}  // namespace tr::commands
