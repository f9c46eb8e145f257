#include "commands/compare_sides.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "commands/parser.h"
#include "commands/run_store.h"
#include "load/make_protocol.h"

namespace tr::commands {
namespace {

struct SideOption {
  const char* name;  // of the option of A that it stands in for, without dashes
  const char* type;  // empty: a flag
};

constexpr std::array<SideOption, 8> kSideB{{{"pin", "CPUS"},
                                            {"connections", "N"},
                                            {"pipeline", "N"},
                                            {"close", ""},
                                            {"rate", "PER_SECOND"},
                                            {"path", "PATH"},
                                            {"load-threads", "N"},
                                            {"pin-load", "CPUS"}}};

std::string side_name(const SideOption& option) {
  return std::string("--vs-") + option.name;
}

// What was given to A, with what B has of its own.
std::vector<std::string> words_for_b(const App& app, const App& plan_options) {
  std::vector<std::string> words;
  for (const Option known : plan_options.options()) {
    const std::string name = known.long_name();
    if (name.empty()) continue;
    const auto of_side =
        std::ranges::find_if(kSideB, [&](const SideOption& option) { return option.name == name; });
    if (of_side != kSideB.end())
      if (const Option own = app.get_option(side_name(*of_side)); own->count() > 0) {
        repeat_option(own, name, words);
        continue;
      }
    if (const Option shared = app.get_option("--" + name); shared->count() > 0)
      repeat_option(shared, name, words);
  }
  return words;
}

Error of_side(char side, Error error) {
  const std::string lead = fmt::format("{}: ", side);
  std::string& first = error.operation.empty() ? error.why : error.object;
  first = lead + first;
  return error;
}

}  // namespace

Result<std::vector<Snapshot>> runs_of(const std::vector<std::string>& selectors,
                                      const std::string& db) {
  std::vector<Snapshot> runs;
  for (const std::string& selector : selectors) {
    auto found = runs_of(selector, db);
    if (!found) return std::move(found).error();
    for (Snapshot& run : *found)
      runs.push_back(std::move(run));
  }
  return runs;
}

Status check_comparable(std::span<const compare::SettingDifference> settings, bool force,
                        std::string_view would) {
  if (force) return {};
  for (const compare::SettingDifference& setting : settings)
    if (compare::forbids(setting.kind))
      return usage_error(fmt::format("the two sides are not comparable: {}: {} and {}",
                                     setting.what, setting.a, setting.b),
                         fmt::format("--force {} them all the same", would));
  return {};
}

Status check_not_given(const App& app, std::initializer_list<const char*> options) {
  for (const char* option : options)
    if (app.get_option(option)->count() > 0)
      return usage_error(
          fmt::format("{} is for programs to measure, and these runs were made before", option));
  return {};
}

void keep_pair(RunKeeper& keeper, const Pairs& pairs) {
  keeper.keep("A", pairs.a.back(), unfit_for(pairs.a.back()));
  keeper.keep("B", pairs.b.back(), unfit_for(pairs.b.back()));
}

void add_side_b_options(App& app) {
  for (const SideOption& option : kSideB) {
    const std::string description = fmt::format("--{} on side B alone", option.name);
    const Option added = option.type[0] == '\0' ? app.add_flag(side_name(option), description)
                                                : app.add_option(side_name(option), description);
    if (option.type[0] != '\0') added->type_name(option.type);
    added->group("Side B");
  }
}

bool differs_by_option(const App& app) {
  return std::ranges::any_of(kSideB, [&](const SideOption& option) {
    return app.get_option(side_name(option))->count() > 0;
  });
}

Result<std::pair<Plan, Plan>> plan_sides(const App& app, RunOptions options,
                                         const std::vector<std::string>& program) {
  const auto vs = std::ranges::find(program, "--vs");
  options.program.assign(program.begin(), vs);
  if (options.program.empty())
    return usage_error(
        fmt::format("{}: no program given behind --", app.name()),
        fmt::format("try: trace-run {} -- servers/thread_echo --vs servers/epoll_echo",
                    app.name()));
  if (vs == program.end() && !differs_by_option(app))
    return usage_error(fmt::format("{}: nothing says what B is", app.name()),
                       "give --vs and a program, or change an option for it, as with --vs-pin");
  RunOptions other;
  App other_app;
  add_plan_options(other_app, other);
  if (vs != program.end()) {
    other.program.assign(vs + 1, program.end());
    if (other.program.empty() || std::ranges::find(other.program, "--vs") != other.program.end())
      return usage_error(
          fmt::format("{}: --vs stands once, before the program of side B", app.name()));
  } else {
    other.program = options.program;
  }
  if (Status parsed = other_app.parse(words_for_b(app, other_app)); !parsed)
    return of_side('B', std::move(parsed).error());
  auto a = plan_run(app, options);
  if (!a) return of_side('A', std::move(a).error());
  auto b = plan_run(other_app, other);
  if (!b) return of_side('B', std::move(b).error());
  return std::pair(*std::move(a), *std::move(b));
}

}  // namespace tr::commands
