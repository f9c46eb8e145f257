#include "explain/sensitivity.h"

#include <gmock/gmock.h>

#include "delayed.h"

namespace tr::explain {
namespace {

using compare::Draw;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

constexpr std::size_t kRounds = 6;

Sensitivity found_in(const std::vector<std::vector<Snapshot>>& rounds) {
  auto found = sensitivity(rounds);
  EXPECT_TRUE(found.ok()) << found.error().text();
  return found ? *std::move(found) : Sensitivity();
}

StageSensitivity stage_of(const DelayedTruth& truth, std::uint64_t seed = 1,
                          std::size_t rounds = kRounds) {
  Draw draw(seed);
  Sensitivity found = found_in(delayed_rounds({truth}, rounds, draw));
  EXPECT_THAT(found.stages, SizeIs(1));
  return found.stages.empty() ? StageSensitivity() : std::move(found.stages.front());
}

void expect_holds(const statistics::Estimate& estimate, double truth) {
  ASSERT_TRUE(estimate.interval);
  EXPECT_LE(estimate.interval->low, truth);
  EXPECT_GE(estimate.interval->high, truth);
}

TEST(Sensitivity, OfTheOneBottleneckIsOne) {
  const StageSensitivity stage = stage_of({.answer_slope = 1});
  EXPECT_EQ(stage.place, Place::kBottleneck);
  expect_holds(stage.answer, 1);
  ASSERT_TRUE(stage.cpu);
  expect_holds(*stage.cpu, 1);
  EXPECT_NEAR(stage.delays, 1, 1e-4);
}

TEST(Sensitivity, OfWorkThatTwoShareIsAHalf) {
  const StageSensitivity stage = stage_of({.answer_slope = 0.5});
  EXPECT_EQ(stage.place, Place::kShared);
  expect_holds(stage.answer, 0.5);
  ASSERT_TRUE(stage.cpu);
  expect_holds(*stage.cpu, 1);
}

TEST(Sensitivity, WhereThereIsSlackIsZero) {
  const StageSensitivity stage = stage_of({.answer_slope = 0});
  EXPECT_EQ(stage.place, Place::kSlack);
  expect_holds(stage.answer, 0);
  ASSERT_TRUE(stage.cpu);
  expect_holds(*stage.cpu, 1);  // the delay was there all the same
}

TEST(Sensitivity, WhereOthersWaitForTheDelayedIsMoreThanOne) {
  EXPECT_EQ(stage_of({.answer_slope = 2}).place, Place::kMultiplied);
}

// A delay is told by what was spent: twice per message, with what the clock takes.
TEST(Sensitivity, IsOfTheDelayThatWasSpent) {
  const StageSensitivity stage = stage_of({.delays = 2, .overshoot = 80});
  EXPECT_EQ(stage.place, Place::kBottleneck);
  expect_holds(stage.answer, 1);
  EXPECT_NEAR(stage.delays, 2, 1e-4);
}

TEST(Sensitivity, BetweenNoisyRunsIsUndecidedAndSaysHowManyWouldTell) {
  const StageSensitivity stage = stage_of({.answer_slope = 0.6, .deviation = 0.08});
  EXPECT_EQ(stage.place, Place::kUndecided);
  ASSERT_TRUE(stage.rounds_needed);
  EXPECT_GT(*stage.rounds_needed, kRounds);
}

// Stalls of the machine can be as long as a thousand delays, and fall where they fall.
TEST(Sensitivity, AcrossStallsOfTheMachineIsUndecided) {
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    EXPECT_EQ(stage_of({.answer_slope = 1, .deviation = 1}, seed).place, Place::kUndecided) << seed;
}

// Half a slope is never taken for a whole one, nor for none, whatever the noise: over many seeds,
// at most the share of intervals that may miss.
TEST(Sensitivity, IsRarelyWrong) {
  int wrong = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed)
    for (const double slope : {0.0, 0.5, 1.0}) {
      const Place place = stage_of({.answer_slope = slope, .deviation = 0.02}, seed).place;
      const Place right = slope == 0   ? Place::kSlack
                          : slope == 1 ? Place::kBottleneck
                                       : Place::kShared;
      wrong += place != Place::kUndecided && place != right;
    }
  EXPECT_LE(wrong, 30);  // of 600
}

TEST(Sensitivity, HoldsRunsOnlyAgainstThoseOfTheirRound) {
  Draw draw(7);
  // The machine is up to twice as slow in some rounds.
  const Sensitivity found = found_in(delayed_rounds({{.answer_slope = 0}}, kRounds, draw, 1));
  EXPECT_EQ(found.stages.front().place, Place::kSlack);
}

TEST(Sensitivity, TellsTheStagesApartAndNamesThemInTheirOrder) {
  Draw draw(3);
  const Sensitivity found = found_in(delayed_rounds({{.stage = "wake-up", .answer_slope = 0},
                                                     {.stage = "wait", .delays = 0},
                                                     {.stage = "receive", .answer_slope = 1}},
                                                    kRounds, draw));
  ASSERT_THAT(found.stages, SizeIs(3));
  EXPECT_EQ(found.stages[0].stage, "receive");
  EXPECT_EQ(found.stages[0].place, Place::kBottleneck);
  EXPECT_EQ(found.stages[1].stage, "wait");
  EXPECT_EQ(found.stages[1].place, Place::kNeverThere);
  EXPECT_EQ(found.stages[2].stage, "wake-up");
  EXPECT_EQ(found.stages[2].place, Place::kSlack);
  EXPECT_EQ(found.rounds, kRounds);
  EXPECT_EQ(found.runs, 12 * kRounds);
}

void saturate(Snapshot& run) {
  run.load->saturated = true;
  run.load->saturation = "its CPU was 99 % busy";
  run.load->cpus = 1;
}

TEST(Sensitivity, LeavesOutRunsWhoseLoadWasTheLimitAndCountsThem) {
  Draw draw(5);
  auto rounds = delayed_rounds({{.answer_slope = 1}}, kRounds, draw);
  saturate(rounds[0][0]);
  saturate(rounds[2][3]);
  const Sensitivity found = found_in(rounds);
  EXPECT_THAT(found.unfit, ElementsAre(Pair(metrics::Doubt::Kind::kLoadSaturated, 2)));
  EXPECT_EQ(found.runs, 4 * kRounds - 2);
  EXPECT_EQ(found.stages.front().place, Place::kBottleneck);
}

TEST(Sensitivity, OfAServerThatTheLoadNeverFillsIsNotTold) {
  Draw draw(5);
  auto rounds = delayed_rounds({{.answer_slope = 1}}, 2, draw);
  for (auto& round : rounds)
    for (Snapshot& run : round)
      saturate(run);
  const auto found = sensitivity(rounds);
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().text(), HasSubstr("the load generator was the limit"));
}

