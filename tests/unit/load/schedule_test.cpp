#include "load/schedule.h"

#include <cmath>
#include <vector>

#include <gmock/gmock.h>

namespace tr::load {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t kStart = 5'000'000'000;

std::vector<std::uint64_t> times(Schedule schedule, std::size_t count) {
  schedule.start(kStart);
  std::vector<std::uint64_t> planned;
  for (std::size_t i = 0; i < count; ++i) {
    planned.push_back(schedule.next_ns());
    schedule.advance();
  }
  return planned;
}

Schedule::Plan poisson(double rate, std::uint64_t seed, std::uint64_t connections) {
  return {.rate = rate, .shape = RateShape::kPoisson, .seed = seed, .connections = connections};
}

TEST(FixedSchedule, LetsTheConnectionsTakeTurns) {
  const Schedule::Plan plan{.rate = 1000, .shape = RateShape::kFixed, .seed = 1, .connections = 4};
  EXPECT_THAT(times({plan, 0}, 3), ElementsAre(kStart, kStart + 4'000'000, kStart + 8'000'000));
  EXPECT_THAT(times({plan, 3}, 2), ElementsAre(kStart + 3'000'000, kStart + 7'000'000));
}

TEST(FixedSchedule, DoesNotDriftWhenTheGapIsNoWholeNanosecond) {
  const Schedule::Plan plan{.rate = 3, .shape = RateShape::kFixed, .seed = 1, .connections = 1};
  const auto planned = times({plan, 0}, 300'001);
  EXPECT_NEAR(static_cast<double>(planned.back() - kStart), 100'000e9, 1000);
}

TEST(PoissonSchedule, KeepsItsRateAndItsShape) {
  // 200,000 gaps: the mean's standard error is 0.22 %, that of the share above it 0.11 %.
  const auto planned = times({poisson(8000, 42, 4), 2}, 200'000);
  const double mean = static_cast<double>(planned.back() - kStart) / 200'000;
  EXPECT_NEAR(mean, 500'000, 5'000);
  std::size_t above = 0;
  for (std::size_t i = 1; i < planned.size(); ++i)
    above += planned[i] - planned[i - 1] > 500'000 ? 1 : 0;
  EXPECT_NEAR(static_cast<double>(above) / 200'000, std::exp(-1), 0.005);
}

TEST(PoissonSchedule, IsTheSameForTheSameSeedOnly) {
  const auto planned = times({poisson(1000, 7, 10), 3}, 50);
  EXPECT_EQ(times({poisson(1000, 7, 10), 3}, 50), planned);
  EXPECT_NE(times({poisson(1000, 8, 10), 3}, 50), planned);
  EXPECT_NE(times({poisson(1000, 7, 10), 4}, 50), planned);
}

}  // namespace
}  // namespace tr::load
