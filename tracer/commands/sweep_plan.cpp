#include "commands/sweep_plan.h"

#include <algorithm>
#include <fnmatch.h>
#include <functional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "capture/environment.h"
#include "capture/perf_events.h"
#include "commands/parser.h"
#include "load/limits.h"

namespace tr::commands {
namespace {

using capture::BundledServer;
using Words = std::vector<std::string>;

struct Axis {
  const char* name;  // of the option
  const char* type;
  const char* description;
  Words SweepAxes::*values;
};

constexpr Axis kAxes[] = {
    {"--connections", "N,...", "Connections kept open; with --close, at once",
     &SweepAxes::connections},
    {"--pin", "CPUS,...",
     "CPUs that the servers run on: none for any, else as 1, 0-1 or 0+2 (both)", &SweepAxes::pins},
    {"--size", "BYTES,...", "Bytes per message with echo: 64, 1KiB, 1M", &SweepAxes::sizes},
    {"--pipeline", "N,...", "Messages under way at once on each connection",
     &SweepAxes::pipelines}};

// What one command is worth: options that change nothing of the figures are left out.
bool changes_runs(const std::string& option) {
  return option != "server-output";
}

bool is_axis(const std::string& name) {
  return std::ranges::any_of(kAxes, [&](const Axis& axis) { return name == axis.name + 2; });
}

// What stands before a program: the options that say which run it is to be.
class RunWords {
 public:
  RunWords(const RunWords&) = delete;
  RunWords& operator=(const RunWords&) = delete;
  RunWords() {
    app_.no_help();
    app_.prefix_command();
    add_plan_options(app_, options_);
  }

  Status parse(Words words) {
    options_.program = take_program(words);
    if (Status parsed = app_.parse(std::move(words)); !parsed) return parsed;
    join_program(app_, options_);
    return {};
  }
  [[nodiscard]] Result<Plan> plan() const { return plan_run(app_, options_); }

  [[nodiscard]] const App& app() const { return app_; }
  // With its arguments; empty where there is none.
  [[nodiscard]] const Words& program() const { return options_.program; }

