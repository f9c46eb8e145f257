// Assembles the subcommands, nothing more.
#include <string>
#include <utility>
#include <vector>

#include "commands/command.h"
#include "commands/compare.h"
#include "commands/doctor.h"
#include "commands/explain.h"
#include "commands/help.h"
#include "commands/list.h"
#include "commands/load.h"
#include "commands/parser.h"
#include "commands/report.h"
#include "commands/run.h"
#include "commands/runs.h"
#include "commands/sweep.h"

int main(int argc, char** argv) {
  tr::commands::App app("What one message costs your server, and why, from the kernel",
                        "trace-run");
  app.version("trace-run " TRACE_RUN_VERSION);
  int exit_code = 0;
  tr::commands::RunOptions options;
  tr::commands::set_help_format(app);
  tr::commands::setup_load(app, exit_code);
  tr::commands::setup_report(app, exit_code);
  tr::commands::setup_compare(app, options.program, exit_code);
  tr::commands::setup_explain(app, options.program, exit_code);
  tr::commands::setup_sweep(app, exit_code);
  tr::commands::setup_doctor(app, exit_code);
  tr::commands::setup_list(app, exit_code);
  tr::commands::setup_runs(app, exit_code);
  // Last, because subcommands inherit from `app`, and must not take any words that are left over.
  tr::commands::setup_run(app, options);
  // Even if it is named like a subcommand.
  std::vector<std::string> words(argv + 1, argv + argc);
  options.program = tr::commands::take_program(words);
  if (!app.parse_or_tell(std::move(words), exit_code) || app.has_given_subcommand())
    return exit_code;
  return tr::commands::run(app, options);
}
