#include "commands/compare.h"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "commands/compare_sides.h"
#include "commands/measure/fit_run.h"
#include "commands/measure/pairs.h"
#include "commands/output.h"
#include "commands/parser.h"
#include "compare/gate.h"
#include "report/comparison.h"
#include "snapshot/snapshot_file.h"

namespace tr::commands {
namespace {

constexpr const char* kFooter =
    R"(FILE: runs recorded with --save. Several of each side: compare A1 A2 --vs B1 B2.
Behind --, programs to measure now, in pairs whose order is random; options stand before it.

Examples:
  trace-run compare a.run b.run                     two recorded runs: no intervals
  trace-run compare a1 a2 a3 --vs b1 b2 b3          sets of them
  trace-run compare -- servers/thread_echo --vs servers/epoll_echo
  trace-run compare --vs-pin 1 -- servers/epoll_echo
  trace-run compare --fail-if 'per_message.syscalls > +1%' -- ./old --vs ./new

Exit codes: 0 compared; 1 the runs failed; 2 wrong usage, or the sides are not comparable; 3 the
machine does not allow tracing; 5 a --fail-if gate failed: the change is shown, beyond chance, and
beyond its bound.
)";

struct Sides {
  std::vector<Snapshot> a;
  std::vector<Snapshot> b;
  bool paired = false;
  std::vector<std::string> notes;
  std::optional<Error> failure;  // what there is, is compared all the same
};

using Gates = std::vector<compare::Gate>;

Result<Gates> parse_gates(const CompareOptions& options) {
  Gates gates;
  for (const std::string& text : options.fail_if) {
    auto gate = compare::parse_gate(text);
    if (!gate) return std::move(gate).error();
    gates.push_back(*std::move(gate));
  }
  return gates;
}

Status save_pair(const std::string& prefix, const Pairs& pairs) {
  const std::size_t number = pairs.a.size();
  Status status = save_snapshot(pairs.a.back(), fmt::format("{}-A{}", prefix, number));
  return status ? save_snapshot(pairs.b.back(), fmt::format("{}-B{}", prefix, number)) : status;
}

// After the first pair it is known whether the sides can be compared, and the gates judged: the
// others need not be made for nothing.
Status check_first(const Pairs& pairs, const CompareOptions& options, const Gates& gates) {
  // An unfit pair tells that as well as any.
  const auto first = compare::compare_runs(pairs.a, pairs.b, true, compare::Unfit::kUse);
  if (!first) return {};  // runs without messages: the next may have some
  if (Status comparable = check_comparable(first->settings, options.force, "compares"); !comparable)
    return comparable;
  compare::Comparison as_if = *first;
  as_if.runs_a = as_if.runs_b = options.pairs;
  const auto judged = judge_gates(gates, as_if);
  return judged ? Status() : Status(judged.error());
}

Result<Sides> measure_sides(const App& app, CompareOptions& options,
                            const std::vector<std::string>& program, const Gates& gates) {
  if (Status store = check_keep_options(options.run.store); !store) return std::move(store).error();
  const auto plans = plan_sides(app, options.run, program);
  if (!plans) return plans.error();
  const auto& [a, b] = *plans;
  if (!options.force && a.load_text != b.load_text)
    return usage_error(
        fmt::format("the two sides are not comparable: load: {} and {}", a.load_text, b.load_text),
        "--force compares them all the same");
  Progress progress(!options.document.quiet);
  RunKeeper keeper(options.run.store);
  const auto on_pair = [&](const Pairs& made) -> Status {
    keep_pair(keeper, made);
    if (!options.save.empty())
      if (Status saved = save_pair(options.save, made); !saved) return saved;
    return made.a.size() == 1 ? check_first(made, options, gates) : Status();
  };
  Pairs pairs = measure_pairs(a, b, options.pairs, unfit_if(options.force), progress, on_pair);
  if (pairs.failure && (pairs.a.empty() || pairs.failure->failure == Failure::kUsage))
    return *std::move(pairs.failure);
  if (pairs.a.empty())
    return Error{.operation = "compare",
                 .object = {},
                 .why = "it was interrupted before the first pair of runs was made"};
  return Sides{.a = std::move(pairs.a),
               .b = std::move(pairs.b),
               .paired = true,
               .notes = std::move(pairs.notes),
               .failure = std::move(pairs.failure)};
}

Result<Sides> load_sides(const App& app, const CompareOptions& options) {
  std::vector<std::string> a = options.runs;
  std::vector<std::string> b = options.others;
  if (b.empty()) {
    if (a.size() != 2)
      return usage_error(
          fmt::format("compare: {} runs are no two sides", a.size()),
          "give A and B; several with --vs between the sides; programs to measure behind --");
    b.push_back(a.back());
    a.pop_back();
  }
  if (a.empty()) return usage_error("compare: no runs before --vs");
  if (differs_by_option(app))
    return usage_error("--vs-OPTION is for programs to measure, and these runs were made before");
  if (options.paired && a.size() != b.size())
    return usage_error(
        fmt::format("--paired: {} runs cannot be paired with {}", a.size(), b.size()));
  auto ours = runs_of(a, options.run.store.db);
  if (!ours) return std::move(ours).error();
  auto theirs = runs_of(b, options.run.store.db);
  if (!theirs) return std::move(theirs).error();
  return Sides{.a = *std::move(ours),
               .b = *std::move(theirs),
               .paired = options.paired,
               .notes = {},
               .failure = {}};
}

Status check_options(const App& app, const CompareOptions& options, bool measures) {
  if (Status writable = check_document_options(options.document); !writable) return writable;
  if (measures) {
    if (!options.runs.empty() || !options.others.empty())
      return usage_error("compare: runs in files and programs behind -- cannot be mixed");
    if (options.paired) return usage_error("--paired: runs that are measured here are in pairs");
    return options.save.empty() ? Status() : check_output(options.save + "-A1");
  }
  return check_not_given(app, {"--pairs", "--save", "--no-db", "--db-limit"});
}

Status compare(const App& app, CompareOptions& options, const std::vector<std::string>& program) {
  const auto gates = parse_gates(options);
  if (!gates) return gates.error();
  const bool measures = !program.empty();
  if (Status sound = check_options(app, options, measures); !sound) return sound;
  const auto sides = measures
                         ? measure_sides(app, options, {program.begin() + 1, program.end()}, *gates)
                         : load_sides(app, options);
  if (!sides) return sides.error();
  const auto comparison =
      compare::compare_runs(sides->a, sides->b, sides->paired, unfit_if(options.force));
  if (!comparison) {
    Error error = comparison.error();
    // Why the last run was unfit.
    if (!options.force) error.remedy += "; --force compares unfit runs too";
    if (!sides->notes.empty()) error.why += fmt::format(" ({})", sides->notes.back());
    return error;
  }
  if (Status comparable = check_comparable(comparison->settings, options.force, "compares");
      !comparable)
    return comparable;
  auto judged = judge_gates(*gates, *comparison);
  report::ComparisonReport content{*comparison, {}, sides->notes};
  if (judged) content.gates = *judged;
  if (Status written = write_document(content, options.document); !written) return written;
  if (sides->failure) return *sides->failure;
  if (!judged) return std::move(judged).error();
  for (const compare::GateResult& gate : *judged)
    if (gate.failed)
      return Error{.failure = Failure::kGate,
                   .operation = {},
                   .object = {},
                   .code = 0,
                   .why = fmt::format("--fail-if \"{}\" failed", gate.gate.text),
                   .remedy = {}};
  return {};
}

}  // namespace

