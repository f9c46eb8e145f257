// Where do the reports go, and in which forms?
//
// The options and the writing that every command with a snapshot in its hands shares.
#pragma once

#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "report/judged_repeats.h"
#include "report/text.h"
#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr::commands {

// As a file's name: standard output.
inline constexpr std::string_view kStandardOutput = "-";

struct OutputOptions {
  std::string json;      // file; "-": standard output; empty: none
  std::string markdown;  // as above
  std::string folded;    // as above; both need stacks
  std::string pprof;
  std::string save;  // as above: the snapshot itself; for commands that have measured one
  bool syscalls = false;
  bool threads = false;
  bool cross_check = false;
  bool verbose = false;  // all that there is to show, and what others counted
  bool quiet = false;    // nothing on the terminal but errors
};

// Adds --json, --markdown, --folded, --pprof, --syscalls, --threads, --cross-check, --verbose and
// --quiet; --save is for who measures. The options must outlive the parsing.
void add_output_options(CLI::App& app, OutputOptions& options);

// How the terminal takes text: coloured only on a terminal, and not when NO_COLOR is set.
report::TextStyle terminal_style();

// Writes a whole file, or to standard output.
Status write_output(const std::string& file, std::string_view content);

// Whether write_output() could begin to; an empty name is fine.
Status check_output(const std::string& file);

// Whether the options make sense together and the files can be written; to be asked before anything
// is measured.
Status check_output_options(const OutputOptions& options);

// Writes every report that was asked for: the files first, then the terminal's to standard output,
// unless a file took that.
Status write_reports(const Snapshot& snapshot, const OutputOptions& options);
// The same of several runs, where --save, --folded and --pprof are of no concern.
Status write_reports(const report::JudgedRepeats& repeats, const OutputOptions& options);

}  // namespace tr::commands
