#include "report/comparison.h"

#include <gmock/gmock.h>

#include "../compare/synthetic_runs.h"
#include "report/markdown.h"
#include "report/text.h"
#include "schema_checker.h"
#include "util/text.h"

namespace tr::report {
namespace {

using compare::Draw;
using compare::Truth;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

compare::Comparison compared(const std::vector<Snapshot>& a, const std::vector<Snapshot>& b) {
  auto comparison = compare::compare_runs(a, b, false);
  EXPECT_TRUE(comparison.ok()) << comparison.error().text();
  return comparison ? *std::move(comparison) : compare::Comparison();
}

compare::Comparison compared(const Truth& b, std::size_t runs = 6) {
  Draw draw(1);
  const auto ours = compare::runs_of({}, runs, draw);
  return compared(ours, compare::runs_of(b, runs, draw));
}

Truth locking() {
  Truth truth;
  truth.server = "locking_echo";
  truth.messages = 150'000;
  truth.futexes = 0.4;
  truth.futex_blocked_ns = 9'000;
  return truth;
}

std::string text_of(const ComparisonReport& report, bool full = false) {
  return render_text(build_report(report, full), {});
}

TEST(ComparisonJson, FitsItsSchema) {
  const Result<std::string> text = read_file(TRACE_RUN_COMPARISON_SCHEMA);
  ASSERT_TRUE(text.ok());
  SchemaChecker checker(json::parse(*text));
  auto gate = compare::parse_gate("per_message.syscalls > +1%");
  ASSERT_TRUE(gate.ok());
  for (const std::size_t runs : {std::size_t{1}, std::size_t{2}, std::size_t{12}}) {
    const compare::Comparison comparison = compared(locking(), runs);
    std::vector<compare::GateResult> gates;
    if (runs > 1) gates = *judge_gates({*gate}, comparison);
    const json document = json::parse(render_json({comparison, gates, {"a note"}}));
    EXPECT_THAT(checker.check(document), IsEmpty()) << runs;
  }
  // Without a budget, with runs left out, and settings that differ.
  Draw draw(2);
  auto b = compare::runs_of({}, 3, draw);
  for (Snapshot& run : b) {
    run.total.budget.reset();
    run.config.size = 128;
    run.total.served_bytes *= 2;
  }
  b[1].interrupted = true;
  const json document =
      json::parse(render_json({compared(compare::runs_of({}, 3, draw), b), {}, {}}));
  EXPECT_THAT(checker.check(document), IsEmpty());
  EXPECT_TRUE(document["budget"].is_null());
  EXPECT_EQ(document["left_out"][0]["why"][0], "interrupted");
  // The checker does not let everything through.
  json wrong = document;
  wrong["figures"]["per_message.syscalls"]["standing"] = "maybe";
  EXPECT_EQ(checker.check(wrong).size(), 1U);
}

TEST(ComparisonText, TellsWhatDiffers) {
  const std::string text = text_of({compared(locking()), {}, {}});
  EXPECT_THAT(text,
              AllOf(HasSubstr("B against A: messages/s -2"), HasSubstr("locking_echo, 6 runs"),
                    HasSubstr("More calls or dearer calls"), HasSubstr("futex")));
}

TEST(ComparisonText, SaysWhereNoDifferenceIsShownAndWhatWouldHaveBeen) {
  const std::string text = text_of({compared(Truth{}), {}, {}});
  EXPECT_THAT(text, AllOf(HasSubstr("messages/s no difference shown (from"), Not(HasSubstr("+-"))));
}

TEST(ComparisonText, OfSingleRunsSaysSo) {
  const std::string text = text_of({compared(locking(), 1), {}, {}});
  EXPECT_THAT(text, AllOf(HasSubstr("a side has one run"), Not(HasSubstr("95 % interval")),
                          Not(HasSubstr("no difference shown"))));
}

TEST(ComparisonText, OfGatesSaysWhichFailed) {
  const compare::Comparison comparison = compared(locking());
  const std::vector<compare::Gate> gates{*compare::parse_gate("per_message.syscalls > +1%"),
                                         *compare::parse_gate("per_message.syscalls > +90%")};
  const std::string text = text_of({comparison, *judge_gates(gates, comparison), {}});
  EXPECT_THAT(text, AllOf(HasSubstr("FAILED  per_message.syscalls > +1%: the change is +20 %"),
                          HasSubstr("passed  per_message.syscalls > +90%")));
}

TEST(ComparisonText, IsSafeToShow) {
  Draw draw(3);
  Truth evil;
  evil.server = "a\x1b[31mb";
  const std::string text =
      text_of({compared(compare::runs_of({}, 2, draw), compare::runs_of(evil, 2, draw)),
               {},
               {"note \x1b[31m"}},
              true);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("a?[31mb"));
}

}  // namespace
}  // namespace tr::report
