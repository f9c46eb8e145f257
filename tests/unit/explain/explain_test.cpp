#include "explain/explain.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include <gmock/gmock.h>

#include "planted.h"

namespace tr::explain {
namespace {

using compare::Draw;
using compare::runs_of;
using compare::Truth;
using testing::DoubleNear;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string first(const Explanation& explanation) {
  return explanation.findings.empty() ? "" : std::string(explanation.findings[0].cause->name());
}

TEST(Causes, ClaimEachNanosecondOnce) {
  Draw draw(1);
  for (Snapshot& run : runs_of({.futexes = 0.5}, 5, draw)) {
    plant_calls(run, "mmap", 0.5, 700);
    plant_calls(run, "poll", 1, 5'000);
    plant_calls(run, "recvfrom", 1, 400, 1);
    const Facts facts(run);
    const std::vector<Claim> claims = claim_all(facts);
    EXPECT_THAT(std::accumulate(claims.begin(), claims.end(), 0.0,
                                [](double sum, const Claim& claim) { return sum + claim.ns; }),
                DoubleNear(facts.cpu_ns(), 1e-6 * facts.cpu_ns()));
    EXPECT_THAT(claims, testing::Each(testing::Field(&Claim::ns, Ge(0))));
    EXPECT_THAT(claims[index_of(*find_cause("allocator"))].calls, DoubleNear(0.5, 0.01));
    EXPECT_THAT(facts.cpu_ns(), DoubleNear(facts["per_message.cpu_ns"], 0.01))
        << "and all of the CPU time is in states";
  }
}

// Both switches are counted, once: with the wake-up.
TEST(Causes, APreemptionByAWokenThreadThatSleepsAgainIsNoTurn) {
  Draw draw(8);
  Snapshot run = runs_of({}, 1, draw).front();
  const Cause& turns = *find_cause("oversubscription");
  const std::uint64_t messages = run.load->messages;
  each_counts(run, [&](TaskCounts& counts) {
    counts.voluntary_switches = messages;
    counts.involuntary_switches = messages;
  });
  EXPECT_EQ(turns.guess_ns(Facts(run)), 0);
  each_counts(run, [&](TaskCounts& counts) { counts.involuntary_switches = 3 * messages; });
  EXPECT_THAT(turns.guess_ns(Facts(run)), DoubleNear(2 * kLikelySwitchNs, 20));
  run.environment.switch_ns = 700;
  EXPECT_THAT(turns.guess_ns(Facts(run)), DoubleNear(2 * 700, 7)) << "as measured";
}

TEST(Causes, HaveNamesOfTheirOwnAndClaims) {
  std::vector<std::string_view> names;
  for (const Cause* cause : causes()) {
    EXPECT_THAT(names, Not(testing::Contains(cause->name())));
    names.push_back(cause->name());
    EXPECT_EQ(find_cause(cause->name()), cause);
    EXPECT_FALSE(cause->claim().empty());
  }
  EXPECT_EQ(find_cause("nothing"), nullptr);
}

struct Planted {
  const char* cause;
  double ns;
  std::function<void(Snapshot&, double noise)> plant;
};

class PlantedCauses : public testing::TestWithParam<Planted> {};

TEST_P(PlantedCauses, AreRankedFirstWithTheirSize) {
  constexpr int kCampaigns = 40;
  int ranked_first = 0;
  int inside = 0;
  for (int campaign = 0; campaign < kCampaigns; ++campaign) {
    Draw draw(50 + campaign);
    const auto a = runs_of({}, kPairs, draw);
    auto b = runs_of({}, kPairs, draw);
    for (Snapshot& run : b)
      GetParam().plant(run, std::exp(0.02 * draw.normal()));
    const Explanation explanation = explained(a, b);
    if (first(explanation) != GetParam().cause) continue;
    ++ranked_first;
    const auto& interval = explanation.findings[0].part.change.interval;
    if (interval && interval->low <= GetParam().ns && interval->high >= GetParam().ns) ++inside;
  }
  EXPECT_GE(ranked_first, kCampaigns * 95 / 100);
  EXPECT_GE(inside, kCampaigns * 90 / 100);
}

INSTANTIATE_TEST_SUITE_P(
    All, PlantedCauses,
    testing::Values(
        Planted{"allocator", 1'500,
                [](Snapshot& run, double noise) {
                  plant_calls(run, "mmap", 1, 600 * noise);
                  plant_calls(run, "munmap", 1, 900 * noise);
                }},
        Planted{"locks", 800,
                [](Snapshot& run, double noise) { plant_calls(run, "futex", 2, 800 * noise); }},
        Planted{"gil", 800,
                [](Snapshot& run, double noise) {
                  run.config.argv = {"/usr/bin/python3", "server.py"};
                  plant_calls(run, "futex", 2, 800 * noise);
                }},
        Planted{"readiness_scan", 6'000,
                [](Snapshot& run, double noise) { plant_calls(run, "poll", 1, 6'000 * noise); }},
        Planted{"process_per_connection", 40'000,
                [](Snapshot& run, double noise) { plant_calls(run, "clone", 1, 40'000 * noise); }}),
    [](const auto& param) { return std::string(param.param.cause); });

TEST(Explanation, OfCallsThatFindNothing) {
  Draw draw(7);
  const auto a = runs_of({}, kPairs, draw);
  const auto b = planted(runs_of({}, kPairs, draw),
                         [](Snapshot& run) { plant_calls(run, "recvfrom", 1, 700, 1); });
  const Explanation explanation = explained(a, b);
  EXPECT_EQ(first(explanation), "wasted_calls");
  // Half of the calls found nothing: they are given half of the time, for lack of better.
  EXPECT_THAT(explanation.findings[0].b_ns, DoubleNear((1'800 + 700) / 2.0, 40));
}

TEST(Explanation, AddsUp) {
  Draw draw(8);
  Truth own;
  own.user_ns = 2'900;  // 2 us more
  const auto a = runs_of({.deviation = 0, .common_deviation = 0}, kPairs, draw);
  own.deviation = own.common_deviation = 0;
  const auto b = planted(runs_of(own, kPairs, draw),
                         [](Snapshot& run) { plant_calls(run, "mmap", 1, 1'000); });
  const Explanation explanation = explained(a, b);
  EXPECT_THAT(explanation.cpu_b_ns - explanation.cpu_a_ns, DoubleNear(3'000, 1));
  double sum = 0;
  for (const Finding& finding : explanation.findings)
    sum += finding.b_ns - finding.a_ns;
  EXPECT_THAT(sum, DoubleNear(3'000, 1));
  EXPECT_EQ(first(explanation), "allocator") << "accounts come last";
  EXPECT_THAT(explanation.findings[0].share, DoubleNear(1.0 / 3, 0.001));
  EXPECT_THAT(explanation.unexplained_share, DoubleNear(0, 0.001));
}

// More calls, and the probes' time with them in user code: that is not the server's own.
TEST(Explanation, TheTracingIsNotTheServersOwnCode) {
  static constexpr double kProbeNs = 150;
  constexpr double kMoreCalls = 8;
  const Truth exact{.deviation = 0, .common_deviation = 0};
  Truth more = exact;
  more.user_ns += kMoreCalls * kProbeNs;
  const auto cost = [](double calls) {
    return [calls](Snapshot& run) {
      const auto messages = static_cast<double>(run.load->messages);
      run.overhead.programs = {
          {"sys_exit", static_cast<std::uint64_t>(calls * messages), kProbeNs, 0}};
    };
  };
  Draw draw(12);
  const auto a = planted(runs_of(exact, kPairs, draw), cost(2));
  const auto b = planted(runs_of(more, kPairs, draw), [&](Snapshot& run) {
    cost(2 + kMoreCalls)(run);
    plant_calls(run, "getppid", kMoreCalls, 800);
  });
  const Explanation explanation = explained(a, b);
  EXPECT_EQ(first(explanation), "calls");
  ASSERT_THAT(explanation.findings, Not(IsEmpty()));
  const Finding& last = explanation.findings.back();
  EXPECT_EQ(last.cause->name(), "tracing") << "though it is heavier than the calls";
  EXPECT_THAT(last.b_ns - last.a_ns, DoubleNear(kMoreCalls * kProbeNs, 1));
  double sum = 0;
  for (const Finding& finding : explanation.findings) {
    sum += finding.b_ns - finding.a_ns;
    if (finding.cause->name() == "own_code") {
      EXPECT_THAT(finding.b_ns - finding.a_ns, DoubleNear(0, 1));
    }
  }
  EXPECT_THAT(sum, DoubleNear(explanation.cpu_b_ns - explanation.cpu_a_ns, 1));
  const Explanation alone = explained({}, b);
  EXPECT_EQ(alone.findings.back().cause->name(), "tracing");
  EXPECT_THAT(alone.unexplained_ns, Ge(alone.cpu_b_ns - (2 + kMoreCalls) * kProbeNs - 1'000));
}

TEST(Explanation, SaysWhatHasNoReason) {
  Draw draw(9);
  Truth dearer{.deviation = 0, .common_deviation = 0};
  const auto a = runs_of(dearer, kPairs, draw);
  dearer.send_ns += 2'000;  // as many sends, each dearer
  const auto b = runs_of(dearer, kPairs, draw);
  const Explanation explanation = explained(a, b);
  EXPECT_THAT(explanation.unexplained_share, DoubleNear(1, 0.01));
  EXPECT_THAT(explanation.unexplained_ns, DoubleNear(2'000, 20));
}

TEST(Explanation, OfAServerAgainstItselfFindsSeldomAnything) {
  constexpr int kCampaigns = 100;
  int told = 0;
  for (int campaign = 0; campaign < kCampaigns; ++campaign) {
    Draw draw(4'000 + campaign);
    const auto a = runs_of({.futexes = 0.3}, kPairs, draw);
    const auto b = runs_of({.futexes = 0.3}, kPairs, draw);
    if (!explained(a, b).findings.empty()) ++told;
  }
  EXPECT_LE(told, 5);
}

TEST(Explanation, OfOneServerNamesItsCauses) {
  Draw draw(10);
  const auto runs =
      planted(runs_of({}, kPairs, draw), [](Snapshot& run) { plant_calls(run, "mmap", 1, 1'500); });
  const Explanation explanation = explained({}, runs);
  EXPECT_TRUE(explanation.alone);
  ASSERT_THAT(explanation.findings, Not(IsEmpty()));
  const auto found = std::ranges::find(explanation.findings, "allocator",
                                       [](const Finding& f) { return f.cause->name(); });
  ASSERT_NE(found, explanation.findings.end());
  EXPECT_THAT(found->b_ns, DoubleNear(1'500, 10));
  EXPECT_THAT(found->share, DoubleNear(found->b_ns / explanation.cpu_b_ns, 1e-9));
}

TEST(Explanation, RefusesRunsThatAreUnfit) {
  Draw draw(11);
  const auto saturated = planted(runs_of({}, 2, draw), [](Snapshot& run) {
    run.load->saturated = true;
    run.load->saturation = "it was busy";
  });
  const auto explanation = explain({}, saturated, false);
  ASSERT_FALSE(explanation.ok());
  EXPECT_THAT(explanation.error().text(), HasSubstr("no run that can be used"));
}

class Experiments : public testing::Test {
 protected:
  // With so many mmap calls at 1 us each.
  std::vector<Snapshot> mapping(double calls, double deviation = 0.01) {
    return planted(runs_of({.deviation = deviation}, kPairs, draw_), [&](Snapshot& run) {
      if (calls > 0) plant_calls(run, "mmap", calls, 1'000 * calls);
    });
  }
  Trial judged(std::span<const Snapshot> before, std::span<const Snapshot> after) {
    const Cause& cause = *find_cause("allocator");
    const auto experiment = cause.experiment(Facts::mean(std::vector<Facts>{Facts(before[0])}));
    EXPECT_TRUE(experiment);
    auto trial = judge(cause, *experiment, before, after);
    EXPECT_TRUE(trial.ok());
    return *std::move(trial);
  }

  Draw draw_{20};
};

TEST_F(Experiments, Confirm) {
  const Trial trial = judged(mapping(3), mapping(0));
  EXPECT_EQ(trial.standing, Standing::kConfirmed);
  EXPECT_THAT(trial.cpu_ns.change.value, DoubleNear(-3'000, 300));
  EXPECT_THAT(trial.figure_before, DoubleNear(3, 0.01));
}

TEST_F(Experiments, Refute) {
  // The calls go, and the program computes as much more.
  auto after = mapping(0);
  for (Snapshot& run : after)
    plant_calls(run, "sendto", 0, 3'000);
  EXPECT_EQ(judged(mapping(3), after).standing, Standing::kRefuted);
}

TEST_F(Experiments, AreNoneIfTheCauseStays) {
  const Trial trial = judged(mapping(3), mapping(2.8));
  EXPECT_EQ(trial.standing, Standing::kUndecided);
  EXPECT_EQ(trial.doubt, Doubt::kFigureStayed);
}

TEST_F(Experiments, SayHowManyRunsItTakes) {
  const Trial trial = judged(mapping(0.2, 0.08), mapping(0, 0.08));
  EXPECT_EQ(trial.standing, Standing::kUndecided);
  EXPECT_EQ(trial.doubt, Doubt::kNoise);
  ASSERT_TRUE(trial.repeats_needed);
  EXPECT_GT(*trial.repeats_needed, kPairs);
}

TEST_F(Experiments, ArePlannedForTheHeaviest) {
  const auto a = mapping(0);
  const auto b = mapping(3);
  const Explanation explanation = explained(a, b);
  const auto planned = plan_experiments(explanation, 3);
  ASSERT_THAT(planned, Not(IsEmpty()));
  EXPECT_EQ(explanation.findings[planned[0].finding].cause->name(), "allocator");
  EXPECT_TRUE(planned[0].on_b);
  EXPECT_EQ(planned[0].experiment.change, Change::kMallocKeeps);
}

}  // namespace
}  // namespace tr::explain
