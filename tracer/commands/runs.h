// `trace-run runs`: which runs are stored? And what is done with them: shown, tagged, removed,
// taken out and in as files.
#pragma once

#include <string>
#include <vector>

#include "commands/output.h"
#include "commands/parser.h"

namespace tr::commands {

// Of the command itself and of all below it.
struct RunsOptions {
  std::string db;
  std::size_t most = 20;  // runs that are listed; 0: all
  bool json = false;
  std::string selector;
  std::string tag;
  std::string file;                // to be written; "-": standard output
  std::vector<std::string> files;  // to be read
  OutputOptions output;
};

// Adds the subcommand; it runs while `app` parses and leaves its exit code in `exit_code`.
void setup_runs(App& app, int& exit_code);

// Each returns the exit code.
int list_runs(const RunsOptions& options);
int show_run(const RunsOptions& options);
int tag_runs(const RunsOptions& options);
int untag_runs(const RunsOptions& options);
int remove_runs(const RunsOptions& options);
int export_runs(const RunsOptions& options);
int import_runs(const RunsOptions& options);

}  // namespace tr::commands
