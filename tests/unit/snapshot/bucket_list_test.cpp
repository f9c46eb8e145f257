#include "snapshot/bucket_list.h"

#include <gmock/gmock.h>

namespace tr {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using namespace std::string_view_literals;

TEST(BucketList, HoldsWhatAHistogramHolds) {
  Histogram values(kKernelBuckets);
  for (const std::uint64_t value : {0ULL, 7ULL, 8ULL, 100'000ULL, 100'000ULL, ~0ULL})
    values.record(value);
  const BucketList list(values.buckets());
  EXPECT_THAT(list, ElementsAreArray(values.buckets()));
  EXPECT_EQ(to_histogram(list, kKernelBuckets).buckets(), values.buckets());
}

// The packed form is in files: it must never change.
TEST(BucketList, PacksGapsAndCountsAsLeb128) {
  BucketList list;
  list.push_back({2, 1});
  list.push_back({3, 0});  // empty: left out
  list.push_back({5, 300});
  EXPECT_EQ(list.bytes(), "\x02\x01\x02\xac\x02"sv);
}

TEST(BucketList, TakesTwoOrThreeBytesForAUsedBucket) {
  BucketList list;
  for (std::size_t i = 0; i < 30; ++i)
    list.push_back({100 + 2 * i, 1 + i * i});
  EXPECT_LE(list.bytes().size(), 30U * 3U);
}

TEST(BucketList, UnpacksBytesFromOutside) {
  const auto list = BucketList::from_bytes("\x02\x01\x02\xac\x02"sv, kKernelBuckets);
  ASSERT_TRUE(list.has_value());
  EXPECT_THAT(*list, ElementsAre(Histogram::Bucket{2, 1}, Histogram::Bucket{5, 300}));
  EXPECT_TRUE(BucketList::from_bytes("", kKernelBuckets)->empty());
}

TEST(BucketList, RefusesBytesThatAreNoList) {
  constexpr BucketLayout kTiny{1};  // 128 buckets
  const auto refused = [&](std::string_view bytes) {
    return !BucketList::from_bytes(bytes, kTiny).has_value();
  };
  EXPECT_TRUE(refused("\x02"sv)) << "an index without a count";
  EXPECT_TRUE(refused("\x02\x80"sv)) << "a number that is cut short";
  EXPECT_TRUE(refused("\x02\x00"sv)) << "an empty bucket";
  EXPECT_TRUE(refused("\x80\x01\x01"sv)) << "index 128";
  EXPECT_FALSE(refused("\x7f\x01"sv)) << "index 127";
  EXPECT_TRUE(refused("\x7f\x01\x00\x01"sv)) << "a bucket behind the last";
  EXPECT_TRUE(refused("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"sv)) << "over 64 bits";
  EXPECT_TRUE(refused("\x00\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"sv)) << "2^63 values";
  EXPECT_FALSE(refused("\x00\x80\x80\x80\x80\x80\x80\x80\x80\x40"sv)) << "2^62 values";
  EXPECT_TRUE(refused("\x00\x80\x80\x80\x80\x80\x80\x80\x80\x40\x00\x01"sv)) << "one more";
}

}  // namespace
}  // namespace tr
