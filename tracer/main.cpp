#include <CLI/CLI.hpp>

#include "commands/command.h"
#include "commands/report.h"

int main(int argc, char** argv) {
  CLI::App app("What one message costs your server, and why, from the kernel", "trace-run");
  app.set_version_flag("--version", "trace-run " TRACE_RUN_VERSION);
  app.require_subcommand(1);
  int exit_code = 0;
  tr::commands::setup_report(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return tr::commands::report(app, error);
  }
  return exit_code;
}