TEST(Sensitivity, OfRunsWithoutDelaysIsNotTold) {
  Draw draw(5);
  auto rounds = delayed_rounds({{}}, 2, draw);
  for (auto& round : rounds)
    for (Snapshot& run : round)
      run.config.delay.reset();
  const auto found = sensitivity(rounds);
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().text(), HasSubstr("no run has both a delay and messages"));
  EXPECT_FALSE(sensitivity({}));
}

TEST(Sensitivity, OfTwoServersIsRefused) {
  Draw draw(5);
  auto rounds = delayed_rounds({{}}, 2, draw);
  rounds[1][0].config.server = "another";
  EXPECT_FALSE(sensitivity(rounds));
}

// One round has its own interval; a single run has none.
TEST(Sensitivity, NeedsSeveralRuns) {
  EXPECT_TRUE(stage_of({}, 1, 1).answer.interval);
  Draw draw(5);
  const auto rounds = delayed_rounds({{}}, 1, draw);
  const Sensitivity found = found_in({{rounds[0][0]}});
  EXPECT_EQ(found.stages.front().place, Place::kUndecided);
  EXPECT_FALSE(found.stages.front().answer.interval);
  EXPECT_FALSE(found.stages.front().rounds_needed);
}

}  // namespace
}  // namespace tr::explain
