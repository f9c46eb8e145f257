// What keeps the throughput down without taking time, and causes whose part is a guess.
#include <algorithm>
#include <functional>
#include <numeric>

#include <gmock/gmock.h>

#include "explain/explain.h"
#include "metrics/doubts.h"
#include "planted.h"

namespace tr::explain {
namespace {

using compare::Draw;
using compare::runs_of;
using compare::Truth;
using testing::DoubleNear;
using testing::HasSubstr;

// An unfair server is explained only by force.
constexpr auto kForced = compare::Unfit::kUse;

std::vector<std::string> limits_of(const Explanation& explanation) {
  std::vector<std::string> names;
  for (const Finding& finding : explanation.findings)
    if (finding.cause->kind() == Cause::Kind::kLimit) names.emplace_back(finding.cause->name());
  return names;
}

const Finding* find(const Explanation& explanation, std::string_view cause) {
  const auto found = std::ranges::find(
      explanation.findings, cause, [](const Finding& finding) { return finding.cause->name(); });
  return found == explanation.findings.end() ? nullptr : &*found;
}

struct PlantedLimit {
  const char* cause;
  double figure;
  double messages;  // in the window
  std::function<void(Snapshot&)> plant;
};

class PlantedLimits : public testing::TestWithParam<PlantedLimit> {};

TEST_P(PlantedLimits, AreFoundWithTheirFigureAndTakeNoTime) {
  const PlantedLimit& limit = GetParam();
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    Draw draw(seed);
    const auto a = runs_of({}, kPairs, draw);
    const auto b = planted(runs_of({.messages = limit.messages}, kPairs, draw), limit.plant);
    for (const Explanation& explanation : {explained(a, b, kForced), explained({}, b, kForced)}) {
      EXPECT_THAT(limits_of(explanation), testing::ElementsAre(limit.cause));
      const Finding* const finding = find(explanation, limit.cause);
      ASSERT_NE(finding, nullptr);
      EXPECT_TRUE(finding->on_b);
      EXPECT_FALSE(finding->on_a);
      EXPECT_THAT(finding->figure_b, DoubleNear(limit.figure, 0.02));
      EXPECT_EQ(finding->b_ns, 0);
      double parts = 0;
      for (const Finding& each : explanation.findings) {
        parts += each.b_ns;
        if (each.cause->kind() == Cause::Kind::kCost) {
          EXPECT_LT(&each, finding) << "what costs comes first";
        }
      }
      if (explanation.alone) {
        EXPECT_THAT(parts, DoubleNear(explanation.cpu_b_ns, 1));
      }
      for (const PlannedExperiment& planned : plan_experiments(explanation, 20))
        EXPECT_NE(&explanation.findings[planned.finding], finding);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, PlantedLimits,
                         testing::Values(PlantedLimit{"starvation", 0.4, 200'000,
                                                      [](Snapshot& run) {
                                                        run.load->fairness_jain = 0.6;
                                                        run.load->fairness_p5 = 0;
                                                      }},
                                         PlantedLimit{"client_saturation", 0.9, 200'000,
                                                      [](Snapshot& run) {
                                                        run.load->cpus = 1;
                                                        run.load->user_ns = 600'000'000;
                                                        run.load->system_ns = 1'200'000'000;
                                                      }},
                                         // 8 threads on 2 CPUs, awake for 9.05 us of each message.
                                         PlantedLimit{"cpu_saturation", 0.95, 420'000,
                                                      [](Snapshot&) {}}),
                         [](const auto& param) { return std::string(param.param.cause); });

TEST(Limits, AreNoneWhereNothingIsAtItsLimit) {
  Draw draw(7);
  const auto runs = runs_of({}, kPairs, draw);
  EXPECT_THAT(limits_of(explained({}, runs, kForced)), testing::IsEmpty());
}

TEST(Limits, OfBothSidesAreToldThoughTheyDoNotDiffer) {
  Draw draw(8);
  const auto starve = [](Snapshot& run) { run.load->fairness_jain = 0.6; };
  const auto a = planted(runs_of({}, kPairs, draw), starve);
  const auto b = planted(runs_of({}, kPairs, draw), starve);
  const Explanation explanation = explained(a, b, kForced);
  const Finding* const finding = find(explanation, "starvation");
  ASSERT_NE(finding, nullptr);
  EXPECT_TRUE(finding->on_a && finding->on_b);
}

TEST(Limits, AnUnfairServerIsRefusedUnlessForced) {
  Draw draw(9);
  const auto starve = [](Snapshot& run) { run.load->fairness_jain = 0.6; };
  const auto fair = runs_of({}, kPairs, draw);
  const auto unfair = planted(runs_of({}, kPairs, draw), starve);
  for (const auto& explanation : {explain({}, unfair, false), explain(fair, unfair, true)}) {
    ASSERT_FALSE(explanation);
    EXPECT_THAT(explanation.error().text(), HasSubstr("Jain's index 0.60"));
  }
}

// 20 messages fall on each connection by chance: Jain's index is then 1 - 1 / 21.
TEST(Limits, ChanceIsNoStarvation) {
  Draw draw(9);
  auto run = runs_of({}, 1, draw)[0];
  run.load->connections = run.load->messages / 20;
  run.load->fairness_jain = 1 - 1.0 / 21;
  EXPECT_FALSE(find_cause("starvation")->shows(Facts(run)));
  run.load->fairness_jain = 0.8;
  EXPECT_TRUE(find_cause("starvation")->shows(Facts(run)));
  run.load->fairness_jain = 0.94;  // as where one in twenty gets nothing
  EXPECT_FALSE(find_cause("starvation")->shows(Facts(run)));
  run.load->silent_connections = run.load->connections / 20 + 1;
  EXPECT_TRUE(find_cause("starvation")->shows(Facts(run)));
}

TEST(Limits, OfTheLoadAloneIsWhyNothingIsExplained) {
  Draw draw(10);
  const auto runs = planted(runs_of({}, 2, draw), [](Snapshot& run) {
    run.load->saturated = true;
    run.load->saturation = "it used 99 % of its CPU";
  });
  const auto explanation = explain({}, runs, false);
  ASSERT_FALSE(explanation.ok());
  EXPECT_THAT(explanation.error().text(),
              testing::AllOf(HasSubstr("the limit"), HasSubstr("99 %"), HasSubstr("--pin-load")));
}

TEST(Guesses, OfWakeUpsAreAtMostWhatTheCallsThatSleepTake) {
  const Cause& cause = *find_cause("wakeup_per_message");
  Draw draw(11);
  // A sleep per message in recvfrom; those at futexes are the locks'.
  const Facts dear(runs_of({.receive_ns = 9'000, .deviation = 0}, 1, draw)[0]);
  EXPECT_THAT(cause.guess_ns(dear), DoubleNear(kLikelySwitchNs, 1));
  const Facts cheap(
      runs_of({.receive_ns = 700, .deviation = 0, .common_deviation = 0}, 1, draw)[0]);
  EXPECT_THAT(cheap.sleeping_calls_ns(), DoubleNear(700, 1));
  EXPECT_THAT(cause.guess_ns(cheap), DoubleNear(700, 1));
}

TEST(Oversubscription, IsTriedWithAsManyThreadsAsCpus) {
  const Cause& cause = *find_cause("oversubscription");
  Draw draw(12);
  auto run = runs_of({}, 1, draw)[0];
  ASSERT_TRUE(cause.shows(Facts(run))) << "8 threads, 2 CPUs";
  EXPECT_EQ(cause.experiment(Facts(run))->change, Change::kConnectionsAsCpus)
      << "a thread for each connection";
  run.config.connections = 200;
  EXPECT_EQ(cause.experiment(Facts(run))->change, Change::kWorkersAsCpus);
}

}  // namespace
}  // namespace tr::explain
