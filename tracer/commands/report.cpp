#include "commands/report.h"

#include <memory>

#include "commands/command.h"
#include "commands/parser.h"
#include "commands/run_store.h"

namespace tr::commands {

void setup_report(App& app, int& exit_code) {
  App command =
      app.add_subcommand("report", "Report again on a run from a file, or on a stored one");
  auto options = std::make_shared<ReportOptions>();
  command
      ->add_option("run", options->run,
                   "A file of --save (-: standard input); or a stored run, as trace-run runs "
                   "--help says")
      ->type_name("RUN")
      ->required();
  add_db_option(command, options->db);
  add_output_options(command, options->output);
  command->callback([options, &exit_code] { exit_code = run_report(*options); });
}

int run_report(const ReportOptions& options) {
  if (const Status sound = check_output_options(options.output); !sound)
    return report(sound.error());
  const Result<Snapshot> snapshot = only_run(runs_of(options.run, options.db), options.run);
  if (!snapshot) return report(snapshot.error());
  const Status written = write_reports(*snapshot, options.output);
  return written ? 0 : report(written.error());
}

}  // namespace tr::commands
