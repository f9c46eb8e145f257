#include "commands/report.h"

#include <memory>

#include "commands/command.h"
#include "snapshot/snapshot_file.h"

namespace tr::commands {

void setup_report(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("report", "Report again on a run that was recorded in a file");
  auto options = std::make_shared<ReportOptions>();
  command->add_option("file", options->file, "The recorded run (-: from standard input)")
      ->type_name("FILE")
      ->required();
  add_output_options(*command, options->output);
  command->callback([options, &exit_code] { exit_code = run_report(*options); });
}

int run_report(const ReportOptions& options) {
  if (const Status sound = check_output_options(options.output); !sound)
    return report(sound.error());
  const Result<Snapshot> snapshot = load_snapshot(options.file);
  if (!snapshot) return report(snapshot.error());
  const Status written = write_reports(*snapshot, options.output);
  return written ? 0 : report(written.error());
}

}  // namespace tr::commands
