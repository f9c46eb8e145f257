// What switches make dearer beside themselves, and what tracing takes: estimates that no repeat
// shows the error of.
#include <gmock/gmock.h>

#include "planted.h"

namespace tr::explain {
namespace {

using compare::Draw;
using compare::runs_of;
using compare::Truth;
using testing::DoubleNear;

constexpr double kSwitch = 1'000;  // Environment::switch_ns of these runs

// As many futex calls as sleep there (a tenth of the messages, synthetic_runs.h).
const Truth kExact{.futexes = 0.1, .deviation = 0, .common_deviation = 0};

// B's own code and its sends take longer.
Truth colder() {
  Truth truth = kExact;
  truth.user_ns += 700;
  truth.send_ns += 300;
  return truth;
}

std::vector<Snapshot> runs(const Truth& truth, Draw& draw) {
  return planted(runs_of(truth, kPairs, draw),
                 [](Snapshot& run) { run.environment.switch_ns = kSwitch; });
}

// So many calls of futex(2) per message, 400 ns each, that sleep.
std::vector<Snapshot> with_sleeps(std::vector<Snapshot> runs, double sleeps) {
  return planted(std::move(runs), [&](Snapshot& run) {
    plant_calls(run, "futex", sleeps, 400 * sleeps);
    each_counts(run, [&](TaskCounts& counts) {
      const auto more =
          static_cast<std::uint64_t>(sleeps * static_cast<double>(run.load->messages));
      counts.budget->waits.front().count += more;
      counts.voluntary_switches += more;
    });
  });
}

const Finding* find(const Explanation& explanation, std::string_view cause) {
  for (const Finding& finding : explanation.findings)
    if (finding.cause->name() == cause) return &finding;
  return nullptr;
}

double part_of(const Explanation& explanation, std::string_view cause) {
  const Finding* finding = find(explanation, cause);
  return finding == nullptr ? 0 : finding->part.change.value;
}

double sum_of(const Explanation& explanation) {
  double sum = 0;
  for (const Finding& finding : explanation.findings)
    sum += finding.b_ns - finding.a_ns;
  return sum;
}

TEST(Spread, WhatElseIsDearerIsTheSwitchesDoingUpToWhatTheyMayCost) {
  Draw draw(13);
  const auto a = runs(kExact, draw);
  const auto b = runs(colder(), draw);
  // 2 sleeps may well take 1,000 ns more than their calls; 0.1 of them take 2.5 switches' worth.
  const Explanation all = explained(a, with_sleeps(b, 2));
  EXPECT_THAT(part_of(all, "locks"), DoubleNear(800 + 1'000, 20));
  EXPECT_THAT(part_of(all, "own_code"), DoubleNear(0, 5));
  EXPECT_THAT(sum_of(all), DoubleNear(1'800, 25));
  const Explanation some = explained(a, with_sleeps(b, 0.1));
  EXPECT_THAT(part_of(some, "locks"), DoubleNear(40 + 0.1 * 2.5 * kSwitch, 5));
  EXPECT_THAT(part_of(some, "own_code"), DoubleNear(700 * 0.75, 10)) << "of each account alike";
  EXPECT_THAT(sum_of(some), DoubleNear(1'040, 25));
}

TEST(Spread, TheIntervalReachesFromTheLeastToTheMostThatTheyCost) {
  Draw draw(14);
  Truth noisy = colder();
  noisy.deviation = 0.001;
  Truth plain = kExact;
  plain.deviation = 0.001;
  const auto a = runs(plain, draw);
  const auto& interval =
      find(explained(a, with_sleeps(runs(noisy, draw), 0.3)), "locks")->part.change.interval;
  ASSERT_TRUE(interval);
  EXPECT_THAT(interval->low, DoubleNear(120 + 0.3 * 0.5 * kSwitch, 40));
  EXPECT_THAT(interval->high, DoubleNear(120 + 1'000, 60)) << "all, as 5 switches' worth is more";
}

TEST(Spread, TheOtherWayRoundItIsWhatIsSaved) {
  Draw draw(15);
  const auto a = with_sleeps(runs(colder(), draw), 2);
  const auto b = runs(kExact, draw);
  EXPECT_THAT(part_of(explained(a, b), "locks"), DoubleNear(-1'800, 20));
}

TEST(Spread, WhatFellWithMoreSwitchesIsNotTheirDoing) {
  Draw draw(16);
  const auto a = runs(colder(), draw);
  const auto b = with_sleeps(runs(kExact, draw), 2);
  const Explanation explanation = explained(a, b);
  EXPECT_THAT(part_of(explanation, "locks"), DoubleNear(800, 5));
  EXPECT_THAT(part_of(explanation, "own_code"), DoubleNear(-700, 10));
}

TEST(Spread, CallsWithoutSwitchesMakeNothingElseDearer) {
  Draw draw(17);
  const auto a = runs(kExact, draw);
  const auto b =
      planted(runs(colder(), draw), [](Snapshot& run) { plant_calls(run, "mmap", 2, 800); });
  const Explanation explanation = explained(a, b);
  EXPECT_THAT(part_of(explanation, "allocator"), DoubleNear(800, 5));
  EXPECT_THAT(part_of(explanation, "own_code"), DoubleNear(700, 10));
}

TEST(Tracing, IsWhatTheRunWithoutProbesTakesLess) {
  Draw draw(18);
  Truth more = kExact;
  more.user_ns += 900;  // with 8 calls more
  auto a = runs(kExact, draw);
  auto b = planted(runs(more, draw), [](Snapshot& run) { plant_calls(run, "mmap", 8, 2'000); });
  for (Snapshot& run : a)
    make_bare(run, Facts(run).cpu_ns() - 600);
  for (Snapshot& run : b)
    make_bare(run, Facts(run).cpu_ns() - 1'500);
  const Explanation explanation = explained(a, b);
  EXPECT_THAT(part_of(explanation, "tracing"), DoubleNear(900, 5));
  EXPECT_THAT(part_of(explanation, "own_code"), DoubleNear(0, 5));
  EXPECT_THAT(part_of(explanation, "allocator"), DoubleNear(2'000, 5));
  ASSERT_TRUE(explanation.bare_cpu);
  EXPECT_THAT(explanation.bare_cpu->change.value, DoubleNear(2'000, 10));
  EXPECT_THAT(explanation.cpu.change.value, DoubleNear(2'900, 10));

  a.front().overhead.bare.reset();
  const Explanation without = explained(a, b);
  EXPECT_FALSE(without.bare_cpu) << "one run does not say";
  EXPECT_THAT(part_of(without, "own_code"), DoubleNear(900, 5));
}

TEST(Tracing, HowItIsDividedBetweenCallsAndTheCodeAroundThemIsInTheInterval) {
  const auto half = [](double tracing_ns) {
    Draw draw(19);
    Truth noisy = kExact;
    noisy.deviation = 0.0005;
    auto a = runs(noisy, draw);
    auto b = planted(runs(noisy, draw), [&](Snapshot& run) {
      plant_calls(run, "mmap", 8, 2'000 * std::exp(0.0005 * draw.normal()));
    });
    for (auto* side : {&a, &b})
      for (Snapshot& run : *side) {
        const Facts facts(run);
        make_bare(run, facts.cpu_ns() - tracing_ns * facts["per_message.syscalls"]);
      }
    const auto& interval = find(explained(a, b), "allocator")->part.change.interval;
    return interval ? (interval->high - interval->low) / 2 : 0;
  };
  const double chance = half(0);
  EXPECT_LT(chance, 50);
  EXPECT_THAT(half(300), DoubleNear(std::hypot(chance, 0.3 * 300 * 8), 20));
}

}  // namespace
}  // namespace tr::explain
