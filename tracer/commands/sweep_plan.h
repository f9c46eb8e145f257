// Which cells does a sweep's command line ask for, and what is measured in each?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capture/launch/server_name.h"
#include "commands/cell_list.h"
#include "commands/measure/plan.h"
#include "commands/parser.h"
#include "commands/run.h"
#include "sweep/folder.h"
#include "util/result.h"

namespace tr::commands {

// The axes of the grid as they were given; an empty one has the one value that a run has. Or a list
// of cells instead of a grid.
struct SweepAxes {
  std::vector<std::string> servers;
  std::vector<std::string> connections;
  std::vector<std::string> pins;  // "none", or CPUs: "1", "0-1", "0+2"
  std::vector<std::string> sizes;
  std::vector<std::string> pipelines;
  std::string cells;  // the file with the list; "-": standard input; empty: a grid
};

// Adds --servers, --cells and the options of a run, of which those that are axes take lists.
void add_grid_options(App& app, SweepAxes& axes, RunOptions& run);

// The servers that these names and globs mean, each once, in the order of `bundled`. Errors are
// usage errors: one that means none, and servers of several protocols.
Result<std::vector<capture::BundledServer>> chosen_servers(
    const std::vector<std::string>& words, const std::vector<capture::BundledServer>& bundled);

struct SweepPlan {
  sweep::Manifest manifest;
  std::vector<Plan> plans;  // of its cells
};

// Adds the cells of a list. The options that `app` was given hold for each of them that does not
// have them itself. `file` is what errors, all of wrong usage, call the list.
Status add_list(const App& app, const std::vector<ListedCell>& list, const std::string& file,
                SweepPlan& sweep);

// `app` has the options of add_grid_options(). Errors are usage errors.
Result<SweepPlan> plan_sweep(const App& app, const SweepAxes& axes, std::uint64_t repeats,
                             std::uint64_t order_seed);

}  // namespace tr::commands
