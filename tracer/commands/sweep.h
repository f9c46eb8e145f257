// `trace-run sweep`: servers under many loads, ranked.
#pragma once

#include <string>

#include "commands/parser.h"
#include "commands/run.h"
#include "commands/sweep_plan.h"

namespace tr::commands {

struct SweepOptions {
  SweepAxes axes;
  RunOptions run;
  std::uint64_t repeats = 3;
  std::uint64_t order_seed = 1;
  std::string out;         // folder of the runs
  std::string from;        // the same, to report on what is there
  std::string json;        // files; "-": standard output; empty: none
  std::string csv;         // as above
  std::string markdown;    // as above
  std::string report_dir;  // folder of the servers' pages; empty: none
  bool verbose = false;
  bool quiet = false;
};

// Adds the subcommand; it runs while `app` parses and leaves its exit code in `exit_code`.
void setup_sweep(App& app, int& exit_code);

}  // namespace tr::commands
