#include "explain/factorial.h"

#include <cmath>

#include <gmock/gmock.h>

#include "planted.h"

namespace tr::explain {
namespace {

using compare::Draw;
using compare::runs_of;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kRepeats = 6;
const Factors kTwo{true, {Change::kOneCpu, Change::kOneWorker}};

// `user_ns[mask]` in the program's own code, and messages that go with it.
std::vector<std::vector<Snapshot>> runs_with(std::initializer_list<double> user_ns, Draw& draw,
                                             double deviation = 0.01) {
  std::vector<std::vector<Snapshot>> runs;
  for (const double ns : user_ns)
    runs.push_back(runs_of({.messages = 100'000 * (1 + 1'000 / ns),
                            .user_ns = ns,
                            .deviation = deviation,
                            .common_deviation = deviation},
                           kRepeats, draw));
  return runs;
}

void expect_holds(const Effect& effect, double ns) {
  ASSERT_TRUE(effect.cpu_ns.interval);
  EXPECT_LE(effect.cpu_ns.interval->low, ns);
  EXPECT_GE(effect.cpu_ns.interval->high, ns);
}

TEST(Factorial, FindsMainEffectsAndInteraction) {
  Draw draw(1);
  // Without either 4 us; together 0.6 us less than the sum of what each does alone.
  const auto runs = runs_with({4'000, 3'000, 3'500, 1'900}, draw);
  const auto factorial = judge_factorial(kTwo, runs);
  ASSERT_TRUE(factorial.ok()) << factorial.error().text();
  ASSERT_EQ(factorial->effects.size(), 3U);
  EXPECT_THAT(factorial->effects[0].of, ElementsAre(Change::kOneCpu));
  EXPECT_THAT(factorial->effects[1].of, ElementsAre(Change::kOneWorker));
  EXPECT_THAT(factorial->effects[2].of, ElementsAre(Change::kOneCpu, Change::kOneWorker));
  expect_holds(factorial->effects[0], (-1'000 - 1'600) / 2.0);
  expect_holds(factorial->effects[1], (-500 - 1'100) / 2.0);
  expect_holds(factorial->effects[2], -300);
  for (const Effect& effect : factorial->effects)
    EXPECT_TRUE(effect.shown());
  EXPECT_TRUE(factorial->on_b);
  ASSERT_EQ(factorial->settings.size(), 4U);
  EXPECT_THAT(factorial->settings[0].changes, testing::IsEmpty());
  EXPECT_THAT(factorial->settings[3].changes, ElementsAre(Change::kOneCpu, Change::kOneWorker));
  EXPECT_EQ(factorial->settings[3].runs, kRepeats);
  EXPECT_THAT(factorial->settings[0].cpu_ns - factorial->settings[3].cpu_ns,
              DoubleNear(2'100, 200));
}

TEST(Factorial, TellsThroughputsAsRatios) {
  Draw draw(2);
  const auto runs = runs_with({4'000, 2'000, 4'000, 2'000}, draw, 0.002);
  const auto factorial = judge_factorial(kTwo, runs);
  ASSERT_TRUE(factorial.ok());
  ASSERT_TRUE(factorial->effects[0].log_ratio);
  EXPECT_THAT(std::exp(factorial->effects[0].log_ratio->value), DoubleNear(1.5 / 1.25, 0.01));
  EXPECT_THAT(factorial->effects[1].log_ratio->value, DoubleNear(0, 0.01));
}

TEST(Factorial, ChangesThatActAloneSeldomSeemToInteract) {
  constexpr int kCampaigns = 100;
  int told = 0;
  for (int campaign = 0; campaign < kCampaigns; ++campaign) {
    Draw draw(700 + campaign);
    const auto factorial = judge_factorial(kTwo, runs_with({4'000, 3'000, 3'500, 2'500}, draw));
    ASSERT_TRUE(factorial.ok());
    EXPECT_TRUE(factorial->effects[0].shown());
    if (factorial->effects[2].shown()) ++told;
  }
  // 5 are expected; 13 or more come once in 600 times.
  EXPECT_LE(told, 12);
}

TEST(Factorial, OfThreeChangesHasSevenEffects) {
  Draw draw(3);
  const Factors three{false, {Change::kOneCpu, Change::kOneWorker, Change::kFewerConnections}};
  const auto factorial = judge_factorial(
      three, runs_with({8'000, 7'000, 6'000, 5'000, 4'000, 3'000, 2'000, 1'000}, draw));
  ASSERT_TRUE(factorial.ok());
  ASSERT_EQ(factorial->effects.size(), 7U);
  expect_holds(factorial->effects[0], -1'000);
  expect_holds(factorial->effects[1], -2'000);
  expect_holds(factorial->effects[2], -4'000);
  EXPECT_EQ(factorial->effects[6].of.size(), 3U);
  EXPECT_FALSE(factorial->on_b);
}

TEST(Factorial, LeavesOutWhatCannotBeUsed) {
  Draw draw(4);
  auto runs = runs_with({4'000, 3'000, 3'500, 2'500}, draw);
  runs[1][0].interrupted = true;
  auto factorial = judge_factorial(kTwo, runs);
  ASSERT_TRUE(factorial.ok());
  EXPECT_EQ(factorial->settings[1].runs, kRepeats - 1);
  runs[2].clear();
  factorial = judge_factorial(kTwo, runs);
  ASSERT_FALSE(factorial.ok());
  EXPECT_THAT(factorial.error().text(), HasSubstr("no run that can be used"));
}

TEST(Factorial, OfSingleRunsHasNoIntervals) {
  Draw draw(5);
  auto runs = runs_with({4'000, 3'000, 3'500, 2'500}, draw);
  for (auto& setting : runs)
    setting.resize(1);
  const auto factorial = judge_factorial(kTwo, runs);
  ASSERT_TRUE(factorial.ok());
  for (const Effect& effect : factorial->effects) {
    EXPECT_FALSE(effect.cpu_ns.interval);
    EXPECT_FALSE(effect.shown());
  }
}

class ChosenFactors : public testing::Test {
 protected:
  void tried(Change change, bool on_b, Standing standing, Doubt doubt = Doubt::kNone) {
    Finding finding;
    finding.cause = causes().front();
    finding.trial.emplace();
    finding.trial->standing = standing;
    finding.trial->doubt = doubt;
    made_.push_back({explanation_.findings.size(), on_b, {.change = change, .figure = {}}});
    explanation_.findings.push_back(std::move(finding));
  }
  [[nodiscard]] std::vector<Change> chosen() const {
    const auto factors = choose_factors(made_, explanation_);
    return factors ? factors->changes : std::vector<Change>();
  }

  Explanation explanation_;
  std::vector<PlannedExperiment> made_;
};

TEST_F(ChosenFactors, AreThoseThatTookTheirCausesAway) {
  tried(Change::kOneCpu, true, Standing::kConfirmed);
  tried(Change::kMallocKeeps, true, Standing::kRefuted);
  tried(Change::kDeeperPipeline, true, Standing::kUndecided, Doubt::kFigureStayed);
  EXPECT_THAT(chosen(), testing::IsEmpty()) << "one is not two";
  tried(Change::kFewerConnections, true, Standing::kUndecided, Doubt::kNoise);
  EXPECT_THAT(chosen(), ElementsAre(Change::kOneCpu, Change::kFewerConnections));
}

TEST_F(ChosenFactors, AreOfOneSideAndOfDifferentThings) {
  tried(Change::kOneCpu, false, Standing::kConfirmed);
  tried(Change::kOneWorker, true, Standing::kConfirmed);
  tried(Change::kWorkersAsCpus, true, Standing::kConfirmed);
  EXPECT_THAT(chosen(), testing::IsEmpty());
  tried(Change::kOneCpu, true, Standing::kConfirmed);
  EXPECT_THAT(chosen(), ElementsAre(Change::kOneWorker, Change::kOneCpu));
}

TEST_F(ChosenFactors, AreAtMostThree) {
  for (const Change change : {Change::kOneCpu, Change::kOneWorker, Change::kDeeperPipeline,
                              Change::kFewerConnections, Change::kMallocKeeps})
    tried(change, true, Standing::kConfirmed);
  EXPECT_EQ(chosen().size(), kMostFactors);
}

}  // namespace
}  // namespace tr::explain
