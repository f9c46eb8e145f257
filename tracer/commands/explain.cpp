#include "commands/explain.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "capture/launch/server_name.h"
#include "commands/command.h"
#include "commands/compare_sides.h"
#include "commands/delay_option.h"
#include "commands/explain_sensitivity.h"
#include "commands/measure/change.h"
#include "commands/measure/pairs.h"
#include "commands/measure/repeat.h"
#include "commands/measure/settings.h"
#include "commands/output.h"
#include "commands/parser.h"
#include "commands/run_store.h"
#include "explain/explain.h"
#include "explain/factorial.h"
#include "load/units.h"
#include "report/explanation.h"

namespace tr::commands {
namespace {

constexpr const char* kFooter =
    R"(SERVER: a program, as for trace-run itself, without arguments; one with arguments stands behind --,
after the options. Or runs that were recorded before: then no experiments are made.

What is found is "associated" with the time until an experiment has taken it away: then it is
"confirmed" (the time went, as much as predicted), "refuted" (it stayed) or "undecided".

Examples:
  trace-run explain servers/thread_echo
  trace-run explain servers/thread_echo --vs servers/epoll_echo
  trace-run explain --connections 200 -- servers/python/thread --vs servers/python/uvloop_proto
  trace-run explain servers/epoll_echo --sensitivity --pin 0 --pin-load 1 --duration 2s
  trace-run explain a1.run a2.run --vs b1.run b2.run

Exit codes: 0 explained; 1 the runs failed; 2 wrong usage, or the sides are not comparable; 3 the
machine does not allow tracing.
)";

struct ExplainOptions {
  std::vector<std::string> of;
  std::vector<std::string> vs;
  std::size_t pairs = 6;
  std::size_t experiments = 3;
  bool paired = false;  // recorded runs; those that are measured are
  bool factorial = false;
  bool force = false;
  std::string sensitivity;                 // stages; empty: not asked for
  std::string delays = "250ns,500ns,1us";  // of --sensitivity
  DocumentOptions document;
  RunOptions run;  // its store too: where recorded runs are looked for
};

// The runs of one server or of two; with plans where they were measured here.
struct Material {
  std::vector<Snapshot> a;  // empty: B stands alone
  std::vector<Snapshot> b;
  bool paired = false;
  std::optional<Plan> plan_a;
  std::optional<Plan> plan_b;
  std::vector<std::string> notes;
  bool stopped = false;
};

bool is_program(const std::string& word) {
  const auto folders = capture::server_folders();
  return folders && capture::resolve_server(word, std::getenv("PATH"), *folders).ok();
}

// Stored, too.
Pairs measure_pairs(const Plan& a, const Plan& b, const ExplainOptions& options,
                    Progress& progress) {
  RunKeeper keeper(options.run.store);
  return measure_pairs(a, b, options.pairs, unfit_if(options.force), progress,
                       [&](const Pairs& made) {
                         keep_pair(keeper, made);
                         return Status();
                       });
}

// `words`: of the program or programs, as behind "--".
Result<Material> measure_material(const App& app, ExplainOptions& options,
                                  const std::vector<std::string>& words, Progress& progress) {
  if (Status store = check_keep_options(options.run.store); !store) return std::move(store).error();
  Material material;
  if (std::ranges::find(words, "--vs") != words.end() || differs_by_option(app)) {
    auto plans = plan_sides(app, options.run, words);
    if (!plans) return std::move(plans).error();
    material.plan_a = std::move(plans->first);
    material.plan_b = std::move(plans->second);
    Pairs pairs = measure_pairs(*material.plan_a, *material.plan_b, options, progress);
    if (pairs.failure && pairs.a.empty()) return *std::move(pairs.failure);
    if (pairs.a.empty())
      return Error{.operation = "explain",
                   .why = "it was interrupted before the first pair of runs was made"};
    material.a = std::move(pairs.a);
    material.b = std::move(pairs.b);
    material.paired = true;
    material.notes = std::move(pairs.notes);
    material.stopped = pairs.stopped || pairs.failure.has_value();
    return material;
  }
  RunOptions run = options.run;
  run.program = words;
  auto plan = plan_run(app, run);
  if (!plan) return std::move(plan).error();
  material.plan_b = *std::move(plan);
  RunKeeper keeper(options.run.store);
  Repeats repeats =
      measure_repeats(*material.plan_b, options.pairs, progress, [&](const Measured& made) {
        keeper.keep("", made.snapshot, unfit_for(made));
        return Status();
      });
  if (repeats.runs.empty() && repeats.failure) return *std::move(repeats.failure);
  for (Measured& run_of_it : repeats.runs)
    material.b.push_back(std::move(run_of_it.snapshot));
  material.stopped = repeats.stopped || repeats.failure || repeats.runs.back().stop_asked;
  if (repeats.failure)
    material.notes.push_back(fmt::format("{} of {} runs were made: {}", repeats.runs.size(),
                                         options.pairs, repeats.failure->text()));
  return material;
}

Result<Material> material_of(const App& app, ExplainOptions& options,
                             const std::vector<std::string>& program, Progress& progress) {
  if (options.paired && options.vs.empty())
    return usage_error("explain: --paired is for recorded runs on both sides of --vs");
  if (!program.empty()) {
    if (!options.of.empty() || !options.vs.empty())
      return usage_error("explain: programs behind -- and words before it cannot be mixed");
    return measure_material(app, options, {program.begin() + 1, program.end()}, progress);
  }
  if (options.of.empty())
    return usage_error("explain: nothing to explain", "try: trace-run explain servers/thread_echo");
  const bool programs = is_program(options.of.front());
  if (programs) {
    if (options.paired) return usage_error("--paired: runs that are measured here are in pairs");
    if (options.of.size() > 1 || options.vs.size() > 1)
      return usage_error("explain: one server, and one behind --vs",
                         "a program's arguments stand with it behind --");
    std::vector<std::string> words = options.of;
    if (!options.vs.empty()) words.insert(words.end(), {"--vs", options.vs.front()});
    return measure_material(app, options, words, progress);
  }
  if (Status measured = check_not_given(app, {"--factorial", "--no-db", "--db-limit"}); !measured)
    return std::move(measured).error();
  if (differs_by_option(app))
    return usage_error("--vs-OPTION is for programs to measure, and these runs were made before");
  Material material;
  const bool two = !options.vs.empty();
  auto first = runs_of(options.of, options.run.store.db);
  if (!first) return std::move(first).error();
  (two ? material.a : material.b) = *std::move(first);
  if (two) {
    auto second = runs_of(options.vs, options.run.store.db);
    if (!second) return std::move(second).error();
    material.b = *std::move(second);
  }
  if (options.paired && material.a.size() != material.b.size())
    return usage_error(fmt::format("--paired: {} runs cannot be paired with {}", material.a.size(),
                                   material.b.size()));
  material.paired = options.paired;
  return material;
}

// One experiment; what keeps it from being made is a note.
void make_experiment(const explain::PlannedExperiment& planned, Material& material,
                     const ExplainOptions& options, Progress& progress,
                     explain::Explanation& explanation) {
  explain::Finding& finding = explanation.findings[planned.finding];
  const Plan& base = planned.on_b ? *material.plan_b : *material.plan_a;
  const std::string what = report::change_words(planned.experiment.change);
  auto other = changed(base, planned.experiment.change);
  if (!other) {
    material.notes.push_back(fmt::format("No experiment on \"{}\" ({}): {}.", finding.cause->name(),
                                         what, other.error().text()));
    return;
  }
  progress.say(fmt::format("Experiment: {} {}", base.program, what));
  Pairs pairs = measure_pairs(base, *other, options, progress);
  material.stopped = pairs.stopped;
  if (pairs.a.empty()) {
    const std::string why = pairs.failure ? pairs.failure->text() : "it was interrupted";
    material.notes.push_back(
        fmt::format("No experiment on \"{}\" ({}): {}.", finding.cause->name(), what, why));
    return;
  }
  auto trial = explain::judge(*finding.cause, planned.experiment, pairs.a, pairs.b);
  if (!trial) {
    material.notes.push_back(trial.error().text() + ".");
    return;
  }
  finding.trial = *std::move(trial);
  finding.standing = finding.trial->standing;
}

// The changes of the experiments in all combinations; what keeps them from being made is a note.
std::optional<explain::Factorial> make_factorial(std::span<const explain::PlannedExperiment> made,
                                                 Material& material, const ExplainOptions& options,
                                                 const explain::Explanation& explanation,
                                                 Progress& progress) {
  const auto no = [&](std::string why) {
    material.notes.push_back("No changes were tried together: " + std::move(why) + ".");
    return std::nullopt;
  };
  const auto factors = explain::choose_factors(made, explanation);
  if (!factors) return no("there are no two experiments, of one side, that took their causes away");
  const Plan& base = factors->on_b ? *material.plan_b : *material.plan_a;
  RunKeeper keeper(options.run.store);
  const auto settings =
      measure_settings(base, factors->changes, options.pairs, unfit_if(options.force), progress,
                       [&](std::size_t mask, const Snapshot& run) {
                         keeper.keep(std::to_string(mask), run, unfit_for(run));
                       });
  if (!settings) return no(settings.error().text());
  material.stopped = settings->stopped;
  std::ranges::copy(settings->notes, std::back_inserter(material.notes));
  auto factorial = explain::judge_factorial(*factors, settings->runs);
  if (settings->failure)
    material.notes.push_back("Not all changes were tried together: " + settings->failure->text());
  else if (settings->stopped && factorial)
    material.notes.emplace_back(
        "Not all changes were tried together as often as was asked for: a signal ended it.");
  if (!factorial) {
    material.notes.push_back(
        fmt::format("The changes that were tried together tell nothing: {}.",
                    settings->stopped ? "it was interrupted" : factorial.error().text()));
    return std::nullopt;
  }
  return *std::move(factorial);
}

// Of one server, or of runs of it.
Status explain_stages(const App& app, ExplainOptions& options,
                      const std::vector<std::string>& program, Progress& progress) {
  std::vector<std::string> words = program;
  if (!words.empty()) words.erase(words.begin());
  if (!options.vs.empty() || differs_by_option(app) ||
      std::ranges::find(words, "--vs") != words.end())
    return usage_error("--sensitivity is of one server: leave out --vs");
  if (words.empty() == options.of.empty())
    return usage_error("--sensitivity: name one server, or runs of it");
  if (words.empty() && !is_program(options.of.front())) {
    auto runs = runs_of(options.of, options.run.store.db);
    if (!runs) return std::move(runs).error();
    if (Status measured = check_not_given(app, {"--delays", "--no-db", "--db-limit"}); !measured)
      return measured;
    return explain_sensitivity(*std::move(runs), unfit_if(options.force), options.document);
  }
  if (options.of.size() > 1)
    return usage_error("--sensitivity is of one server",
                       "a program's arguments stand with it behind --");
  RunOptions run = options.run;
  run.program = words.empty() ? options.of : words;
  const auto plan = plan_run(app, run);
  if (!plan) return plan.error();
  if (Status store = check_keep_options(options.run.store); !store) return store;
  const SensitivityOptions stages{.stages = options.sensitivity,
                                  .delays = options.delays,
                                  .rounds = options.pairs,
                                  .unfit = unfit_if(options.force),
                                  .store = options.run.store};
  return explain_sensitivity(*plan, stages, progress, options.document);
}

Status explain_it(const App& app, ExplainOptions& options,
                  const std::vector<std::string>& program) {
  if (options.factorial && options.experiments < 2)
    return usage_error("--factorial needs --experiments 2 or more: it combines what they change");
  if (Status writable = check_document_options(options.document); !writable) return writable;
  Progress progress(!options.document.quiet);
  if (!options.sensitivity.empty()) return explain_stages(app, options, program, progress);
  if (app.get_option("--delays")->count() > 0) return usage_error("--delays is for --sensitivity");
  auto material = material_of(app, options, program, progress);
  progress.clear();
  if (!material) return std::move(material).error();
  auto explanation =
      explain::explain(material->a, material->b, material->paired, unfit_if(options.force));
  if (!explanation) {
    Error error = std::move(explanation).error();
    // Why the last run was unfit.
    if (!material->notes.empty()) error.why += fmt::format(" ({})", material->notes.back());
    return error;
  }
  if (explanation->comparison)
    if (Status comparable =
            check_comparable(explanation->comparison->settings, options.force, "explains");
        !comparable)
      return comparable;
  std::optional<explain::Factorial> factorial;
  if (material->plan_b) {
    const auto experiments = plan_experiments(*explanation, options.experiments);
    for (const explain::PlannedExperiment& planned : experiments) {
      if (material->stopped) break;
      make_experiment(planned, *material, options, progress, *explanation);
    }
    if (options.factorial && !material->stopped)
      factorial = make_factorial(experiments, *material, options, *explanation, progress);
  }
  progress.clear();
  return write_document(
      report::ExplanationReport{*explanation, material->notes, std::move(factorial)},
      options.document);
}

}  // namespace

