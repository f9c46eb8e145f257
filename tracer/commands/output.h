// Where do the reports go, and in which forms?
//
// The options and the writing that every command with a snapshot in its hands shares.
#pragma once

#include <string>
#include <string_view>

#include "commands/command.h"
#include "commands/parser.h"
#include "report/judged_repeats.h"
#include "report/markdown.h"
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
void add_output_options(App& app, OutputOptions& options);

// For commands whose report is of several runs: a comparison, an explanation.
struct DocumentOptions {
  std::string json;  // as above
  std::string markdown;
  bool verbose = false;
  bool quiet = false;
};

// Adds --json, --markdown, --verbose (which shows `verbose`) and --quiet for a report that is
// called `what`.
void add_document_options(App& app, DocumentOptions& options, const std::string& what,
                          const std::string& verbose);
// Whether the files can be written; to be asked before anything is measured.
Status check_document_options(const DocumentOptions& options);

// How the terminal takes text: coloured only on a terminal, and not when NO_COLOR is set.
report::TextStyle terminal_style();

// Writes a whole file, or to standard output.
Status write_output(const std::string& file, std::string_view content);

// Whether write_output() could begin to; an empty name is fine.
Status check_output(const std::string& file);

// The same of what `content` gives, if there is a file to write.
Status write_if(const std::string& file, const auto& content) {
  return file.empty() ? Status() : write_output(file, content());
}

// `content`: of a kind that report/ has render_json(content) and build_report(content, whole) for.
template <class Content>
Status write_document(const Content& content, const DocumentOptions& options) {
  Status status = write_if(options.json, [&] { return render_json(content); });
  if (status)
    status = write_if(options.markdown,
                      [&] { return report::render_markdown(build_report(content, true)); });
  const bool taken = options.json == kStandardOutput || options.markdown == kStandardOutput;
  if (!status || taken || options.quiet) return status;
  return print(report::render_text(build_report(content, options.verbose), terminal_style()));
}

// Whether the options make sense together and the files can be written; to be asked before anything
// is measured.
Status check_output_options(const OutputOptions& options);

// Writes every report that was asked for: the files first, then the terminal's to standard output,
// unless a file took that.
Status write_reports(const Snapshot& snapshot, const OutputOptions& options);
// The same of several runs, where --save, --folded and --pprof are of no concern.
Status write_reports(const report::JudgedRepeats& repeats, const OutputOptions& options);

}  // namespace tr::commands
