// Assembles the subcommands, nothing more.
#include <CLI/CLI.hpp>

#include "commands/doctor.h"
#include "util/result.h"

int main(int argc, char** argv) {
  CLI::App app("What one message costs your server, and why, from the kernel", "trace-run");
  app.require_subcommand(1);
  int exit_code = 0;
  tr::commands::setup_doctor(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(tr::Failure::kUsage);
  }
  return exit_code;
}
