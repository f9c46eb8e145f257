#include "explain/explain.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "explain/causes/causes.h"
#include "explain/side.h"
#include "explain/spread.h"
#include "metrics/verdict.h"

namespace tr::explain {
namespace {

// Of explanations of a server beside itself at most 5 % are to name anything. Tests at that level
// named something in 6 of 100: short runs scatter wider now and then than t allows for.
constexpr double kLevel = 0.02;
// A state of this share of the threads' working time keeps CPUs idle.
constexpr double kMuch = 0.2;

CpuUse use_of(const Facts& run) {
  CpuUse use{.in_use = run["cpus_in_use"], .cpus = run["cpus"]};
  const double blocked = run.blocked_ns([](std::string_view) { return true; });
  const double cpu = run.cpu_ns();
  const auto much = [&](auto is_it) { return run.blocked_ns(is_it) > kMuch * (blocked + cpu); };
  if (run["threads"] < 1.5 && use.cpus > 1 && use.in_use >= metrics::kAtItsLimit)
    use.limit = CpuUse::Limit::kOneThread;
  else if (run["cpus.awake_share"] >= metrics::kAtItsLimit)
    use.limit = CpuUse::Limit::kCpus;
  else if (much([](std::string_view call) { return call.starts_with("futex"); }))
    use.limit = CpuUse::Limit::kLocks;
  else if (much([](std::string_view call) { return call.find("nanosleep") != call.npos; }))
    use.limit = CpuUse::Limit::kSleeps;
  else if (blocked > kMuch * (blocked + cpu))
    use.limit = CpuUse::Limit::kOther;
  return use;
}

// With what the switches of one side may have made dearer beside themselves.
struct Sides {
  Side a;
  Side b;

