#include "commands/sweep.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <set>
#include <sys/stat.h>
#include <utility>

#include <fmt/format.h>

#include "commands/command.h"
#include "commands/measure/measure_sweep.h"
#include "commands/output.h"
#include "commands/parser.h"
#include "commands/run_repeats.h"
#include "report/markdown.h"
#include "report/sweep.h"
#include "report/text.h"
#include "sweep/results.h"

namespace tr::commands {
namespace {

constexpr const char* kFooter =
    R"(Each repeat goes once over all cells, in random order; each run has a fresh server. The runs
are kept in the folder --out one by one: a sweep that was ended, by whatever, goes on where it was
when the same command is given again. Ctrl-C lets the present run come to its end, and reports.

A list of cells (--cells) is read as a shell splits words; it expands nothing, # begins a comment.
Options of the sweep hold for all cells; where a cell has an option itself, its own holds.
  few:     --connections 10 servers/threadpool_echo --workers 8
  "a lot": --connections 500 --warmup 2s servers/threadpool_echo --workers 512

Examples:
  trace-run sweep --servers '*_echo' --connections 10,100,1000 --pin none,1 --out sweep
  trace-run sweep --servers thread_echo,epoll_echo --size 64,64KiB --duration 2s --out sizes
  trace-run sweep --from sweep --csv sweep.csv --report-dir pages
  trace-run sweep --cells cells.txt --repeats 5 --duration 2s --out cells

Exit codes: 0 measured and reported; 1 a failure that ended it; 2 wrong usage; 3 the machine does
not allow tracing; 4 no run is fit to be compared.
)";

Status check_options(const App& app, const SweepOptions& options) {
  const std::array files{&options.json, &options.csv, &options.markdown};
  if (std::ranges::count_if(files, [](const auto* file) { return *file == kStandardOutput; }) > 1)
    return usage_error("only one of --json, --csv and --markdown can go to standard output",
                       "name a file for the others");
  for (const std::string* file : files)
    if (Status writable = check_output(*file); !writable) return writable;
  if (options.out.empty() == options.from.empty())
    return options.out.empty()
               ? usage_error("sweep: no folder to keep the runs in", "name one with --out")
               : usage_error("--from reports on runs that are there, --out measures: give one");
  if (options.from.empty()) return {};
  for (const Option option : app.options()) {
    static const std::set<std::string> kOfReports{"from",       "json",    "csv",  "markdown",
                                                  "report-dir", "verbose", "quiet"};
    if (option->count() > 0 && !option->long_name().empty() &&
        !kOfReports.contains(option->long_name()))
      return usage_error(fmt::format("--{} is for measuring, --from has runs that are there",
                                     option->long_name()));
  }
  return {};
}

Status write_pages(const sweep::Results& results, const std::string& folder) {
  if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) return errno_error("create", folder);
  std::set<std::string> written;
  for (const sweep::CellResult& cell : results.cells) {
    if (!written.insert(cell.cell.server).second) continue;
    std::string name = cell.cell.server;
    std::ranges::replace(name, '/', '-');
    Status status = write_output(
        fmt::format("{}/{}.md", folder, name),
        report::render_markdown(report::build_server_report(results, cell.cell.server)));
    if (!status) return status;
  }
  return {};
}

Status write_sweep(const sweep::Results& results, const SweepOptions& options) {
  Status status = write_if(options.json, [&] { return report::render_json(results); });
  if (status) status = write_if(options.csv, [&] { return report::render_csv(results); });
  if (status)
    status = write_if(options.markdown,
                      [&] { return render_markdown(report::build_report(results, true)); });
  if (status && !options.report_dir.empty()) status = write_pages(results, options.report_dir);
  const bool taken = options.json == kStandardOutput || options.csv == kStandardOutput ||
                     options.markdown == kStandardOutput;
  if (!status || taken || options.quiet) return status;
  return print(render_text(report::build_report(results, options.verbose), terminal_style()));
}

Status report_on(const sweep::Folder& folder, const SweepOptions& options) {
  const auto results = read_results(folder);
  if (!results) return results.error();
  if (Status written = write_sweep(*results, options); !written) return written;
  const bool any =
      std::ranges::any_of(results->cells, [](const auto& cell) { return cell.fit > 0; });
  return any ? Status() : unfit_error("no run of the sweep is fit to be compared");
}

Status sweep(const App& app, const SweepOptions& options) {
  if (Status sound = check_options(app, options); !sound) return sound;
  if (!options.from.empty()) {
    const auto folder = sweep::Folder::open(options.from);
    return folder ? report_on(*folder, options) : Status(folder.error());
  }
  const auto plan = plan_sweep(app, options.axes, options.repeats, options.order_seed);
  if (!plan) return plan.error();
  const auto folder = sweep::Folder::begin(options.out, plan->manifest);
  if (!folder) return folder.error();
  Progress progress(!options.quiet);
  const SweepEnd end = measure_sweep(*folder, plan->plans, progress);
  if (end.failure && end.made == 0) return *end.failure;
  Status reported = report_on(*folder, options);
  return end.failure ? Status(*end.failure) : std::move(reported);
}

}  // namespace

void setup_sweep(App& app, int& exit_code) {
  auto options = std::make_shared<SweepOptions>();
  App command =
      app.add_subcommand("sweep", "Measure servers under many loads, resumably, and rank them");
  command->footer(kFooter);
  add_grid_options(command, options->axes, options->run);
  command->add_option("--repeats", options->repeats, "Runs of each cell")
      ->type_name("N")
      ->range(std::uint64_t{1}, sweep::kMostRepeats)
      ->capture_default_str()
      ->group("Grid");
  command->add_option("--order-seed", options->order_seed, "Of the random order of the runs")
      ->type_name("N")
      ->capture_default_str()
      ->group("Grid");
  command
      ->add_option("--out", options->out,
                   "Keep the runs in this folder, and go on with what is in it")
      ->type_name("FOLDER")
      ->group("Grid");
  const char* const kGroup = "Report";
  command
      ->add_option("--from", options->from,
                   "Measure nothing: report on the runs in this folder, finished or not")
      ->type_name("FOLDER")
      ->group(kGroup);
  const auto add_file = [&](const char* name, std::string& file, const char* description) {
    command->add_option(name, file, description)->type_name("FILE")->group(kGroup);
  };
  add_file("--json", options->json, "Write the sweep as JSON to FILE (-: standard output)");
  add_file("--csv", options->csv, "Write a row of figures per cell to FILE (-: standard output)");
  add_file("--markdown", options->markdown,
           "Write the whole report as Markdown to FILE (-: standard output)");
  command
      ->add_option("--report-dir", options->report_dir,
                   "Write a page per server, NAME.md, into this folder")
      ->type_name("FOLDER")
      ->group(kGroup);
  command
      ->add_flag("-v,--verbose", options->verbose, "Show counts and states beside rates and times")
      ->group(kGroup);
  command->add_flag("-q,--quiet", options->quiet, "Show no report on the terminal")->group(kGroup);
  command->callback([command, options, &exit_code] {
    const Status status = sweep(command, *options);
    exit_code = status ? 0 : report(status.error());
  });
}

}  // namespace tr::commands
