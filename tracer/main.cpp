// Assembles the subcommands, nothing more.
#include <CLI/CLI.hpp>

#include "commands/list.h"

int main(int argc, char** argv) {
  CLI::App app("What one message costs your server, and why, from the kernel", "trace-run");
  app.require_subcommand(1);
  tr::commands::ListOptions list_options;
  const CLI::App* list = tr::commands::setup_list(app, list_options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (*list) return tr::commands::run_list(list_options);
  return 0;
}