  [[nodiscard]] statistics::Difference part(std::size_t cause, bool paired) const {
    return difference(a.empty() ? std::vector<double>() : a.claims[cause], b.claims[cause], paired);
  }
};

Sides spread_by(Sides sides, Reach reach) {
  if (!sides.a.empty()) spread(sides.a, sides.b, reach);
  return sides;
}

void widen(std::optional<statistics::Interval>& interval,
           const std::optional<statistics::Interval>& other) {
  if (!interval || !other) return;
  interval->low = std::min(interval->low, other->low);
  interval->high = std::max(interval->high, other->high);
}

// By what is not known exactly, and no repeat shows: independent of chance, and so added by
// squares.
void widen(statistics::Estimate& change, double by) {
  if (!change.interval) return;
  change.interval->low = change.value - std::hypot(change.value - change.interval->low, by);
  change.interval->high = change.value + std::hypot(change.interval->high - change.value, by);
}

// What tracing takes per call is divided between the call and the code around it by a rule
// (Facts::measure_tracing_by_bare_run); for calls of known cost, that was wrong by up to so much of
// it.
constexpr double kOfTracing = 0.3;

// Of each cause, by how many ns its part may be wrong for that.
std::vector<double> doubtful_ns(const Sides& sides, const Facts* mean_a, const Facts& mean_b) {
  double tracing = mean_b["tracing.ns"];
  double calls = mean_b["per_message.syscalls"];
  if (mean_a != nullptr) {
    tracing += (*mean_a)["tracing.ns"];
    calls += (*mean_a)["per_message.syscalls"];
  }
  std::vector<double> doubtful(causes().size());
  if (calls <= 0 || tracing <= 0) return doubtful;
  for (std::size_t i = 0; i < causes().size(); ++i)
    if (causes()[i]->kind() != Cause::Kind::kTracing)
      doubtful[i] = kOfTracing * tracing / calls *
                    std::abs(sides.b.calls[i] - (sides.a.empty() ? 0 : sides.a.calls[i]));
  return doubtful;
}

// The rows for each cause that has something on a side.
std::vector<Finding> find_all(const Sides& claimed, const Sides& likely, const Explanation& means,
                              bool paired, double whole) {
  const Facts& mean_b = *means.facts_b;
  const Facts& mean_a = means.facts_a ? *means.facts_a : mean_b;
  const Sides least = spread_by(claimed, Reach::kLeast);
  const Sides most = spread_by(claimed, Reach::kMost);
  const std::vector<double> doubtful =
      doubtful_ns(claimed, means.facts_a ? &*means.facts_a : nullptr, mean_b);
  const bool has_a = !likely.a.empty();
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < causes().size(); ++i) {
    const Cause& cause = *causes()[i];
    Finding finding;
    finding.on_a = has_a && cause.shows(mean_a);
    finding.on_b = cause.shows(mean_b);
    if (!finding.on_a && !finding.on_b) continue;
    finding.cause = &cause;
    if (has_a) finding.a_ns = statistics::mean(likely.a.claims[i]);
    finding.b_ns = statistics::mean(likely.b.claims[i]);
    finding.part = likely.part(i, paired);
    for (const Sides* other : {&least, &most})
      widen(finding.part.change.interval, other->part(i, paired).change.interval);
    widen(finding.part.change, doubtful[i]);
    if (whole != 0) finding.share = (finding.b_ns - finding.a_ns) / whole;
    finding.figure_b = mean_b[cause.figure()];
    if (has_a) finding.figure_a = mean_a[cause.figure()];
    if (finding.on_b) finding.guess_ns = cause.guess_ns(mean_b);
    if (finding.on_a) finding.guess_ns -= cause.guess_ns(mean_a);
    findings.push_back(std::move(finding));
  }
  return findings;
}

void adjust(std::vector<Finding>& findings) {
  std::vector<double> p;
  std::vector<Finding*> tested;
  for (Finding& finding : findings)
    if (finding.part.p) {
      p.push_back(*finding.part.p);
      tested.push_back(&finding);
    }
  const std::vector<double> adjusted = statistics::benjamini_hochberg(p);
  for (std::size_t i = 0; i < tested.size(); ++i)
    tested[i]->adjusted_p = adjusted[i];
}

// Whether a difference is more than chance; with one run on a side nobody knows, and all are kept.
bool is_shown(const Finding& finding, const compare::Comparison& comparison) {
  // A limit tells what the throughput is worth, whether the sides differ in it or not.
  if (finding.cause->kind() == Cause::Kind::kLimit || comparison.one_run()) return true;
  if (finding.part.exact && finding.part.change.value != 0) return true;
  if (finding.adjusted_p.value_or(1) <= kLevel) return true;
  if (finding.guess_ns == 0) return false;
  const compare::Row* row = comparison.find(finding.cause->figure());
  return row != nullptr && row->standing == compare::Standing::kShown;
}

// Calls that have become dearer, and that no cause but the account has.
double dearer_ns(const compare::Comparison& comparison, const Side& a, const Side& b) {
  const std::size_t index = index_of(calls());
  double all = 0;
  double dearer = 0;
  for (const compare::CallRow& row : comparison.calls) {
    all += row.difference_ns();
    dearer += row.dearer_calls_ns;
  }
  const double accounted = statistics::mean(b.claims[index]) - statistics::mean(a.claims[index]);
  return all == 0 ? 0 : dearer * std::clamp(accounted / all, 0.0, 1.0);
}

bool has(std::span<const metrics::Doubt> doubts, metrics::Doubt::Kind kind) {
  return std::ranges::find(doubts, kind, &metrics::Doubt::kind) != doubts.end();
}

Side usable_side(std::span<const Snapshot> runs, compare::Unfit unfit) {
  Side side;
  for (const Snapshot& run : runs)
    if (auto facts = usable_facts(run, unfit)) side.runs.push_back(*std::move(facts));
  return side;
}

// What tracing takes is measured where all runs were also made without it; one that was not would
// have its share of it in its own code. Whether it is.
bool claim(Side& a, Side& b) {
  const auto has_bare_run = [](const Facts& run) { return run.has_bare_run(); };
  const bool all =
      std::ranges::all_of(a.runs, has_bare_run) && std::ranges::all_of(b.runs, has_bare_run);
  for (Side* side : {&a, &b}) {
    for (Facts& run : side->runs)
      if (all) run.measure_tracing_by_bare_run();
    side->claim();
  }
  return all;
}

// The first run of which there is this doubt.
const Snapshot* doubted(std::span<const Snapshot> runs, metrics::Doubt::Kind kind) {
  const auto run = std::ranges::find_if(runs, [&](const Snapshot& each) {
    return has(metrics::doubts_about(each, metrics::compute(each)), kind);
  });
  return run == runs.end() ? nullptr : &*run;
}

// With the reason of which no second try frees.
Error unusable(std::string_view server, std::span<const Snapshot> runs) {
  std::string why = "none is fit, with messages and a budget";
  std::string remedy = "trace-run report shows a run's warnings";
  if (const Snapshot* run = doubted(runs, metrics::Doubt::Kind::kLoadSaturated)) {
    why = "the load generator was itself the limit, " + run->load->saturation;
    remedy = "leave it a CPU of its own (--pin, --pin-load), or load less (--rate)";
  } else if (const Snapshot* unfair = doubted(runs, metrics::Doubt::Kind::kUnfair)) {
    why = fmt::format(
        "it serves some connections much less than others (Jain's index {:.2f}), so that no "
        "message stands for all",
        unfair->load->fairness_jain);
    remedy =
        "trace-run report shows what each connection got; with fewer connections it may be fair";
  }
  return Error{.operation = "explain",
               .object = std::string(server),
               .why = "it has no run that can be used: " + why,
               .remedy = std::move(remedy)};
}

}  // namespace

