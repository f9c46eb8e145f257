#include "load/units.h"

#include <gmock/gmock.h>

namespace tr::load {
namespace {

using testing::HasSubstr;

TEST(Duration, IsReadInEveryUnit) {
  EXPECT_EQ(*parse_duration("10"), 10'000'000'000U);
  EXPECT_EQ(*parse_duration("10s"), 10'000'000'000U);
  EXPECT_EQ(*parse_duration("1.5s"), 1'500'000'000U);
  EXPECT_EQ(*parse_duration("500ms"), 500'000'000U);
  EXPECT_EQ(*parse_duration("20us"), 20'000U);
  EXPECT_EQ(*parse_duration("7ns"), 7U);
  EXPECT_EQ(*parse_duration("2m"), 120'000'000'000U);
  EXPECT_EQ(*parse_duration("1h"), 3'600'000'000'000U);
  EXPECT_EQ(*parse_duration("0"), 0U);
}

TEST(Duration, IsRefusedWithAWayToWriteIt) {
  for (const char* text : {"", "s", "-1", "+1", " 1", "1 s", "1e3", "inf", "nan", "0x10", "10sec",
                           "10S", "366000h", "9999999999999999999999"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration.ok()) << text;
    EXPECT_EQ(duration.error().failure, Failure::kUsage);
    EXPECT_THAT(duration.error().text(), HasSubstr("write it as 10, 10s, 500ms or 2m"));
  }
}

TEST(Duration, ComesBackFromItsText) {
  for (const std::uint64_t ns :
       {0UL, 1UL, 999UL, 1'500'000'000UL, 60'000'000'000UL, 86'400'000'000'000UL})
    EXPECT_EQ(*parse_duration(format_duration(ns)), ns) << format_duration(ns);
  EXPECT_EQ(format_duration(1'500'000'000), "1500ms");
}

TEST(Size, IsReadInEveryUnit) {
  EXPECT_EQ(*parse_size("64"), 64U);
  EXPECT_EQ(*parse_size("64B"), 64U);
  EXPECT_EQ(*parse_size("1K"), 1024U);
  EXPECT_EQ(*parse_size("1KiB"), 1024U);
  EXPECT_EQ(*parse_size("3M"), 3U << 20);
  EXPECT_EQ(*parse_size("1GiB"), 1U << 30);
}

TEST(Size, IsRefusedWhenUnclearOrTooLarge) {
  for (const char* text : {"", "K", "-1", "1.5K", "1KB", "1 K", "64b", "0x40", "99999999999G"}) {
    const auto size = parse_size(text);
    ASSERT_FALSE(size.ok()) << text;
    EXPECT_EQ(size.error().failure, Failure::kUsage);
  }
}

TEST(Count, StaysBetweenItsBounds) {
  EXPECT_EQ(*parse_count("1", 1, 3), 1U);
  EXPECT_EQ(*parse_count("3", 1, 3), 3U);
  EXPECT_EQ(parse_count("4", 1, 3).error().text(), "\"4\" is not a whole number from 1 to 3");
  EXPECT_FALSE(parse_count("0", 1, 3).ok());
  EXPECT_FALSE(parse_count("2.0", 1, 3).ok());
}

TEST(Rate, IsAPositiveNumber) {
  EXPECT_EQ(*parse_rate("5000"), 5000);
  EXPECT_EQ(*parse_rate("0.5"), 0.5);
  for (const char* text : {"", "0", "-1", "5k", "inf", "2000000000"})
    EXPECT_FALSE(parse_rate(text).ok()) << text;
}

}  // namespace
}  // namespace tr::load
