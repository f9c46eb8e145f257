// `trace-run load HOST:PORT`: the load generator alone, or as the process that trace-run starts.
#pragma once

#include <string>

#include "commands/parser.h"
#include "load/settings.h"

namespace tr::commands {

struct LoadOptions {
  load::Settings settings;
  std::string json;  // write the result there too; empty: do not
  int control_fd =
      -1;  // talk to the trace-run at its other end instead of the user (load/control.h)
};

// Adds the subcommand; it runs while `app` parses and leaves its exit code in `exit_code`.
void setup_load(App& app, int& exit_code);

// Returns the exit code.
int run_load(const LoadOptions& options);

}  // namespace tr::commands
