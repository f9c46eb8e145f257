// Assembles the subcommands, nothing more.
#include <cstdio>
#include <cstdlib>

#include <CLI/CLI.hpp>

#include "commands/report.h"

int main(int argc, char** argv) {
  CLI::App app("What one message costs your server, and why, from the kernel", "trace-run");
  app.require_subcommand(1);
  tr::commands::ReportOptions report_options;
  CLI::App* const report = tr::commands::setup_report(app, report_options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : static_cast<int>(tr::Failure::kUsage);
  }
  tr::Status status;
  if (report->parsed()) status = tr::commands::run_report(report_options);
  if (status) return EXIT_SUCCESS;
  std::fprintf(stderr, "trace-run: %s\n", status.error().text().c_str());
  return static_cast<int>(status.error().failure);
}
