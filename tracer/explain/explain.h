// What makes one server dearer than another, or a server as dear as it is?
//
// Plain values; the words are the report's. Times are in ns per message. Of two servers the causes'
// parts are differences, B - A; of one alone they are what it has.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compare/comparison.h"
#include "explain/cause.h"
#include "snapshot/snapshot.h"
#include "statistics/difference.h"
#include "util/result.h"

namespace tr::explain {

enum class Standing {
  kAssociated,  // it is there where the time is; nobody has tried
  kConfirmed,   // without it the time went, as much as was predicted
  kRefuted,     // without it the time stayed
  kUndecided,   // tried, and not to be told yet
};

// Why an experiment does not decide.
enum class Doubt {
  kNone,
  kFigureStayed,  // the change did not take the cause away: no experiment
  kNoise,         // may be chance: see Trial::repeats_needed
  kOtherSize,     // CPU time fell, but by more or less than was predicted: something else fell too
  kPartStayed,    // CPU time fell, but not in the states that the cause claims
};

// An experiment that was made.
struct Trial {
  Experiment experiment;
  double figure_before = 0;
  double figure_after = 0;
  statistics::Difference cpu_ns;     // per message, after - before
  statistics::Difference part_ns;    // the cause's own part of it
  std::optional<double> throughput;  // after / before
  Standing standing = Standing::kUndecided;
  Doubt doubt = Doubt::kNone;
  std::optional<std::uint64_t> repeats_needed;  // of kNoise: pairs
};

struct Finding {
  const Cause* cause = nullptr;
  double a_ns = 0;  // its part; A's is 0 where B stands alone
  double b_ns = 0;
  // B - A; of B alone its part as change. Its interval also holds what is not known for certain
  // and no repeat shows: how much else switches make dearer (spread.h), and how what tracing takes
  // is divided between calls and the code around them.
  statistics::Difference part;
  double share = 0;                  // of the whole difference, or of B's CPU time
  std::optional<double> adjusted_p;  // over all findings
  bool on_a = false;                 // that side shows it at all, by its mean
  bool on_b = false;
  double figure_a = 0;
  double figure_b = 0;
  double guess_ns = 0;  // where no part can be measured: for the order alone
  std::optional<Trial> trial;
  Standing standing = Standing::kAssociated;

  // What the order goes by.
  [[nodiscard]] double weight() const;
};

// How a server uses CPUs, and what keeps it from using more.
struct CpuUse {
  enum class Limit {
    kCpus,       // it uses all it can get, or waits for them
    kOneThread,  // a single thread, which runs all the time
    kLocks,      // its threads wait for each other
    kSleeps,     // it sleeps: timers
    kOther,      // it waits for something else in the middle of its work
    kWork,       // it waits for messages: the load, or the network
  };
  double in_use = 0;
  double cpus = 0;
  Limit limit = Limit::kWork;
};

struct Explanation {
  bool alone = false;
  std::string server_a;
  std::string server_b;
  std::size_t runs_a = 0;
  std::size_t runs_b = 0;
  std::optional<compare::Comparison> comparison;  // absent alone
  double cpu_a_ns = 0;
  double cpu_b_ns = 0;
  statistics::Difference cpu;
  // The same without tracing; absent unless all runs were made without it, too.
  std::optional<statistics::Difference> bare_cpu;
  // The throughput's: ln(B / A) = that of the CPUs in use - that of CPU time per message.
  std::optional<double> log_throughput;
  std::optional<double> log_cpus_in_use;
  std::optional<double> log_cpu_time;
  // Of each side's runs the mean; absent where there is no such side.
  std::optional<Facts> facts_a;
  std::optional<Facts> facts_b;
  CpuUse use_a;
  CpuUse use_b;
  // What costs, heaviest first; then limits, then accounts, by what they have; then the tracing.
  std::vector<Finding> findings;
  // No reason is named for: calls that are dearer without being more, and interrupts; alone, all
  // accounts.
  double unexplained_ns = 0;
  double unexplained_share = 0;  // of the difference, or of B's CPU time
};

// Of B alone where `a` is empty. `paired`: a[i] was made beside b[i]. An error where no run can be
// used: unfit or unfair ones (unless `unfit` says so), and those without messages or a budget.
Result<Explanation> explain(std::span<const Snapshot> a, std::span<const Snapshot> b, bool paired,
                            compare::Unfit unfit = compare::Unfit::kLeaveOut);

// A run as it is explained; absent where it cannot be used. What a message costs a server that is
// unfair is an average over unlike ones: it is as unfit here.
std::optional<Facts> usable_facts(const Snapshot& run,
                                  compare::Unfit unfit = compare::Unfit::kLeaveOut);

struct PlannedExperiment {
  std::size_t finding = 0;  // of Explanation::findings
  bool on_b = true;         // on the side that shows more of it
  Experiment experiment;
};
// The first `most` that can be made.
std::vector<PlannedExperiment> plan_experiments(const Explanation& explanation, std::size_t most);

// What an experiment has shown: runs before and after the change, in pairs.
Result<Trial> judge(const Cause& cause, const Experiment& experiment,
                    std::span<const Snapshot> before, std::span<const Snapshot> after);

}  // namespace tr::explain