void setup_explain(App& app, const std::vector<std::string>& program, int& exit_code) {
  auto options = std::make_shared<ExplainOptions>();
  App command = app.add_subcommand(
      "explain", "Say what makes a server as dear as it is, or dearer than another");
  command->footer(kFooter);
  command->add_option("of", options->of, "The server, or runs of it")->type_name("[SERVER]");
  command->add_option("--vs", options->vs, "Against this one, or its runs: A before, B behind it")
      ->type_name("SERVER");
  command->add_option("--pairs", options->pairs, "So many runs, and pairs of runs per experiment")
      ->type_name("N")
      ->range(std::size_t{1}, kMostPairs)
      ->capture_default_str();
  command
      ->add_option("--experiments", options->experiments,
                   "At most so many experiments, on the heaviest causes (0: none)")
      ->type_name("N")
      ->range(0, 20)
      ->capture_default_str();
  command->add_flag("--paired", options->paired,
                    "The recorded runs were made in pairs: the first of A beside the first of B");
  command->add_flag("--factorial", options->factorial,
                    "Then make the changes of up to three experiments in all combinations: what "
                    "do they do together?");
  command->add_flag("--sensitivity", options->sensitivity,
                    "Instead: delay one stage at a time, and say which is on the bottleneck "
                    "(--sensitivity=STAGES: of receive,send,wait,wake-up only these)");
  command
      ->add_option(
          "--delays", options->delays,
          fmt::format("The delays of --sensitivity, per message: up to {}, each at most {}",
                      kMostDelays, load::format_duration(kMostDelayNs)))
      ->type_name("TIMES")
      ->capture_default_str();
  command->add_flag("--force", options->force,
                    "Explain also unfit and unfair runs, and across protocols, message sizes, "
                    "kernels and sets of probes");
  add_side_b_options(command);
  add_plan_options(command, options->run);
  add_keep_options(command, options->run.store);
  add_document_options(command, options->document, "explanation",
                       "Tell also what has little weight");
  command->callback([command, options, &program, &exit_code] {
    const Status done = explain_it(command, *options, program);
    exit_code = done ? 0 : report(done.error());
  });
}

}  // namespace tr::commands
