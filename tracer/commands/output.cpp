#include "commands/output.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

#include "commands/command.h"
#include "report/content.h"
#include "report/json.h"
#include "report/judged_run.h"
#include "report/markdown.h"
#include "report/text.h"
#include "util/text.h"

namespace tr::commands {
namespace {

constexpr std::string_view kStandardOutput = "-";

Status write_to(const std::string& file, std::string_view content) {
  return file == kStandardOutput ? print(content) : write_file(file, content);
}

bool is_set(const char* variable) {
  const char* const value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

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

}  // namespace

void add_output_options(CLI::App& app, OutputOptions& options) {
  const char* const kGroup = "Report";
  app.add_flag("--syscalls", options.syscalls, "Show the table of all system calls")->group(kGroup);
  app.add_flag("--threads", options.threads, "Show the table of threads")->group(kGroup);
  app.add_flag("--cross-check", options.cross_check,
               "Compare the probes' counts with perf's counts of the same events")
      ->group(kGroup);
  app.add_option("--json", options.json, "Write the report as JSON to FILE (-: standard output)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--markdown", options.markdown,
                 "Write the whole report as Markdown to FILE (-: standard output)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_flag("-q,--quiet", options.quiet, "Show no report on the terminal")->group(kGroup);
}

Status check_output_options(const OutputOptions& options) {
  if (options.json == kStandardOutput && options.markdown == kStandardOutput)
    return usage_error("--json - and --markdown - cannot both go to standard output",
                       "name a file for one of them");
  return {};
}

Status write_reports(const Snapshot& snapshot, const OutputOptions& options) {
  if (Status status = check_output_options(options); !status) return status;
  const report::JudgedRun run(snapshot);
  if (!options.json.empty())
    if (Status status = write_to(options.json, report::render_json(run)); !status) return status;
  if (!options.markdown.empty()) {
    const report::Report document = report::build_report(run, report::kEverything);
    if (Status status = write_to(options.markdown, report::render_markdown(document)); !status)
      return status;
  }
  const bool taken = options.json == kStandardOutput || options.markdown == kStandardOutput;
  if (options.quiet || taken) return {};
  report::Detail detail;
  detail.syscalls = options.syscalls;
  detail.threads = options.threads;
  detail.cross_check = options.cross_check;
  return print(report::render_text(report::build_report(run, detail), terminal_style()));
}

}  // namespace tr::commands
