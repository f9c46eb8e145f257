// What differs between two sets of runs, by how much, and what of it is more than chance?
//
// Plain values: how they read is the report's business. Every difference is B - A. Times are in
// nanoseconds per message unless they say otherwise.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compare/settings.h"
#include "metrics/budget.h"
#include "metrics/doubts.h"
#include "metrics/figures.h"
#include "snapshot/snapshot.h"
#include "statistics/difference.h"
#include "util/result.h"

namespace tr::compare {

// Of comparisons of a server with itself, at most this share tells of any difference: the false
// discovery rate over all rows, which is that where nothing differs.
inline constexpr double kFalseShare = 0.05;
// A change by less than this share is not worth telling, however sure: counts per message differ
// in their fifth digit by what was under way at the window's edges.
inline constexpr double kWorthTelling = 0.001;
// What happens less often than once in so many messages, or takes less than 1 ns of each, is what
// the program does beside its messages: not tested, and no change by less is told.
inline constexpr double kRareCount = 0.001;
inline constexpr double kRareNs = 1;

enum class Standing {
  kShown,     // more than chance, and worth telling
  kNotShown,  // may be chance, or is not worth telling; see Difference::least_seen
  kOneRun,    // a side has one run: nobody knows
  kRare,      // on both sides: not tested
};

// One figure of both sides.
struct Row {
  std::string name;  // as metrics::Figure
  metrics::Unit unit = metrics::Unit::kCount;
  metrics::Better better = metrics::Better::kNeither;
  double a = 0;  // means over the runs
  double b = 0;
  statistics::Difference difference;
  std::optional<double> adjusted_p;  // over all rows tested; absent as Difference::p, or if kRare
  Standing standing = Standing::kNotShown;
};

// A state of the budget. The states' differences add up to that of the whole.
struct StateRow {
  metrics::TimeState state = metrics::TimeState::kUser;
  std::string call;  // as TimeRow
  std::string object;
  bool outside = false;  // of kBlocked: in no call, and that is known; not just an unknown call
  double a_ns = 0;
  double b_ns = 0;
  // Its part of ln(throughput B / A): minus its difference over the logarithmic mean of the wholes.
  double log_effect = 0;
  std::string name;                // of its figure
  std::optional<std::size_t> row;  // of Comparison::rows

  [[nodiscard]] double difference_ns() const { return b_ns - a_ns; }
};

// The throughput is X = n / t: n threads alive on average, each message takes t of their time.
//   ln(XB / XA) = ln(nB / nA) - ln(tB / tA),   ln(tB / tA) = sum of (tB_i - tA_i) / L(tA, tB)
// with the logarithmic mean L(x, y) = (y - x) / ln(y / x) (Ang, Energy Policy 33, 2005: LMDI).
// Exact for each pair of runs, and so for the mean over pairs; of runs made apart, all pairs are
// taken. An account, not a cause: the states share the threads' time, so that who computes longer
// also makes others wait.
struct Apportioning {
  double log_ratio = 0;    // of the throughput that is reported
  double log_threads = 0;  // ln(nB / nA)
  double log_states = 0;   // of all states: -ln(tB / tA)
  // What the reported throughput, of a run's steady part, has beyond that of the whole window.
  double log_steady = 0;
  double threads_a = 0;  // geometric means
  double threads_b = 0;
  // The same for the time on CPUs alone: X = CPUs in use / CPU time per message.
  std::optional<double> log_cpus_in_use;
  std::optional<double> log_cpu_time;
};

struct BudgetDifference {
  std::vector<StateRow> rows;  // as in the budget; by state, then by magnitude of the difference
  double a_ns = 0;             // the whole: all threads' time
  double b_ns = 0;
  // Of the whole, in no state or in two: 0, or there is a bug.
  double residual_a_ns = 0;
  double residual_b_ns = 0;
  Apportioning apportioning;
};

// A system call's CPU time per message: more calls, or dearer ones? With c calls at k ns each,
// d(ck) = dc * mean(k) + dk * mean(c), exactly.
struct CallRow {
  std::string name;
  double a_calls = 0;  // per message
  double b_calls = 0;
  double a_ns = 0;  // per message, on a CPU
  double b_ns = 0;
  double more_calls_ns = 0;
  double dearer_calls_ns = 0;
  std::optional<std::size_t> calls_row;  // of Comparison::rows
  std::optional<std::size_t> time_row;

  [[nodiscard]] double difference_ns() const { return b_ns - a_ns; }
};

// What becomes of runs that are unfit.
enum class Unfit { kLeaveOut, kUse };

struct UnfitRun {
  char side = 'A';
  std::size_t run = 0;                    // from 1, as given
  std::vector<metrics::Doubt::Kind> why;  // empty: the other run of its pair was left out
  bool used = false;                      // all the same
};

struct Comparison {
  std::string server_a;
  std::string server_b;
  bool paired = false;
  std::size_t runs_a = 0;  // used
  std::size_t runs_b = 0;
  std::vector<UnfitRun> unfit;
  std::vector<SettingDifference> settings;
  std::vector<Row> rows;
  std::optional<BudgetDifference> budget;  // absent unless all runs have one
  std::vector<CallRow> calls;              // by magnitude of the difference; empty as the budget
  std::size_t tested = 0;                  // rows

  [[nodiscard]] const Row* find(std::string_view name) const;
  [[nodiscard]] bool one_run() const { return runs_a < 2 || runs_b < 2; }
};

// `paired`: a[i] was made beside b[i]. An error where a side has no run that can be used.
Result<Comparison> compare_runs(std::span<const Snapshot> a, std::span<const Snapshot> b,
                                bool paired, Unfit unfit = Unfit::kLeaveOut);

}  // namespace tr::compare