std::optional<Facts> usable_facts(const Snapshot& run, compare::Unfit unfit) {
  const metrics::Metrics metrics = metrics::compute(run);
  if (!metrics.budget || !metrics.messages.count) return std::nullopt;
  const std::vector<metrics::Doubt> doubts = metrics::doubts_about(run, metrics);
  const bool fair = !has(doubts, metrics::Doubt::Kind::kUnfair);
  if (unfit == compare::Unfit::kLeaveOut && !(fair && metrics::verdict_on(doubts).fit()))
    return std::nullopt;
  return Facts(run, metrics);
}

double Finding::weight() const {
  if (cause->kind() == Cause::Kind::kLimit) return std::max(figure_a, figure_b);
  return std::max(std::abs(b_ns - a_ns), std::abs(guess_ns));
}

Result<Explanation> explain(std::span<const Snapshot> a, std::span<const Snapshot> b, bool paired,
                            compare::Unfit unfit) {
  Explanation result;
  result.alone = a.empty();
  if (!a.empty()) result.server_a = a.front().config.server;
  if (!b.empty()) result.server_b = b.front().config.server;
  Side before;
  Side after;
  if (!result.alone) {
    auto comparison = compare::compare_runs(a, b, paired, unfit);
    if (!comparison) return std::move(comparison).error();
    result.comparison = *std::move(comparison);
    paired = result.comparison->paired;
    // As the comparison has it: of a pair both runs, or none.
    for (std::size_t i = 0; paired && i < a.size(); ++i) {
      auto of_a = usable_facts(a[i], unfit);
      auto of_b = usable_facts(b[i], unfit);
      if (!of_a || !of_b) continue;
      before.runs.push_back(*std::move(of_a));
      after.runs.push_back(*std::move(of_b));
    }
    if (!paired) before = usable_side(a, unfit);
    // Of pairs, the side that spoils them is named.
    if (before.empty() && paired && usable_side(b, unfit).empty())
      return unusable(result.server_b, b);
    if (before.empty()) return unusable(result.server_a, a);
  }
  if (!paired || result.alone) after = usable_side(b, unfit);
  if (after.empty()) return unusable(result.server_b, b);
  const bool measured_bare = claim(before, after);

  result.runs_a = before.runs.size();
  result.runs_b = after.runs.size();
  result.cpu_b_ns = statistics::mean(after.cpu_ns);
  result.facts_b = Facts::mean(after.runs);
  result.use_b = use_of(*result.facts_b);
  if (!result.alone) {
    result.cpu_a_ns = statistics::mean(before.cpu_ns);
    result.facts_a = Facts::mean(before.runs);
    result.use_a = use_of(*result.facts_a);
    if (const auto& budget = result.comparison->budget) {
      result.log_throughput = budget->apportioning.log_ratio;
      result.log_cpus_in_use = budget->apportioning.log_cpus_in_use;
      result.log_cpu_time = budget->apportioning.log_cpu_time;
    }
  }
  result.cpu = difference(before.cpu_ns, after.cpu_ns, paired);
  if (measured_bare)
    result.bare_cpu = difference(before.bare_cpu_ns(), after.bare_cpu_ns(), paired);
  const double whole = result.cpu_b_ns - result.cpu_a_ns;
  const Sides claimed{std::move(before), std::move(after)};
  const Sides likely = spread_by(claimed, Reach::kLikely);
  result.findings = find_all(claimed, likely, result, paired, whole);
  adjust(result.findings);
  for (const Finding& finding : result.findings)
    if (result.alone ? finding.cause->kind() == Cause::Kind::kAccount
                     : finding.cause == &interrupts())
      result.unexplained_ns += finding.b_ns - finding.a_ns;
  if (!result.alone) {
    result.unexplained_ns += dearer_ns(*result.comparison, likely.a, likely.b);
    std::erase_if(result.findings,
                  [&](const Finding& finding) { return !is_shown(finding, *result.comparison); });
  }
  if (whole != 0) result.unexplained_share = result.unexplained_ns / whole;
  const auto place = [](const Finding& finding) {
    return std::tuple(finding.cause->kind(), -finding.weight());
  };
  std::ranges::stable_sort(result.findings,
                           [&](const Finding& x, const Finding& y) { return place(x) < place(y); });
  return result;
}

std::vector<PlannedExperiment> plan_experiments(const Explanation& explanation, std::size_t most) {
  std::vector<PlannedExperiment> planned;
  for (std::size_t i = 0; i < explanation.findings.size() && planned.size() < most; ++i) {
    const Finding& finding = explanation.findings[i];
    const bool on_b = explanation.alone || finding.figure_b >= finding.figure_a;
    const std::optional<Facts>& facts = on_b ? explanation.facts_b : explanation.facts_a;
    if (!facts || !finding.cause->shows(*facts)) continue;
    if (auto experiment = finding.cause->experiment(*facts))
      planned.push_back({i, on_b, *std::move(experiment)});
  }
  return planned;
}

}  // namespace tr::explain