void setup_compare(App& app, const std::vector<std::string>& program, int& exit_code) {
  auto options = std::make_shared<CompareOptions>();
  App command = app.add_subcommand(
      "compare", "Compare two sets of runs: recorded ones, or of programs measured now");
  command->footer(kFooter);
  command->add_option("runs", options->runs, "The runs of A, and of B")->type_name("[FILE...]");
  command
      ->add_option("--vs", options->others,
                   "What follows is B's: runs, or behind -- the program with its arguments")
      ->type_name("FILE...");
  command->add_flag("--paired", options->paired,
                    "The recorded runs were made in pairs: the first of A beside the first of B");
  command->add_option("--pairs", options->pairs, "Measure so many pairs of runs")
      ->type_name("N")
      ->range(std::size_t{1}, kMostPairs, false)
      ->capture_default_str();
  command->add_flag("--force", options->force,
                    "Compare also unfit runs, and across protocols, message sizes, kernels and "
                    "sets of probes");
  add_side_b_options(command);
  add_plan_options(command, options->run);
  add_keep_options(command, options->run.store);
  const char* const kGroup = "Report";
  command
      ->add_option("--fail-if", options->fail_if,
                   "Exit with 5 if this change is shown, and beyond the bound: "
                   "'per_message.syscalls > +1%', 'throughput.messages_per_second < -2%', "
                   "'latency_ns.p99 > +50us'; may be given again")
      ->one_at_a_time()
      ->type_name("GATE")
      ->group(kGroup);
  command
      ->add_option("--save", options->save,
                   "Save the runs that are measured, as PREFIX-A1, PREFIX-B1, PREFIX-A2...")
      ->type_name("PREFIX")
      ->group(kGroup);
  add_document_options(command, options->document, "comparison",
                       "Show every figure, also what does not differ");
  command->callback([command, options, &program, &exit_code] {
    const Status done = compare(command, *options, program);
    exit_code = done ? 0 : report(done.error());
  });
}

}  // namespace tr::commands
