#include "statistics/series.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>

#include "noise.h"

namespace tr::statistics {
namespace {

using testing::ElementsAre;
using testing::Gt;
using testing::IsEmpty;
using testing::SizeIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(Segments, OfNothingAreNone) {
  EXPECT_THAT(segments({}, 5), IsEmpty());
}

TEST(Segments, OfALevelIsOne) {
  EXPECT_THAT(segments(std::vector(1, 7.0), 5), ElementsAre(Segment{0, 1, 7}));
  EXPECT_THAT(segments(std::vector(3, 7.0), 5), ElementsAre(Segment{0, 3, 7}));
  EXPECT_THAT(segments(std::vector(200, 0.1), 5), ElementsAre(Segment{0, 200, 0.1}));
  EXPECT_THAT(segments(std::vector(50, 0.0), 0), ElementsAre(Segment{0, 50, 0}));
  EXPECT_THAT(segments(std::vector(50, kNan), 1), ElementsAre(Segment{0, 50, 0}));
}

TEST(Segments, WithoutNoiseAreExact) {
  std::vector<double> bins(40, 3);
  std::fill(bins.begin() + 15, bins.end(), 7);
  EXPECT_THAT(segments(bins, 5), ElementsAre(Segment{0, 15, 3}, Segment{15, 40, 7}));
}

TEST(Segments, CountWhatWasNotMeasuredAsWhatCameBefore) {
  std::vector<double> bins(40, 3);
  std::fill(bins.begin() + 15, bins.end(), 7);
  bins[0] = kNan;
  bins[20] = std::numeric_limits<double>::infinity();
  EXPECT_THAT(segments(bins, 5), ElementsAre(Segment{0, 15, 3}, Segment{15, 40, 7}));
}

// In any unit, beside any offset.
TEST(Segments, DoNotDependOnTheUnit) {
  std::vector<double> bins = Noise(3).normals(60, 1, 0.02);
  for (std::size_t i = 30; i < bins.size(); ++i) {
    bins[i] += 0.1;
  }
  std::vector<double> scaled = bins;
  for (double& bin : scaled) {
    bin = 1e9 + 1e6 * bin;
  }
  const std::vector<Segment> found = segments(bins, 5);
  const std::vector<Segment> of_scaled = segments(scaled, 5);
  ASSERT_THAT(found, SizeIs(2));
  ASSERT_THAT(of_scaled, SizeIs(2));
  EXPECT_EQ(of_scaled[1].begin, found[1].begin);
}

TEST(Segments, AreNeverShorterThanAsked) {
  Noise noise(8);
  for (int series = 0; series < 10; ++series) {
    std::vector<double> bins = noise.normals(90, 100, 1);
    for (std::size_t i = 0; i < bins.size(); ++i) {
      bins[i] += i / 4 % 2 == 0 ? 0 : 20;  // levels of four bins each
    }
    std::size_t end = 0;
    for (const Segment& segment : segments(bins, 7)) {
      EXPECT_EQ(segment.begin, end);
      EXPECT_GE(segment.end - segment.begin, 7);
      end = segment.end;
    }
    EXPECT_EQ(end, bins.size());
  }
}

// Of 100 series in which nothing changes, how many are found to change?
int false_changes(double correlation, std::size_t bins) {
  Noise noise(21);
  int changes = 0;
  for (int series = 0; series < 100; ++series) {
    changes += segments(noise.serial(bins, 100, 2, correlation), 5).size() > 1 ? 1 : 0;
  }
  return changes;
}

TEST(Segments, OfNoiseAreOne) {
  EXPECT_LE(false_changes(0, 80), 5);
}

TEST(Segments, OfNoiseThatWandersAreOne) {
  EXPECT_LE(false_changes(0.5, 80), 5);
  EXPECT_LE(false_changes(0.9, 80), 8);
}

TEST(Segments, OfAFewBinsOfNoiseAreOne) {
  EXPECT_LE(false_changes(0, 20), 5);
  EXPECT_LE(false_changes(0.5, 20), 5);
}

// Steps of 5 % in noise of 2 %, up and down.
TEST(Segments, ChangeWhereTheLevelDoes) {
  Noise noise(22);
  int near = 0;
  int alone = 0;
  for (int series = 0; series < 100; ++series) {
    std::vector<double> bins = noise.normals(80, 100, 2);
    const std::size_t at = 20 + series % 40;
    for (std::size_t i = at; i < bins.size(); ++i) {
      bins[i] += series % 2 == 0 ? 5 : -5;
    }
    const std::vector<Segment> found = segments(bins, 5);
    alone += found.size() == 2 ? 1 : 0;
    near += found.size() == 2 && found[1].begin + 2 >= at && found[1].begin <= at + 2 ? 1 : 0;
  }
  EXPECT_GE(alone, 95);
  EXPECT_GE(near, 90);
}

TEST(Segments, FindStepsInNoiseThatWanders) {
  Noise noise(23);
  int found = 0;
  for (int series = 0; series < 40; ++series) {
    std::vector<double> bins = noise.serial(100, 100, 2, 0.5);
    for (std::size_t i = 50; i < bins.size(); ++i) {
      bins[i] += 5;
    }
    found += segments(bins, 5).size() > 1 ? 1 : 0;
  }
  EXPECT_GE(found, 34);
}

// A stall in the middle of a run, too short to show in its mean.
TEST(Segments, FindAShortStall) {
  std::vector<double> bins = Noise(24).normals(120, 100, 2);
  for (std::size_t i = 60; i < 66; ++i) {
    bins[i] -= 20;
  }
  const std::vector<Segment> found = segments(bins, 5);
  ASSERT_THAT(found, SizeIs(3));
  EXPECT_EQ(found[1].begin, 60);
  EXPECT_EQ(found[1].end, 66);
}

// A ramp becomes a stair; what matters is that the last segment is the steady state.
TEST(Segments, TellAWarmUpFromTheSteadyState) {
  Noise noise(25);
  for (const std::size_t ramp : {8U, 20U}) {
    for (int series = 0; series < 10; ++series) {
      std::vector<double> bins = noise.normals(120, 100, 2);
      for (std::size_t i = 0; i < ramp; ++i) {
        bins[i] -= 50 * (1 - static_cast<double>(i) / static_cast<double>(ramp));
      }
      const std::vector<Segment> found = segments(bins, 5);
      ASSERT_THAT(found, SizeIs(Gt(1U)));
      EXPECT_NEAR(static_cast<double>(found.back().begin), static_cast<double>(ramp), 5);
      EXPECT_EQ(found.back().end, bins.size());
      EXPECT_NEAR(found.back().level, 100, 1);
    }
  }
}

}  // namespace
}  // namespace tr::statistics