 private:
  App app_;
  RunOptions options_;
};

// Of all options of a run.
const Words& option_names() {
  static const Words names = [] {
    const RunWords run;
    Words all;
    for (const Option option : run.app().options())
      all.push_back(option->long_name());
    return all;
  }();
  return names;
}

// The options of a run that `app` was given, of those whose names are wanted.
Words given_words(const App& app, const std::function<bool(const std::string&)>& wanted) {
  Words words;
  for (const std::string& name : option_names())
    if (wanted(name)) repeat_option(app.get_option("--" + name), name, words);
  return words;
}

// The plan of one run, as if these words had been given to `trace-run`.
Result<Plan> plan_cell(Words words, const std::string& server) {
  words.push_back(server);
  RunWords run;
  if (Status parsed = run.parse(std::move(words)); !parsed) return std::move(parsed).error();
  return run.plan();
}

// Each setting's words: every combination of the axes' values, the connections innermost.
std::vector<Words> settings_of(const SweepAxes& axes, const Words& shared) {
  std::vector<Words> settings{shared};
  const auto multiply = [&](const Axis& axis) {
    if ((axes.*axis.values).empty()) return;
    std::vector<Words> more;
    for (const Words& setting : settings)
      for (std::string value : axes.*axis.values) {
        Words& words = more.emplace_back(setting);
        std::ranges::replace(value, '+', ',');
        if (axis.values != &SweepAxes::pins || value != "none")
          words.push_back(fmt::format("{}={}", axis.name, value));
      }
    settings = std::move(more);
  };
  for (auto axis = std::rbegin(kAxes); axis != std::rend(kAxes); ++axis)
    multiply(*axis);
  return settings;
}

bool is_glob(const std::string& word) {
  return word.find_first_of("*?[") != std::string::npos;
}

sweep::Cell cell_of(const std::string& server, const Plan& plan) {
  return {.server = server,
          .connections = plan.load.connections,
          .pin = format_cpu_list(plan.pin),
          .size = plan.load.protocol == load::ProtocolKind::kEcho ? plan.load.size : 0,
          .pipeline = plan.load.pipeline};
}

// Its cell is skipped where this machine cannot bear it.
void add_cell(sweep::Cell cell, Plan plan, SweepPlan& sweep) {
  plan.name = cell.server;
  if (plan.output_file.empty()) plan.output_file = "/dev/null";
  const Status bears = load::check_connections(cell.connections);
  sweep.manifest.cells.push_back({std::move(cell), bears ? "" : bears.error().text()});
  sweep.plans.push_back(std::move(plan));
}

// Whether two cells may differ in this option of a run and be under the same load all the same: by
// itself it changes nothing of that, or the cell has it as a figure.
bool in_load(const std::string& option) {
  static const std::set<std::string> kOthers{
      "connections", "pin",  "size",          "pipeline",      "duration",    "warmup", "load",
      "protocol",    "port", "ready-timeout", "server-output", "max-threads", "bare"};
  return !kOthers.contains(option);
}

Status add_line(const App& app, const ListedCell& listed, SweepPlan& sweep) {
  RunWords line;
  if (Status parsed = line.parse(listed.words); !parsed) return parsed;
  if (line.program().empty()) return usage_error("it names no program");
  if (line.program().front().starts_with('-'))
    return usage_error(line.program().front() + " is no option of a cell");
  Words words = given_words(app, [&](const std::string& name) {
    return !is_axis(name) && line.app().get_option("--" + name)->count() == 0;
  });
  for (const std::string& word : given_words(line.app(), [](const auto&) { return true; }))
    words.push_back(word);
  words.emplace_back("--");
  words.insert(words.end(), line.program().begin(), line.program().end());
  RunWords run;
  if (Status parsed = run.parse(std::move(words)); !parsed) return parsed;
  auto plan = run.plan();
  if (!plan) return std::move(plan).error();
  if (plan->load_kind != LoadKind::kBuiltIn)
    return usage_error("only the built-in load can be swept over",
                       "give --load echo or --load http");
  // Names that nobody knows are told before anything runs.
  if (const auto events = capture::encode_perf_events(plan->events); !events) return events.error();
  sweep::Cell cell = cell_of(plan->name, *plan);
  cell.name = listed.name;
  cell.options = given_words(line.app(), changes_runs);
  cell.program = line.program();
  Words load = given_words(run.app(), in_load);
  load.insert(load.begin(), plan->load_text);
  cell.load = fmt::format("{}", fmt::join(load, " "));
  add_cell(std::move(cell), *std::move(plan), sweep);
  return {};
}

Status add_grid(const App& app, const SweepAxes& axes, SweepPlan& sweep) {
  const auto folders = capture::server_folders();
  if (!folders) return folders.error();
  const auto servers = chosen_servers(axes.servers, capture::bundled_servers(*folders));
  if (!servers) return servers.error();
  const std::vector<Words> settings =
      settings_of(axes, given_words(app, [](const std::string& name) { return !is_axis(name); }));
  if (settings.size() * servers->size() > sweep::kMostCells)
    return usage_error(fmt::format("sweep: {} cells are more than {}",
                                   settings.size() * servers->size(), sweep::kMostCells),
                       "leave out values of an axis");
  for (const Words& setting : settings)
    for (const BundledServer& server : *servers) {
      auto plan = plan_cell(setting, server.path);
      if (!plan) return std::move(plan).error();
      if (plan->load_kind != LoadKind::kBuiltIn)
        return usage_error("sweep: only the built-in load can be swept over", "leave out --load");
      sweep::Cell cell = cell_of(server.name, *plan);
      if (std::ranges::none_of(sweep.manifest.cells,
                               [&](const auto& there) { return there.cell == cell; }))
        add_cell(std::move(cell), *std::move(plan), sweep);
    }
  return {};
}

}  // namespace

void add_grid_options(App& app, SweepAxes& axes, RunOptions& run) {
  app.add_option("--servers", axes.servers,
                 "Bundled servers by their names or by globs, as trace-run list shows them: "
                 "'*_echo', 'servers/*_echo', thread_echo,epoll_echo")
      ->delimiter(',')
      ->type_name("NAME,...")
      ->group("Grid");
  const Option cells =
      app.add_option("--cells", axes.cells,
                     "Instead of a grid, the cells of a list, a line each: NAME: OPTIONS PROGRAM "
                     "ARGUMENTS, as they would stand behind trace-run (-: standard input)")
          ->type_name("FILE")
          ->group("Grid")
          ->excludes("--servers");
  add_plan_options(app, run);
  for (const Axis& axis : kAxes) {
    app.remove_option(app.get_option(axis.name));
    app.add_option(axis.name, axes.*axis.values, axis.description)
        ->delimiter(',')
        ->one_at_a_time()
        ->type_name(axis.type)
        ->group("Grid")
        ->excludes(cells);
  }
  app.get_option("--close")->excludes("--pipeline");
}

Result<std::vector<BundledServer>> chosen_servers(const Words& words,
                                                  const std::vector<BundledServer>& bundled) {
  constexpr std::string_view kFolder = "servers/";
  std::vector<bool> chosen(bundled.size());
  for (std::string word : words) {
    if (word.starts_with(kFolder)) word.erase(0, kFolder.size());
    bool any = false;
    for (std::size_t i = 0; i < bundled.size(); ++i) {
      if (is_glob(word) ? ::fnmatch(word.c_str(), bundled[i].name.c_str(), FNM_PATHNAME) != 0
                        : word != bundled[i].name)
        continue;
      any = chosen[i] = true;
    }
    if (!any)
      return usage_error(fmt::format("--servers: no bundled server {} \"{}\"",
                                     is_glob(word) ? "matches" : "is named", word),
                         "trace-run list shows them");
  }
  std::vector<BundledServer> servers;
  for (std::size_t i = 0; i < bundled.size(); ++i)
    if (chosen[i]) servers.push_back(bundled[i]);
  for (const BundledServer& server : servers)
    if (server.protocol != servers.front().protocol)
      return usage_error(
          fmt::format("--servers: {} speaks {}, {} speaks {}: they cannot be ranked",
                      servers.front().name, servers.front().protocol, server.name, server.protocol),
          "choose servers of one protocol");
  return servers;
}

Status add_list(const App& app, const std::vector<ListedCell>& list, const std::string& file,
                SweepPlan& sweep) {
  for (const ListedCell& listed : list)
    if (const Status added = add_line(app, listed, sweep); !added)
      return error_in_line(file, listed.line, added.error().text());
  return {};
}

Result<SweepPlan> plan_sweep(const App& app, const SweepAxes& axes, std::uint64_t repeats,
                             std::uint64_t order_seed) {
  const Environment machine = capture::read_environment("");
  SweepPlan sweep;
  sweep.manifest = {
      .cells = {},
      .repeats = repeats,
      .order_seed = order_seed,
      .options = given_words(
          app, [](const std::string& name) { return !is_axis(name) && changes_runs(name); }),
      .tool_version = machine.tool_version,
      .kernel = machine.kernel,
      .cpus = machine.cpus};
  Status added;
  if (!axes.cells.empty()) {
    const auto list = read_cell_list(axes.cells);
    added = list ? add_list(app, *list, list_name(axes.cells), sweep) : Status(list.error());
  } else if (!axes.servers.empty()) {
    added = add_grid(app, axes, sweep);
  } else {
    added =
        usage_error("sweep: neither --servers nor --cells given",
                    "try: trace-run sweep --servers '*_echo' --connections 10,100 --out FOLDER");
  }
  if (!added) return std::move(added).error();
  return sweep;
}

}  // namespace tr::commands
