// Where do the runs of a comparison's two sides come from: files, the store, or plans to measure?
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/measure/pairs.h"
#include "commands/parser.h"
#include "commands/run.h"
#include "commands/run_store.h"
#include "compare/comparison.h"
#include "compare/settings.h"
#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr::commands {

// The runs that these words name: files that --save has written, or runs stored in `db`.
Result<std::vector<Snapshot>> runs_of(const std::vector<std::string>& selectors,
                                      const std::string& db);

// A usage error where the sides differ in what makes the comparison mean nothing, unless forced.
// `would`: what --force does to them, "compares".
Status check_comparable(std::span<const compare::SettingDifference> settings, bool force,
                        std::string_view would);

// What --force says of unfit runs.
constexpr compare::Unfit unfit_if(bool force) {
  return force ? compare::Unfit::kUse : compare::Unfit::kLeaveOut;
}

// A usage error where one of these options was given, which are about runs that are measured now,
// with runs that were made before.
Status check_not_given(const App& app, std::initializer_list<const char*> options);

// A pair of runs that have just been measured; each side's are stored as repeats of its first.
void keep_pair(RunKeeper& keeper, const Pairs& pairs);

// Adds --vs-pin and the like, which change one option on side B.
void add_side_b_options(App& app);

// Whether one of them was given.
bool differs_by_option(const App& app);

// The plans of A and B. `program` is what stands behind "--": that of A, and behind --vs that of B
// (without: the same). `app` has the options of add_plan_options() for `options`, and those of side
// B. Errors are usage errors.
Result<std::pair<Plan, Plan>> plan_sides(const App& app, RunOptions options,
                                         const std::vector<std::string>& program);

}  // namespace tr::commands
