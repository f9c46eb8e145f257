#include "metrics/steadiness.h"

#include <random>

#include <gmock/gmock.h>

namespace tr::metrics {
namespace {

using Bins = std::vector<std::uint64_t>;

constexpr std::uint64_t kBin = 100'000'000;

Snapshot run_of(const Bins& answers) {
  Snapshot run;
  run.window_close_ns = answers.size() * kBin;
  run.load.emplace();
  run.load->messages = 1;
  run.load->bins = AnswerBins{.bin_ns = kBin, .answers = answers};
  return run;
}

// `count` bins around a level, with 1 % of noise: the same in each run of the test.
void add(Bins& bins, std::size_t count, double level) {
  static std::mt19937_64 random(7);
  for (std::size_t i = 0; i < count; ++i) {
    const double uniform = static_cast<double>(random() >> 11) / 0x1p53 - 0.5;
    bins.push_back(static_cast<std::uint64_t>(level * (1 + 0.03 * uniform)));
  }
}

Steadiness found_in(const Bins& bins) {
  const auto found = steadiness(run_of(bins));
  EXPECT_TRUE(found);
  return found.value_or(Steadiness{});
}

TEST(Steadiness, IsTheWholeOfAWindowAtOneLevel) {
  Bins bins;
  add(bins, 100, 9'000);
  const Steadiness found = found_in(bins);
  EXPECT_TRUE(found.steady);
  EXPECT_EQ(found.begin_ns, 0U);
  EXPECT_EQ(found.end_ns, 100 * kBin);
  EXPECT_EQ(found.share, 1);
  EXPECT_NEAR(found.per_second, 90'000, 300);
  EXPECT_NEAR(found.deviation, 0.0087, 0.004);
}

TEST(Steadiness, LeavesOutASlowBeginning) {
  Bins bins;
  add(bins, 20, 4'000);
  add(bins, 80, 9'000);
  const Steadiness found = found_in(bins);
  EXPECT_TRUE(found.steady);
  EXPECT_NEAR(static_cast<double>(found.begin_ns), 20 * kBin, 2 * kBin);
  EXPECT_EQ(found.end_ns, 100 * kBin);
  EXPECT_NEAR(found.per_second, 90'000, 900);
}

TEST(Steadiness, LeavesOutAnEndThatIsAnother) {
  Bins bins;
  add(bins, 70, 9'000);
  add(bins, 30, 6'000);
  const Steadiness found = found_in(bins);
  EXPECT_TRUE(found.steady);
  EXPECT_EQ(found.begin_ns, 0U);
  EXPECT_NEAR(static_cast<double>(found.end_ns), 70 * kBin, 2 * kBin);
}

// A change that statistics can see and nobody cares for.
TEST(Steadiness, DoesNotMindASmallStep) {
  Bins bins;
  add(bins, 50, 9'000);
  add(bins, 50, 9'150);
  EXPECT_TRUE(found_in(bins).steady);
  EXPECT_EQ(found_in(bins).share, 1);
}

// Garbage is collected for a tenth of a second, twice: that is the server.
TEST(Steadiness, CountsSeldomExcursions) {
  Bins bins;
  add(bins, 33, 9'000);
  bins.push_back(0);
  add(bins, 33, 9'000);
  bins.push_back(0);
  add(bins, 32, 9'000);
  const Steadiness found = found_in(bins);
  EXPECT_TRUE(found.steady);
  EXPECT_EQ(found.share, 1);
  EXPECT_NEAR(found.per_second, 90'000 * 0.98, 300);
}

TEST(Steadiness, IsMissingInASlope) {
  Bins bins;
  for (std::size_t i = 0; i < 100; ++i)
    add(bins, 1, 4'000 + 50.0 * static_cast<double>(i));
  const Steadiness found = found_in(bins);
  EXPECT_FALSE(found.steady);
  EXPECT_LT(found.share, kMinSteadyShare);
}

TEST(Steadiness, IsMissingBetweenThreeLevels) {
  Bins bins;
  add(bins, 35, 9'000);
  add(bins, 33, 6'000);
  add(bins, 32, 8'000);
  const Steadiness found = found_in(bins);
  EXPECT_FALSE(found.steady);
  EXPECT_NEAR(found.share, 0.35, 0.02);  // what there is all the same
}

TEST(Steadiness, IsMissingWhereNothingComesAtAll) {
  EXPECT_FALSE(found_in(Bins(100, 0)).steady);
}

// Of a window of 1.05 s, the last half of a bin says nothing.
TEST(Steadiness, DoesNotTakeABinThatWasCutShortForASlowOne) {
  Bins bins(10, 9'000);
  bins.push_back(4'500);
  Snapshot run = run_of(bins);
  run.window_close_ns = 10 * kBin + kBin / 2;
  const auto found = steadiness(run);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->steady);
  EXPECT_EQ(found->share, 1);
  EXPECT_EQ(found->per_second, 90'000);
}

TEST(Steadiness, IsNotKnownWithoutEnoughBins) {
  EXPECT_EQ(steadiness(run_of(Bins(9, 9'000))), std::nullopt);
  EXPECT_EQ(steadiness(Snapshot{}), std::nullopt);
  Snapshot older = run_of(Bins(100, 9'000));
  older.load->bins.reset();
  EXPECT_EQ(steadiness(older), std::nullopt);
  Snapshot damaged = run_of(Bins(100, 9'000));
  damaged.load->bins->bin_ns = 0;
  EXPECT_EQ(steadiness(damaged), std::nullopt);
}

}  // namespace
}  // namespace tr::metrics
