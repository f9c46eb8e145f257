// Recorded runs in, expected reports out.
//
// After a change of the reports that is meant:
//   TRACE_RUN_GOLDEN=update build/dev/tests/golden/golden    writes the expected reports anew
// After a change of the snapshot's file form that is meant (old files must stay readable, unless
// kSnapshotVersion was raised):
//   TRACE_RUN_GOLDEN=record build/dev/tests/golden/golden    records the runs of runs.cpp anew too
// then read the difference before committing it.
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "../unit/compare/synthetic_runs.h"
#include "golden_check.h"
#include "report/comparison.h"
#include "report/content.h"
#include "report/folded.h"
#include "report/json.h"
#include "report/judged_run.h"
#include "report/markdown.h"
#include "report/repeats.h"
#include "report/text.h"
#include "runs.h"
#include "snapshot/snapshot_file.h"
#include "util/text.h"

namespace tr::golden {
namespace {

std::string path_of(const std::string& file) {
  return std::string(TRACE_RUN_GOLDEN_DIR) + file;
}

enum class Mode { kCompare, kUpdate, kRecord };

Mode mode() {
  const char* const wanted = std::getenv("TRACE_RUN_GOLDEN");
  if (wanted == nullptr) return Mode::kCompare;
  const std::string_view text(wanted);
  if (text == "update") return Mode::kUpdate;
  if (text == "record") return Mode::kRecord;
  ADD_FAILURE() << "TRACE_RUN_GOLDEN is neither \"update\" nor \"record\"";
  return Mode::kCompare;
}

}  // namespace

void check(const std::string& file, const std::string& actual) {
  const std::string path = path_of(file);
  if (mode() != Mode::kCompare) {
    const Status written = write_file(path, actual);
    ASSERT_TRUE(written.ok()) << written.error().text();
    return;
  }
  const Result<std::string> expected = read_file(path);
  ASSERT_TRUE(expected.ok()) << expected.error().text();
  EXPECT_EQ(*expected, actual) << "in " << file
                               << "; if it is meant to change, see golden_test.cpp";
}

namespace {

class Golden : public testing::TestWithParam<NamedRun> {
 protected:
  void SetUp() override {
    if (mode() == Mode::kRecord) {
      const Status saved = save_snapshot(GetParam().snapshot, path_of(name() + ".snapshot"));
      ASSERT_TRUE(saved.ok()) << saved.error().text();
    }
    Result<Snapshot> loaded = load_snapshot(path_of(name() + ".snapshot"));
    ASSERT_TRUE(loaded.ok()) << loaded.error().text();
    snapshot_ = *std::move(loaded);
  }

  [[nodiscard]] static const std::string& name() { return GetParam().name; }

  static std::string text(const report::JudgedRun& run, const report::Detail& detail,
                          const report::TextStyle& style = {}) {
    return render_text(build_report(run, detail), style);
  }

  Snapshot snapshot_;
};

TEST_P(Golden, RecordedFileHoldsTheRun) {
  EXPECT_TRUE(snapshot_ == GetParam().snapshot);
}

TEST_P(Golden, Terminal) {
  check(name() + ".txt", text(report::JudgedRun(snapshot_), {}));
}

TEST_P(Golden, TerminalWithTables) {
  report::Detail detail;
  detail.syscalls = detail.threads = detail.cross_check = true;
  check(name() + ".tables.txt", text(report::JudgedRun(snapshot_), detail));
}

TEST_P(Golden, Folded) {
  if (!snapshot_.stacks) GTEST_SKIP() << "has no stacks";
  check(name() + ".folded", report::render_folded(report::JudgedRun(snapshot_)));
}

TEST_P(Golden, Markdown) {
  check(name() + ".md",
        render_markdown(build_report(report::JudgedRun(snapshot_), report::kEverything)));
}

TEST_P(Golden, Json) {
  check(name() + ".json", report::render_json(report::JudgedRun(snapshot_)));
}

// Of two made-up servers: B locks, and so makes more calls and waits longer.
TEST(GoldenComparison, OfSetsOfRuns) {
  compare::Draw draw(20261122);
  compare::Truth locking;
  locking.server = "locking_echo";
  locking.messages = 150'000;
  locking.threads = 12;
  locking.receives = 1.5;
  locking.futexes = 0.4;
  locking.futex_blocked_ns = 9'000;
  const auto comparison = compare::compare_runs(compare::runs_of({}, 6, draw),
                                                compare::runs_of(locking, 6, draw), true);
  ASSERT_TRUE(comparison.ok()) << comparison.error().text();
  const auto gate = compare::parse_gate("per_message.syscalls > +1%");
  ASSERT_TRUE(gate.ok());
  const auto gates = judge_gates({*gate}, *comparison);
  ASSERT_TRUE(gates.ok());
  const report::ComparisonReport content{
      *comparison, *gates, {"the runs were made in the order AB BA BA AB AB BA"}};
  check("comparison.txt", render_text(build_report(content, false), {}));
  check("comparison.md", render_markdown(build_report(content, true)));
}

// Two recorded runs, as they are: one each.
TEST(GoldenComparison, OfRecordedRuns) {
  std::vector<Snapshot> a, b;
  for (const auto& [name, side] : {std::pair("epoll_echo", &a), std::pair("thread_echo", &b)}) {
    Result<Snapshot> run = load_snapshot(path_of(std::string(name) + ".snapshot"));
    ASSERT_TRUE(run.ok()) << run.error().text();
    side->push_back(*std::move(run));
  }
  const auto comparison = compare::compare_runs(a, b, false);
  ASSERT_TRUE(comparison.ok()) << comparison.error().text();
  const report::ComparisonReport content{*comparison, {}, {}};
  check("comparison_of_two.txt", render_text(build_report(content, false), {}));
}

INSTANTIATE_TEST_SUITE_P(Runs, Golden, testing::ValuesIn(recorded_runs()),
                         [](const auto& param) { return param.param.name; });

class GoldenRepeats : public testing::TestWithParam<NamedRepeats> {
 protected:
  GoldenRepeats() {
    const NamedRepeats& made = GetParam();
    repeats_.asked = made.asked;
    for (std::size_t i = 0; i < made.runs.size(); ++i)
      repeats_.add(made.runs[i], made.failures.empty() ? "" : made.failures[i]);
    repeats_.sum_up();
  }

  [[nodiscard]] static const std::string& name() { return GetParam().name; }

  report::JudgedRepeats repeats_;
};

TEST_P(GoldenRepeats, Terminal) {
  check(name() + ".txt", render_text(build_report(repeats_, {}), {}));
}

TEST_P(GoldenRepeats, Markdown) {
  check(name() + ".md", render_markdown(build_report(repeats_, report::kEverything)));
}

TEST_P(GoldenRepeats, Json) {
  check(name() + ".json", render_json(repeats_));
}

INSTANTIATE_TEST_SUITE_P(Repeats, GoldenRepeats, testing::ValuesIn(recorded_repeats()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace tr::golden
