#include "commands/output.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

#include "commands/parser.h"
#include "report/content.h"
#include "report/folded.h"
#include "report/json.h"
#include "report/judged_run.h"
#include "report/repeats.h"
#include "report/text.h"
#include "snapshot/snapshot_file.h"
#include "util/text.h"

namespace tr::commands {
namespace {

bool is_set(const char* variable) {
  const char* const value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

// Full width is 100 characters; a narrower terminal gets shorter lines.
report::TextStyle terminal_style() {
  report::TextStyle style;
  if (isatty(STDOUT_FILENO) == 0) return style;
  const char* const terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  style.colour = !dumb && !is_set("NO_COLOR");
  constexpr std::size_t kNarrowest = 60;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    style.width = std::clamp<std::size_t>(size.ws_col, kNarrowest, style.width);
  return style;
}

namespace {

// Of a run, or of several.
template <class Judged>
Status write_documents(const Judged& judged, const OutputOptions& options) {
  Status status = write_if(options.json, [&] { return report::render_json(judged); });
  if (!status) return status;
  return write_if(options.markdown, [&] {
    return report::render_markdown(report::build_report(judged, report::kEverything));
  });
}

// To the terminal, unless nothing is to go there or a file has taken standard output.
template <class Judged>
Status print_report(const Judged& judged, const OutputOptions& options) {
  const std::array<std::string_view, 5> files = {options.json, options.markdown, options.save,
                                                 options.folded, options.pprof};
  const bool taken = std::ranges::find(files, kStandardOutput) != files.end();
  if (options.quiet || taken) return {};
  report::Detail detail;
  if (options.verbose) detail = report::kEverything;
  detail.syscalls |= options.syscalls;
  detail.threads |= options.threads;
  detail.cross_check |= options.cross_check;
  return print(report::render_text(report::build_report(judged, detail), terminal_style()));
}

}  // namespace

void add_output_options(App& app, OutputOptions& options) {
  const char* const kGroup = "Report";
  app.add_flag("--syscalls", options.syscalls, "Show the table of all system calls")->group(kGroup);
  app.add_flag("--threads", options.threads, "Show the table of threads")->group(kGroup);
  app.add_flag("--cross-check", options.cross_check,
               "Compare the probes' counts with perf's counts of the same events")
      ->group(kGroup);
  app.add_flag("-v,--verbose", options.verbose,
               "Show all of the report, and compare with what schedstat and the load counted")
      ->group(kGroup);
  app.add_option("--json", options.json, "Write the report as JSON to FILE (-: standard output)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--markdown", options.markdown,
                 "Write the whole report as Markdown to FILE (-: standard output)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--folded", options.folded,
                 "Write the stacks of --profile or --waits to FILE, folded, for flame graphs (-: "
                 "standard output)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--pprof", options.pprof,
                 "Write the stacks of --profile or --waits to FILE in pprof's format (-: standard "
                 "output)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_flag("-q,--quiet", options.quiet, "Show no report on the terminal")->group(kGroup);
}

void add_document_options(App& app, DocumentOptions& options, const std::string& what,
                          const std::string& verbose) {
  const char* const kGroup = "Report";
  app.add_option("--json", options.json,
                 "Write the " + what + " as JSON to FILE (-: standard output)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--markdown", options.markdown,
                 "Write the whole " + what + " as Markdown to FILE (-: standard output)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_flag("-v,--verbose", options.verbose, verbose)->group(kGroup);
  app.add_flag("-q,--quiet", options.quiet, "Show no report on the terminal")->group(kGroup);
}

Status check_document_options(const DocumentOptions& options) {
  if (options.json == kStandardOutput && options.markdown == kStandardOutput)
    return usage_error("only one of --json and --markdown can go to standard output",
                       "name a file for the other");
  const Status json = check_output(options.json);
  return json ? check_output(options.markdown) : json;
}

Status write_output(const std::string& file, std::string_view content) {
  return file == kStandardOutput ? print(content) : write_file(file, content);
}

Status check_output(const std::string& file) {
  return file.empty() || file == kStandardOutput ? Status() : check_writable(file);
}

Status check_output_options(const OutputOptions& options) {
  const std::array<std::string_view, 5> files = {options.json, options.markdown, options.save,
                                                 options.folded, options.pprof};
  if (std::count(files.begin(), files.end(), kStandardOutput) > 1)
    return usage_error(
        "only one of --json, --markdown, --folded, --pprof and --save can go to standard output",
        "name a file for the others");
  for (const std::string* file :
       {&options.json, &options.markdown, &options.save, &options.folded, &options.pprof})
    if (Status writable = check_output(*file); !writable) return writable;
  return {};
}

Status write_reports(const Snapshot& snapshot, const OutputOptions& options) {
  const report::JudgedRun run(snapshot);
  // The measurement itself first: whatever goes wrong after it can be done again.
  Status status = write_if(options.save, [&] { return encode_snapshot(snapshot); });
  if (status) status = write_documents(run, options);
  if (status && !snapshot.stacks && !(options.folded.empty() && options.pprof.empty()))
    status = usage_error("--folded and --pprof: this run has no stacks",
                         "measure it again with --profile or --waits");
  if (status) status = write_if(options.folded, [&] { return report::render_folded(run); });
  if (status) status = write_if(options.pprof, [&] { return report::render_pprof(run); });
  if (!status) return status;
  return print_report(run, options);
}

Status write_reports(const report::JudgedRepeats& repeats, const OutputOptions& options) {
  const Status status = write_documents(repeats, options);
  return status ? print_report(repeats, options) : status;
}

}  // namespace tr::commands
