#include "explanations.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "../unit/explain/planted.h"

namespace tr::golden {
namespace {

using compare::Draw;
using compare::runs_of;
using compare::Truth;
using explain::Explanation;
using explain::plant_calls;
using explain::planted;

constexpr std::size_t kPairs = 6;

// What fails here is a bug of the test.
template <class T>
T must(Result<T> result) {
  if (!result) std::abort();
  return *std::move(result);
}

// So many calls and so many ns of them per message.
struct Load {
  double maps = 1;
  double polls_ns = 6'000;
  double futexes = 0.3;
};

std::vector<Snapshot> dear_runs(const Load& load, const Truth& truth, std::size_t count,
                                Draw& draw) {
  return planted(runs_of(truth, count, draw), [&](Snapshot& run) {
    if (load.maps > 0) plant_calls(run, "mmap", load.maps, 1'500 * load.maps);
    plant_calls(run, "poll", 1, load.polls_ns);
    plant_calls(run, "futex", load.futexes, 900 * load.futexes);
  });
}

void try_out(Explanation& explanation, std::string_view cause, const std::vector<Snapshot>& before,
             const std::vector<Snapshot>& after) {
  const auto finding = std::ranges::find(
      explanation.findings, cause, [](const explain::Finding& each) { return each.cause->name(); });
  if (finding == explanation.findings.end()) std::abort();
  const auto experiment = finding->cause->experiment(*explanation.facts_b);
  if (!experiment) std::abort();
  finding->trial = must(judge(*finding->cause, *experiment, before, after));
  finding->standing = finding->trial->standing;
}

Explanation two(std::size_t pairs, Draw& draw) {
  const Truth ours{.server = "lean_echo"};
  const Truth dear{.server = "mapping_echo", .messages = 150'000};
  auto a = runs_of(ours, pairs, draw);
  auto b = dear_runs({}, dear, pairs, draw);
  for (auto* side : {&a, &b})
    for (Snapshot& run : *side) {
      const explain::Facts facts(run);
      explain::make_bare(run, facts.cpu_ns() - 25 * facts["per_message.syscalls"]);
    }
  return must(explain::explain(a, b, true));
}

}  // namespace

MadeExplanation explanation_of_two() {
  Draw draw(20261123);
  MadeExplanation made{two(kPairs, draw), {}, {}};
  const Truth dear{.server = "mapping_echo", .messages = 150'000};
  const auto before = dear_runs({}, dear, kPairs, draw);
  try_out(made.explanation, "allocator", before, dear_runs({.maps = 0}, dear, kPairs, draw));
  // Half of the connections, and a poll that takes as long.
  auto fewer = dear_runs({}, dear, kPairs, draw);
  for (Snapshot& run : fewer)
    run.config.connections /= 2;
  try_out(made.explanation, "readiness_scan", before, fewer);
  Truth shaken = dear;
  shaken.deviation = shaken.common_deviation = 0.06;
  try_out(made.explanation, "locks", dear_runs({}, shaken, kPairs, draw),
          dear_runs({.futexes = 0}, shaken, kPairs, draw));
  made.notes = {"the runs were made in the order AB BA BA AB AB BA"};
  return made;
}

MadeExplanation explanation_of_one() {
  Draw draw(20261124);
  const Truth truth{.server = "crowded_echo", .messages = 420'000};
  const auto starve = [](Snapshot& run) {
    run.load->fairness_jain = 0.61;
    run.load->fairness_p5 = 0;
  };
  MadeExplanation made{must(explain::explain({}, planted(runs_of(truth, kPairs, draw), starve),
                                             false, compare::Unfit::kUse)),
                       {},
                       {}};
  std::vector<std::vector<Snapshot>> settings;
  for (const double user_ns : {2'000, 1'700, 1'500, 700})
    settings.push_back(runs_of({.server = truth.server, .user_ns = user_ns}, 3, draw));
  made.factorial = must(explain::judge_factorial(
      {true, {explain::Change::kOneCpu, explain::Change::kDeeperPipeline}}, settings));
  made.notes = {
      "No experiment on \"oversubscription\" (with as many connections as CPUs): the load "
      "is not ours."};
  return made;
}

MadeExplanation explanation_of_single_runs() {
  Draw draw(20261125);
  return {two(1, draw), {}, {}};
}

}  // namespace tr::golden
