// Where do the reports go, and in which forms?
//
// The options and the writing that every command with a snapshot in its hands shares.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr::commands {

struct OutputOptions {
  std::string json;      // file; "-": standard output; empty: none
  std::string markdown;  // as above
  bool syscalls = false;
  bool threads = false;
  bool cross_check = false;
  bool quiet = false;  // nothing on the terminal but errors
};

// Adds --json, --markdown, --syscalls, --threads, --cross-check and --quiet. The options must
// outlive the parsing.
void add_output_options(CLI::App& app, OutputOptions& options);

// Whether the options make sense together; to be asked before anything is measured.
Status check_output_options(const OutputOptions& options);

// Writes every report that was asked for: the files first, then the terminal's to standard output,
// unless a file took that. Coloured only on a terminal, and not when NO_COLOR is set.
Status write_reports(const Snapshot& snapshot, const OutputOptions& options);

}  // namespace tr::commands
