#include "commands/report.h"

#include <CLI/CLI.hpp>

#include "snapshot/snapshot_file.h"

namespace tr::commands {

CLI::App* setup_report(CLI::App& app, ReportOptions& options) {
  CLI::App* const report =
      app.add_subcommand("report", "Report again on a run that was recorded in a file");
  report->add_option("file", options.file, "The recorded run")->type_name("FILE")->required();
  add_output_options(*report, options.output);
  return report;
}

Status run_report(const ReportOptions& options) {
  if (Status status = check_output_options(options.output); !status) return status;
  const Result<Snapshot> snapshot = load_snapshot(options.file);
  if (!snapshot) return snapshot.error();
  return write_reports(*snapshot, options.output);
}

}  // namespace tr::commands
