#include "report/units.h"

#include <clocale>

#include <gtest/gtest.h>

namespace tr::report {
namespace {

TEST(CountText, SeparatesThousands) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1'000), "1,000");
  EXPECT_EQ(count_text(1'523'400), "1,523,400");
  EXPECT_EQ(count_text(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(NumberText, HasThreeDigitsAndNeverWritesSomethingAsNothing) {
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(0.0009), "<0.001");
  EXPECT_EQ(number_text(0.001), "0.001");
  EXPECT_EQ(number_text(0.0126), "0.013");
  EXPECT_EQ(number_text(0.9994), "0.999");
  EXPECT_EQ(number_text(0.9996), "1.00");
  EXPECT_EQ(number_text(2), "2.00");
  EXPECT_EQ(number_text(9.996), "10.0");
  EXPECT_EQ(number_text(99.96), "100");
  EXPECT_EQ(number_text(999.6), "1,000");
  EXPECT_EQ(number_text(152'340.4), "152,340");
  EXPECT_EQ(number_text(-0.5), "-0.500");
  EXPECT_EQ(whole_text(1'523'400.0), "1,523,400");
}

TEST(DurationText, ChoosesTheUnit) {
  EXPECT_EQ(duration_text(0), "0 ns");
  EXPECT_EQ(duration_text(0.001), "<0.01 ns");
  EXPECT_EQ(duration_text(0.5), "0.50 ns");
  EXPECT_EQ(duration_text(107), "107 ns");
  EXPECT_EQ(duration_text(999.4), "999 ns");
  EXPECT_EQ(duration_text(999.6), "1.00 us");
  EXPECT_EQ(duration_text(6'312), "6.31 us");
  EXPECT_EQ(duration_text(12'345'678), "12.3 ms");
  EXPECT_EQ(duration_text(1.5e9), "1.50 s");
  EXPECT_EQ(duration_text(119.4e9), "119 s");
  EXPECT_EQ(duration_text(119.6e9), "2 min 0 s");
  EXPECT_EQ(duration_text(200e9), "3 min 20 s");
  EXPECT_EQ(duration_text(3'659.6e9), "1 h 1 min");
  EXPECT_EQ(duration_text(-6'312), "-6.31 us");
}

TEST(DurationText, CanBorrowTheUnitOfTheWhole) {
  EXPECT_EQ(duration_text(750, 6'450), "0.750 us");
  EXPECT_EQ(duration_text(6'450, 6'450), "6.45 us");
  EXPECT_EQ(duration_text(0, 6'450), "0 us");
  EXPECT_EQ(duration_text(0.4, 6'450), "<0.001 us");
  EXPECT_EQ(duration_text(5e9, 300e9), "5.00 s");
}

TEST(BytesText, ChoosesTheUnit) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(64), "64 B");
  EXPECT_EQ(bytes_text(64.25), "64.2 B");
  EXPECT_EQ(bytes_text(1'023), "1023 B");
  EXPECT_EQ(bytes_text(65'536), "64.0 KiB");
  EXPECT_EQ(bytes_text(1'048'575), "1.00 MiB");
  EXPECT_EQ(bytes_text(24.0 * (1ULL << 30)), "24.0 GiB");
  EXPECT_EQ(bytes_text(5e18), "4,547,474 TiB");
}

TEST(PercentText, KeepsTwoDigits) {
  EXPECT_EQ(percent_text(0), "0 %");
  EXPECT_EQ(percent_text(0.00001), "<0.01 %");
  EXPECT_EQ(percent_text(0.0021), "0.21 %");
  EXPECT_EQ(percent_text(0.0312), "3.1 %");
  EXPECT_EQ(percent_text(0.62), "62 %");
  EXPECT_EQ(percent_text(12.5), "1,250 %");
}

TEST(Units, DoNotDependOnTheLocale) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* locale : {"de_DE.UTF-8", "fr_FR.UTF-8"})
    std::setlocale(LC_ALL, locale);  // where it is installed
  EXPECT_EQ(number_text(1.5), "1.50");
  EXPECT_EQ(count_text(1'000), "1,000");
  std::setlocale(LC_ALL, before.c_str());
}

TEST(Printable, LeavesNothingThatSteersATerminal) {
  EXPECT_EQ(printable("worker-1"), "worker-1");
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
            "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(printable("\x1b[31mred\x7f\n\t"), "?[31mred???");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "??31m");                               // CSI as one character
  EXPECT_EQ(printable("cut \xe2\x82"), "cut ??");   // in the middle of a character
  EXPECT_EQ(printable("\xff\xfe\x80 x"), "??? x");  // no UTF-8
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a?b");
}

TEST(WidthOf, CountsCharacters) {
  EXPECT_EQ(width_of(""), 0U);
  EXPECT_EQ(width_of("gr\xc3\xbcn"), 4U);
}

}  // namespace
}  // namespace tr::report
