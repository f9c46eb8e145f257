// `trace-run report RUN`: every form of report again, from a recorded snapshot, without privilege.
#pragma once

#include <string>

#include "commands/output.h"
#include "commands/parser.h"

namespace tr::commands {

struct ReportOptions {
  std::string run;  // a file, or a selector of stored runs
  std::string db;
  OutputOptions output;
};

// Adds the subcommand; it runs while `app` parses and leaves its exit code in `exit_code`.
void setup_report(App& app, int& exit_code);

// Returns the exit code.
int run_report(const ReportOptions& options);

}  // namespace tr::commands
