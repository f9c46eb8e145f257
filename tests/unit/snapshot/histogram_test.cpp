#include "snapshot/histogram.h"

#include <gmock/gmock.h>

namespace tr {
namespace {

using testing::ElementsAre;

class Buckets : public testing::TestWithParam<BucketLayout> {};

TEST_P(Buckets, TileTheWholeRangeWithoutGaps) {
  const BucketLayout layout = GetParam();
  EXPECT_EQ(layout.lower(0), 0U);
  for (std::size_t i = 0; i < layout.size(); ++i) {
    ASSERT_EQ(layout.index(layout.lower(i)), i);
    ASSERT_EQ(layout.index(layout.upper(i)), i);
    ASSERT_TRUE(i == 0 || layout.lower(i) == layout.upper(i - 1) + 1);
  }
  EXPECT_EQ(layout.upper(layout.size() - 1), UINT64_MAX);
}

TEST_P(Buckets, AreNarrow) {
  const BucketLayout layout = GetParam();
  const double limit = 1.0 / static_cast<double>(std::uint64_t{1} << layout.sub_bits);
  for (std::size_t i = 1; i + 1 < layout.size(); ++i) {
    const double width = static_cast<double>(layout.lower(i + 1) - layout.lower(i)) - 1;
    ASSERT_LE(width / static_cast<double>(layout.lower(i)), limit) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, Buckets, testing::Values(kKernelBuckets, kLoadBuckets),
                         [](const auto& param) {
                           return "SubBits" + std::to_string(param.param.sub_bits);
                         });

TEST(Histogram, IsEmptyAtFirst) {
  const Histogram none(kLoadBuckets);
  EXPECT_EQ(none.count(), 0U);
  EXPECT_EQ(none.mean(), 0.0);
  EXPECT_EQ(none.quantile(0.5), 0U);
}

TEST(Histogram, FindsQuantilesByRank) {
  Histogram values(kLoadBuckets);
  for (std::uint64_t v = 1; v <= 1000; ++v)
    values.record(v);
  EXPECT_EQ(values.quantile(0), 1U);
  EXPECT_EQ(values.quantile(0.5), 500U);
  EXPECT_EQ(values.quantile(0.999), 999U);
  EXPECT_EQ(values.quantile(1), 1000U);
  EXPECT_EQ(values.mean(), 500.5);
  EXPECT_EQ(values.max(), 1000U);
}

TEST(Histogram, StaysWithinItsPrecisionForLargeValues) {
  Histogram values(kLoadBuckets);
  values.record(123'456'789'012);
  values.record(1);
  EXPECT_NEAR(static_cast<double>(values.quantile(1)), 123'456'789'012.0, 123'456'789'012.0 / 1024);
}

TEST(Histogram, IsTheSameWhenPrepared) {
  Histogram prepared(kLoadBuckets);
  prepared.prepare(1'000'000'000);
  Histogram plain(kLoadBuckets);
  EXPECT_EQ(prepared, plain);
  for (Histogram* each : {&prepared, &plain})
    each->record(12'345, 3);
  EXPECT_EQ(prepared, plain);
}

TEST(Histogram, MergesToTheSumOfItsParts) {
  Histogram a(kKernelBuckets);
  Histogram b(kKernelBuckets);
  a.record(5, 2);
  b.record(5);
  b.record(4000);
  a.merge(b);
  EXPECT_EQ(a.count(), 4U);
  EXPECT_EQ(a.sum(), 4015U);
  EXPECT_EQ(a.max(), 4000U);
  EXPECT_THAT(a.buckets(), ElementsAre(Histogram::Bucket{5, 3},
                                       Histogram::Bucket{kKernelBuckets.index(4000), 1}));
}

TEST(Histogram, TakesBucketsCountedElsewhere) {
  Histogram values(kKernelBuckets);
  values.add(kKernelBuckets.index(1000), 10);
  values.add(1'000'000, 1);  // no such bucket
  EXPECT_EQ(values.count(), 10U);
  EXPECT_NEAR(static_cast<double>(values.quantile(0.5)), 1000, 125);
}

}  // namespace
}  // namespace tr
