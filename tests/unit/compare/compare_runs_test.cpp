#include <algorithm>
#include <set>

#include <gmock/gmock.h>

#include "compare/comparison.h"
#include "synthetic_runs.h"

namespace tr::compare {
namespace {

using metrics::Doubt;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Comparison compared(std::span<const Snapshot> a, std::span<const Snapshot> b, bool paired = true) {
  auto comparison = compare_runs(a, b, paired);
  EXPECT_TRUE(comparison.ok()) << comparison.error().text();
  return comparison ? *std::move(comparison) : Comparison();
}

std::set<std::string> shown(const Comparison& comparison) {
  std::set<std::string> names;
  for (const Row& row : comparison.rows)
    if (row.standing == Standing::kShown) names.insert(row.name);
  return names;
}

TEST(Comparison, FindsWhatDiffersAndNothingElse) {
  Draw draw(1);
  Truth dearer;
  dearer.receives = 2;
  dearer.receive_ns = 3'600;
  const Comparison comparison = compared(runs_of({}, 8, draw), runs_of(dearer, 8, draw));
  const auto found = shown(comparison);
  EXPECT_TRUE(found.contains("syscalls.recvfrom.per_message"));
  EXPECT_TRUE(found.contains("per_message.syscalls"));
  EXPECT_TRUE(found.contains("per_message.cpu_ns"));
  EXPECT_TRUE(found.contains("budget.states.system:recvfrom.per_message_ns"));
  EXPECT_FALSE(found.contains("budget.states.system:sendto.per_message_ns"));
  EXPECT_FALSE(found.contains("budget.states.user.per_message_ns"));
  EXPECT_FALSE(found.contains("throughput.messages_per_second"));
}

TEST(Comparison, TellsRatiosWithIntervals) {
  Draw draw(2);
  Truth faster;
  faster.messages = 220'000;
  const Comparison comparison = compared(runs_of({}, 8, draw), runs_of(faster, 8, draw), false);
  const Row* const throughput = comparison.find("throughput.messages_per_second");
  ASSERT_NE(throughput, nullptr);
  EXPECT_EQ(throughput->standing, Standing::kShown);
  ASSERT_TRUE(throughput->difference.ratio.has_value());
  EXPECT_THAT(throughput->difference.ratio->value, DoubleNear(1.1, 0.02));
  ASSERT_TRUE(throughput->difference.ratio->interval.has_value());
  EXPECT_LT(throughput->difference.ratio->interval->low, 1.1);
  EXPECT_GT(throughput->difference.ratio->interval->high, 1.1);
}

TEST(Comparison, OfAServerWithItselfSeldomFindsAnything) {
  constexpr int kCampaigns = 200;
  int told = 0;
  for (int campaign = 0; campaign < kCampaigns; ++campaign) {
    Draw draw(1'000 + campaign);
    const auto a = runs_of({}, 6, draw);
    const auto b = runs_of({}, 6, draw);
    if (!shown(compared(a, b, campaign % 2 == 0)).empty()) ++told;
  }
  RecordProperty("told", told);
  EXPECT_LE(told, kCampaigns * 5 / 100);
}

TEST(Comparison, OfTheSameFilesFindsNothing) {
  Draw draw(3);
  const auto runs = runs_of({}, 5, draw);
  EXPECT_THAT(shown(compared(runs, runs)), IsEmpty());
  EXPECT_THAT(shown(compared(runs, runs, false)), IsEmpty());
}

TEST(Comparison, SaysHowSmallAnEffectItCouldHaveSeen) {
  Draw draw(4);
  const Comparison comparison = compared(runs_of({}, 6, draw), runs_of({}, 6, draw));
  const Row* const row = comparison.find("per_message.cpu_ns");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->standing, Standing::kNotShown);
  ASSERT_TRUE(row->difference.least_seen.has_value());
  // About 1 % of deviation on each side.
  EXPECT_GT(*row->difference.least_seen, 0.002 * row->a);
  EXPECT_LT(*row->difference.least_seen, 0.1 * row->a);
}

TEST(Comparison, OfCountsThatNeverVaryIsSureWithoutProbabilities) {
  Draw draw(5);
  auto a = runs_of({}, 4, draw);
  auto b = runs_of({}, 4, draw);
  for (auto* side : {&a, &b})
    for (Snapshot& run : *side)
      for (SyscallStats& call : run.total.syscalls)
        if (call.name == "recvfrom") call.calls = run.load->messages * (side == &a ? 1 : 2);
  const Row* const row = compared(a, b).find("syscalls.recvfrom.per_message");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->standing, Standing::kShown);
  EXPECT_TRUE(row->difference.exact);
  EXPECT_EQ(row->adjusted_p, std::nullopt);
}

TEST(Comparison, DoesNotTellWhatIsNotWorthTelling) {
  Draw draw(6);
  auto a = runs_of({}, 6, draw);
  auto b = runs_of({}, 6, draw);
  for (auto* side : {&a, &b})
    for (Snapshot& run : *side)
      for (SyscallStats& call : run.total.syscalls)
        if (call.name == "sendto")
          // Each run has its own fifth digit, and B a few more: sure, and of no use.
          call.calls = run.load->messages + (side == &a ? 0 : 100) + draw.below(10);
  const Row* const row = compared(a, b).find("syscalls.sendto.per_message");
  ASSERT_NE(row, nullptr);
  ASSERT_TRUE(row->adjusted_p.has_value());
  EXPECT_LT(*row->adjusted_p, 1e-3);
  EXPECT_EQ(row->standing, Standing::kNotShown);
}

TEST(Comparison, DoesNotTestWhatIsRare) {
  Draw draw(7);
  const Comparison comparison = compared(runs_of({}, 6, draw), runs_of({}, 6, draw));
  for (const char* name : {"per_message.migrations", "syscalls.close.per_message"}) {
    const Row* const row = comparison.find(name);
    ASSERT_NE(row, nullptr) << name;
    EXPECT_EQ(row->standing, Standing::kRare) << name;
    EXPECT_EQ(row->adjusted_p, std::nullopt) << name;
  }
}

TEST(Comparison, OfSingleRunsShowsNothing) {
  Draw draw(8);
  Truth dearer;
  dearer.send_ns = 9'000;
  const Comparison comparison = compared(runs_of({}, 1, draw), runs_of(dearer, 1, draw));
  EXPECT_TRUE(comparison.one_run());
  const Row* const row = comparison.find("per_message.cpu_ns");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->standing, Standing::kOneRun);
  EXPECT_EQ(row->difference.change.interval, std::nullopt);
  EXPECT_THAT(shown(comparison), IsEmpty());
}

