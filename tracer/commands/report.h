// `trace-run report FILE`: every form of report again, from a recorded snapshot, without privilege.
#pragma once

#include <string>

#include "commands/output.h"
#include "util/result.h"

namespace tr::commands {

struct ReportOptions {
  std::string file;
  OutputOptions output;
};

// Adds the subcommand to `app`; run_report() is to be called when it was the one parsed.
CLI::App* setup_report(CLI::App& app, ReportOptions& options);
Status run_report(const ReportOptions& options);

}  // namespace tr::commands
