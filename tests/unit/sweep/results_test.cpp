#include "sweep/results.h"

#include <gmock/gmock.h>

#include "synthetic_sweep.h"

namespace tr::sweep {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Cell cell(const std::string& server, std::uint64_t connections = 10) {
  return {.server = server, .connections = connections, .pin = "", .size = 64, .pipeline = 1};
}

CellResult result_of(const Cell& of, const std::vector<std::uint64_t>& messages) {
  return judge_cell({.cell = of, .skipped = ""}, runs_of(of, messages), {});
}

TEST(JudgeCell, MeansOfTheFitRunsWithWhatASweepAdds) {
  const CellResult result = result_of(cell("a"), {100'000, 101'000, 102'000});
  EXPECT_EQ(result.runs, 3U);
  EXPECT_EQ(result.fit, 3U);
  EXPECT_THAT(result.unfit, IsEmpty());
  const auto* rate = result.find("throughput.messages_per_second");
  ASSERT_NE(rate, nullptr);
  EXPECT_DOUBLE_EQ(rate->figure.value, 50'500);
  ASSERT_TRUE(rate->mean.interval);
  // Student's t with 2 degrees of freedom: 4.303 x 500 / sqrt(3).
  EXPECT_NEAR(rate->mean.interval->high - 50'500, 1'242, 1);
  EXPECT_DOUBLE_EQ(*result.value(kJain), 0.998);
  EXPECT_DOUBLE_EQ(*result.value(kUserSeconds), 700 * 101'000.0);
  EXPECT_DOUBLE_EQ(*result.value(kSystemSeconds), 5'800 * 101'000.0);
  EXPECT_DOUBLE_EQ(*result.value(kWindow), 2e9);
  EXPECT_DOUBLE_EQ(*result.value("per_message.user_ns"), 700);
}

TEST(JudgeCell, UnfitRunsAreCountedAndLeftOut) {
  std::vector<Snapshot> runs = runs_of(cell("a"), {100'000, 100'000, 900'000});
  runs[2].load->wrong_answers = 1;
  const CellResult result = judge_cell({.cell = cell("a"), .skipped = ""}, runs, {"it died"});
  EXPECT_EQ(result.runs, 3U);
  EXPECT_EQ(result.fit, 2U);
  EXPECT_EQ(result.unfit.at(metrics::Doubt::Kind::kWrongAnswers), 1U);
  EXPECT_DOUBLE_EQ(*result.value("throughput.messages_per_second"), 50'000);
  EXPECT_THAT(result.failures, ElementsAre("it died"));
}

TEST(JudgeCell, WithoutRunsThereAreNoFigures) {
  const CellResult result =
      judge_cell({.cell = cell("a"), .skipped = "too many for this machine"}, {}, {});
  EXPECT_EQ(result.fit, 0U);
  EXPECT_THAT(result.figures, IsEmpty());
  EXPECT_EQ(result.skipped, "too many for this machine");
}

TEST(Rank, ApartWhereIntervalsAre) {
  const std::vector<CellResult> cells{result_of(cell("slow"), {50'000, 50'100, 50'050}),
                                      result_of(cell("fast"), {90'000, 90'100, 90'050}),
                                      result_of(cell("middle"), {70'000, 70'100, 70'050})};
  EXPECT_THAT(rank(cells), ElementsAre(Ranking{{1, 1, 1}, {2, 2, 2}, {0, 3, 3}}));
}

TEST(Rank, OverlappingIntervalsShareTheirRanks) {
  const std::vector<CellResult> cells{result_of(cell("a"), {90'000, 92'000, 91'000}),
                                      result_of(cell("b"), {90'500, 92'500, 91'500}),
                                      result_of(cell("c"), {50'000, 50'100, 50'050}),
                                      result_of(cell("d"), {89'500, 91'500, 90'500})};
  EXPECT_THAT(rank(cells), ElementsAre(Ranking{{1, 1, 3}, {0, 1, 3}, {3, 1, 3}, {2, 4, 4}}));
}

// b overlaps with a and with c, which do not overlap with each other.
TEST(Rank, TiesNeedNotBeTransitive) {
  const std::vector<CellResult> cells{result_of(cell("a"), {90'000, 90'200, 90'100}),
                                      result_of(cell("b"), {89'000, 91'000, 90'000}),
                                      result_of(cell("c"), {89'100, 89'300, 89'200})};
  EXPECT_THAT(rank(cells), ElementsAre(Ranking{{0, 1, 2}, {1, 1, 3}, {2, 2, 3}}));
}

TEST(Rank, ASingleRunMayStandAnywhere) {
  const std::vector<CellResult> cells{result_of(cell("a"), {90'000}),
                                      result_of(cell("b"), {50'000, 50'100})};
  EXPECT_THAT(rank(cells), ElementsAre(Ranking{{0, 1, 2}, {1, 1, 2}}));
}

// Equal values have no interval: they are taken as they are.
TEST(Rank, EqualValuesAreAPoint) {
  const std::vector<CellResult> cells{result_of(cell("a"), {90'000, 90'000}),
                                      result_of(cell("b"), {50'000, 50'000})};
  EXPECT_THAT(rank(cells), ElementsAre(Ranking{{0, 1, 1}, {1, 2, 2}}));
}

TEST(Rank, OnlyUnderTheSameLoadAndOnlyThoseWithFigures) {
  const std::vector<CellResult> cells{result_of(cell("a", 10), {90'000}), result_of(cell("b"), {}),
                                      result_of(cell("a", 20), {95'000}),
                                      result_of(cell("a", 30), {})};
  EXPECT_THAT(rank(cells), ElementsAre(Ranking{{0, 1, 1}}, Ranking{{2, 1, 1}}));
}

TEST(FitScalings, FindsTheLawThatThePointsFollow) {
  std::vector<CellResult> cells;
  for (const double n : {1.0, 4.0, 16.0, 64.0}) {
    const double per_second = 20'000 * n / (1 + 0.05 * (n - 1) + 0.0005 * n * (n - 1));
    cells.push_back(result_of(cell("a", static_cast<std::uint64_t>(n)),
                              {static_cast<std::uint64_t>(2 * per_second)}));
  }
  cells.push_back(result_of(cell("b", 1), {10'000}));
  const std::vector<Scaling> scalings = fit_scalings(cells);
  ASSERT_THAT(scalings, SizeIs(1));
  EXPECT_EQ(scalings[0].cell, 0U);
  EXPECT_EQ(scalings[0].points, 4U);
  EXPECT_NEAR(scalings[0].law.lambda, 20'000, 20);
  EXPECT_NEAR(scalings[0].law.sigma, 0.05, 0.001);
  EXPECT_NEAR(scalings[0].law.kappa, 0.0005, 0.00001);
  EXPECT_GT(scalings[0].law.r_squared, 0.999);
}

}  // namespace
}  // namespace tr::sweep
