#include "commands/sweep_plan.h"

#include <algorithm>
#include <cstdlib>
#include <fnmatch.h>
#include <utility>

#include <fmt/format.h>

#include "capture/environment.h"
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

// The options of a run that were given, but for the axes.
Words shared_words(const CLI::App& app, bool all) {
  CLI::App known;
  RunOptions ignored;
  add_plan_options(known, ignored);
  Words words;
  for (const CLI::Option* option : known.get_options()) {
    if (option->get_lnames().empty() || option == known.get_help_ptr()) continue;
    const std::string& name = option->get_lnames().front();
    if (is_axis(name) || (!all && !changes_runs(name))) continue;
    repeat_option(*app.get_option("--" + name), name, words);
  }
  return words;
}

// The plan of one run, as if these words had been given to `trace-run`.
Result<Plan> plan_cell(Words words, const std::string& server) {
  CLI::App app;
  RunOptions options;
  add_plan_options(app, options);
  options.program = {server};
  std::ranges::reverse(words);  // as CLI11 takes them
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  return plan_run(app, options);
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

sweep::Cell cell_of(const BundledServer& server, const Plan& plan) {
  return {.server = server.name,
          .connections = plan.load.connections,
          .pin = format_cpu_list(plan.pin),
          .size = plan.load.protocol == load::ProtocolKind::kEcho ? plan.load.size : 0,
          .pipeline = plan.load.pipeline};
}

}  // namespace

void add_grid_options(CLI::App& app, SweepAxes& axes, RunOptions& run) {
  app.add_option("--servers", axes.servers,
                 "Bundled servers by their names or by globs, as trace-run list shows them: "
                 "'*_echo', 'servers/*_echo', thread_echo,epoll_echo")
      ->delimiter(',')
      ->type_name("NAME,...")
      ->group("Grid");
  add_plan_options(app, run);
  for (const Axis& axis : kAxes) {
    app.remove_option(app.get_option(axis.name));
    app.add_option(axis.name, axes.*axis.values, axis.description)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name(axis.type)
        ->group("Grid");
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

Result<SweepPlan> plan_sweep(const CLI::App& app, const SweepAxes& axes, std::uint64_t repeats,
                             std::uint64_t order_seed) {
  if (axes.servers.empty())
    return usage_error("sweep: no --servers given",
                       "try: trace-run sweep --servers '*_echo' --connections 10,100 --out FOLDER");
  const auto folders = capture::server_folders();
  if (!folders) return folders.error();
  const auto servers = chosen_servers(axes.servers, capture::bundled_servers(*folders));
  if (!servers) return servers.error();

  const Environment machine = capture::read_environment("");
  SweepPlan sweep;
  sweep.manifest = {.cells = {},
                    .repeats = repeats,
                    .order_seed = order_seed,
                    .options = shared_words(app, false),
                    .tool_version = machine.tool_version,
                    .kernel = machine.kernel,
                    .cpus = machine.cpus};
  const std::vector<Words> settings = settings_of(axes, shared_words(app, true));
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
      plan->name = server.name;
      if (plan->output_file.empty()) plan->output_file = "/dev/null";
      const sweep::Cell cell = cell_of(server, *plan);
      if (std::ranges::any_of(sweep.manifest.cells,
                              [&](const sweep::PlannedCell& there) { return there.cell == cell; }))
        continue;
      const Status bears = load::check_connections(cell.connections);
      sweep.manifest.cells.push_back({cell, bears ? "" : bears.error().text()});
      sweep.plans.push_back(*std::move(plan));
    }
  return sweep;
}

}  // namespace tr::commands
