#include <cmath>

#include <gmock/gmock.h>

#include "compare/comparison.h"
#include "synthetic_runs.h"

namespace tr::compare {
namespace {

using testing::DoubleNear;

Truth random_truth(Draw& draw) {
  Truth truth;
  truth.threads = 1 + draw.below(200);
  truth.messages = 1'000 + static_cast<double>(draw.below(60'000));
  truth.user_ns = 10 + static_cast<double>(draw.below(5'000));
  truth.receive_ns = 10 + static_cast<double>(draw.below(9'000));
  truth.receives = draw.below(4) == 0 ? 0 : 3 * draw.uniform();
  if (truth.receives == 0) truth.receive_ns = 0;
  truth.runqueue_ns = static_cast<double>(draw.below(3'000));
  truth.futexes = draw.below(2) == 0 ? 0 : draw.uniform();
  truth.deviation = 0.1 * draw.uniform();
  return truth;
}

// Relative to what is added up.
double slack(double of) {
  return 1e-9 * std::max(1.0, std::abs(of));
}

class Additivity : public testing::TestWithParam<bool> {
 protected:
  // Each time with other servers and numbers of runs.
  template <class Check>
  void each(Check check) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      Draw draw(seed);
      const Truth ours = random_truth(draw), theirs = random_truth(draw);
      const std::size_t runs = 1 + draw.below(5);
      const std::size_t other_runs = GetParam() ? runs : 1 + draw.below(5);
      const auto comparison =
          compare_runs(runs_of(ours, runs, draw), runs_of(theirs, other_runs, draw), GetParam());
      ASSERT_TRUE(comparison.ok()) << comparison.error().text();
      ASSERT_TRUE(comparison->budget.has_value());
      check(*comparison);
      if (HasFailure()) FAIL() << "seed " << seed;
    }
  }
};

TEST_P(Additivity, StatesMakeUpTheWhole) {
  each([](const Comparison& comparison) {
    const BudgetDifference& budget = *comparison.budget;
    double sum = 0, sum_a = 0, sum_b = 0;
    for (const StateRow& row : budget.rows) {
      sum += row.difference_ns();
      sum_a += row.a_ns;
      sum_b += row.b_ns;
    }
    EXPECT_EQ(budget.residual_a_ns, 0);
    EXPECT_EQ(budget.residual_b_ns, 0);
    EXPECT_THAT(sum_a, DoubleNear(budget.a_ns, slack(budget.a_ns)));
    EXPECT_THAT(sum_b, DoubleNear(budget.b_ns, slack(budget.b_ns)));
    EXPECT_THAT(sum, DoubleNear(budget.b_ns - budget.a_ns, slack(budget.a_ns + budget.b_ns)));
  });
}

TEST_P(Additivity, StatesAndThreadsMakeUpTheThroughput) {
  each([](const Comparison& comparison) {
    const Apportioning& parts = comparison.budget->apportioning;
    double states = 0;
    for (const StateRow& row : comparison.budget->rows)
      states += row.log_effect;
    EXPECT_THAT(states, DoubleNear(parts.log_states, 1e-9));
    EXPECT_THAT(parts.log_threads + states + parts.log_steady, DoubleNear(parts.log_ratio, 1e-9));
    ASSERT_TRUE(parts.log_cpus_in_use.has_value());
    EXPECT_THAT(*parts.log_cpus_in_use + *parts.log_cpu_time + parts.log_steady,
                DoubleNear(parts.log_ratio, 1e-9));
    // What is made up is the ratio that is reported.
    const Row* const throughput = comparison.find("throughput.messages_per_second");
    ASSERT_NE(throughput, nullptr);
    ASSERT_TRUE(throughput->difference.ratio.has_value());
    EXPECT_THAT(std::log(throughput->difference.ratio->value), DoubleNear(parts.log_ratio, 1e-9));
  });
}

TEST_P(Additivity, MoreAndDearerCallsMakeUpACallsTime) {
  each([](const Comparison& comparison) {
    EXPECT_FALSE(comparison.calls.empty());
    for (const CallRow& row : comparison.calls) {
      EXPECT_THAT(row.more_calls_ns + row.dearer_calls_ns,
                  DoubleNear(row.difference_ns(), slack(row.a_ns + row.b_ns)))
          << row.name;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Runs, Additivity, testing::Bool(),
                         [](const auto& param) { return param.param ? "paired" : "apart"; });

// Without any spread, so that each number is known.
Comparison compared(Truth a, Truth b) {
  Draw draw(1);
  a.deviation = b.deviation = a.common_deviation = b.common_deviation = 0;
  auto comparison = compare_runs(runs_of(a, 2, draw), runs_of(b, 2, draw), true);
  EXPECT_TRUE(comparison.ok());
  return comparison ? *std::move(comparison) : Comparison();
}

const CallRow* find(const Comparison& comparison, const std::string& name) {
  for (const CallRow& row : comparison.calls)
    if (row.name == name) return &row;
  return nullptr;
}

TEST(Calls, AreMoreOrDearer) {
  Truth b;
  b.receives = 3;
  b.receive_ns = 3 * 2'000;
  const Comparison comparison = compared({}, b);
  const CallRow* const row = find(comparison, "recvfrom");
  ASSERT_NE(row, nullptr);
  // From 1 call at 1800 ns to 3 at 2000.
  EXPECT_THAT(row->more_calls_ns, DoubleNear(2 * 1'900, 1));
  EXPECT_THAT(row->dearer_calls_ns, DoubleNear(2 * 200, 1));
}

TEST(Calls, OfOneSideAloneAreMore) {
  Truth b;
  b.futexes = 0.5;
  const CallRow* const more = find(compared({}, b), "futex");
  ASSERT_NE(more, nullptr);
  EXPECT_THAT(more->more_calls_ns, DoubleNear(300, 1));
  EXPECT_THAT(more->dearer_calls_ns, DoubleNear(0, 1e-6));
  const CallRow* const fewer = find(compared(b, {}), "futex");
  ASSERT_NE(fewer, nullptr);
  EXPECT_THAT(fewer->more_calls_ns, DoubleNear(-300, 1));
}

TEST(Apportioning, OfMoreThreadsAtTheSameTimeEach) {
  Truth b;
  b.threads = 16;
  b.messages = 400'000;
  const Comparison comparison = compared({}, b);
  const Apportioning& parts = comparison.budget->apportioning;
  EXPECT_THAT(parts.threads_a, DoubleNear(8, 1e-9));
  EXPECT_THAT(parts.threads_b, DoubleNear(16, 1e-9));
  EXPECT_THAT(parts.log_ratio, DoubleNear(std::log(2), 1e-9));
  EXPECT_THAT(parts.log_threads, DoubleNear(std::log(2), 1e-9));
  EXPECT_THAT(parts.log_states, DoubleNear(0, 1e-9));
}

TEST(Apportioning, GivesEachStateItsShareOfTheWhole) {
  Truth b;
  b.messages = 100'000;  // twice the time for each: 80 us become 160 us
  b.user_ns = 900 + 20'000;
  const Comparison comparison = compared({}, b);
  const BudgetDifference& budget = *comparison.budget;
  EXPECT_THAT(budget.b_ns - budget.a_ns, DoubleNear(80'000, 1));
  for (const StateRow& row : budget.rows) {
    EXPECT_THAT(row.log_effect, DoubleNear(-std::log(2) * row.difference_ns() / 80'000, 1e-6));
    if (row.state == metrics::TimeState::kUser) {
      EXPECT_THAT(row.log_effect, DoubleNear(-std::log(2) / 4, 1e-4));
    }
  }
}

TEST(BudgetDifference, ShowsWhatDoesNotAddUp) {
  Draw draw(1);
  auto a = runs_of({}, 2, draw);
  const auto b = runs_of({}, 2, draw);
  for (Snapshot& run : a)
    run.threads[0].life_ns -= run.load->messages * 100;
  const auto comparison = compare_runs(a, b, true);
  ASSERT_TRUE(comparison.ok()) << comparison.error().text();
  EXPECT_THAT(comparison->budget->residual_a_ns, DoubleNear(-100, 1e-6));
  EXPECT_EQ(comparison->budget->residual_b_ns, 0);
}

}  // namespace
}  // namespace tr::compare