TEST(Comparison, TakesWhatASideNeverDidAsZero) {
  Draw draw(9);
  Truth locking;
  locking.futexes = 0.4;
  const Comparison comparison = compared(runs_of({}, 4, draw), runs_of(locking, 4, draw));
  const Row* const row = comparison.find("syscalls.futex.per_message");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->a, 0);
  EXPECT_THAT(row->b, DoubleNear(0.4, 0.001));
  EXPECT_EQ(row->standing, Standing::kShown);
}

TEST(Comparison, LeavesUnfitRunsOutAndSaysSo) {
  Draw draw(10);
  const auto a = runs_of({}, 4, draw);
  auto b = runs_of({}, 4, draw);
  b[2].load->wrong_answers = 1;
  const Comparison paired = compared(a, b);
  EXPECT_EQ(paired.runs_a, 3U);
  EXPECT_EQ(paired.runs_b, 3U);
  ASSERT_EQ(paired.unfit.size(), 2U);  // with the run beside it
  EXPECT_EQ(paired.unfit[0].side, 'A');
  EXPECT_EQ(paired.unfit[0].run, 3U);
  EXPECT_THAT(paired.unfit[0].why, IsEmpty());
  EXPECT_THAT(paired.unfit[1].why, ElementsAre(Doubt::Kind::kWrongAnswers));
  const Comparison apart = compared(a, b, false);
  EXPECT_EQ(apart.runs_a, 4U);
  EXPECT_EQ(apart.runs_b, 3U);
}

TEST(Comparison, UsesUnfitRunsWhenToldToAndSaysSo) {
  Draw draw(10);
  const auto a = runs_of({}, 4, draw);
  auto b = runs_of({}, 4, draw);
  b[2].load->wrong_answers = 1;
  const auto forced = compare_runs(a, b, true, Unfit::kUse);
  ASSERT_TRUE(forced);
  EXPECT_EQ(forced->runs_a, 4U);
  EXPECT_EQ(forced->runs_b, 4U);
  ASSERT_EQ(forced->unfit.size(), 1U);
  EXPECT_TRUE(forced->unfit[0].used);
  EXPECT_EQ(forced->unfit[0].side, 'B');
  EXPECT_THAT(forced->unfit[0].why, ElementsAre(Doubt::Kind::kWrongAnswers));
}

TEST(Comparison, NeedsARunOfEachSide) {
  Draw draw(11);
  const auto a = runs_of({}, 2, draw);
  auto b = runs_of({}, 2, draw);
  for (Snapshot& run : b)
    run.interrupted = true;
  const auto comparison = compare_runs(a, b, false);
  ASSERT_FALSE(comparison.ok());
  EXPECT_THAT(comparison.error().text(), HasSubstr("compare with B"));
}

TEST(Comparison, OfWhatOneSideDidNotMeasureHasNoRow) {
  Draw draw(12);
  const auto a = runs_of({}, 3, draw);
  auto b = runs_of({}, 3, draw);
  for (Snapshot& run : b) {
    run.unmeasured[Figures::kScheduling] = "not asked for";
    run.total.budget.reset();
  }
  const Comparison comparison = compared(a, b);
  EXPECT_EQ(comparison.find("per_message.cpu_ns"), nullptr);
  EXPECT_EQ(comparison.find("budget.states.user.per_message_ns"), nullptr);
  EXPECT_NE(comparison.find("per_message.syscalls"), nullptr);
  EXPECT_FALSE(comparison.budget.has_value());
  EXPECT_THAT(comparison.calls, IsEmpty());
}

}  // namespace
}  // namespace tr::compare
