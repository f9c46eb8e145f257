#include "herd/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "herd/lines.h"

namespace servers::herd {
namespace {

using ::testing::Optional;

bool is_invalid(std::string_view line) {
  return std::holds_alternative<Invalid>(parse_message(line));
}

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(HerdMessage, IamatHasThreeFieldsHoweverTheyAreSeparated) {
  for (const char* line : {"IAMAT kiwi +34.068930-118.445127 1614209128.918963997",
                           "  IAMAT\tkiwi \v\f +34.068930-118.445127   1614209128.918963997\r "}) {
    const Message message = parse_message(line);
    const auto* const said = std::get_if<IAmAt>(&message);
    ASSERT_NE(said, nullptr) << line;
    EXPECT_EQ(said->client, "kiwi");
    EXPECT_EQ(said->location, "+34.068930-118.445127");
    EXPECT_EQ(said->time, "1614209128.918963997");
  }
}

TEST(HerdMessage, WhatsatHasARadiusAndABound) {
  const Message message = parse_message("WHATSAT kiwi 10 5");
  const auto* const asked = std::get_if<WhatsAt>(&message);
  ASSERT_NE(asked, nullptr);
  EXPECT_EQ(asked->client, "kiwi");
  EXPECT_EQ(asked->radius, "10");
  EXPECT_EQ(asked->bound, 5U);
}

TEST(HerdMessage, WhatsatHasLimits) {
  for (const char* line : {"WHATSAT kiwi 0 1", "WHATSAT kiwi 50 20", "WHATSAT kiwi 50.000 20",
                           "WHATSAT kiwi 0.5 1", "WHATSAT kiwi 007 007"})
    EXPECT_FALSE(is_invalid(line)) << line;
  for (const char* line :
       {"WHATSAT kiwi 50.000000000000000000001 1", "WHATSAT kiwi 51 1", "WHATSAT kiwi -1 1",
        "WHATSAT kiwi +1 1", "WHATSAT kiwi 1e1 1", "WHATSAT kiwi nan 1", "WHATSAT kiwi 1. 1",
        "WHATSAT kiwi .5 1", "WHATSAT kiwi 99999999999999999999999 1", "WHATSAT kiwi 10 0",
        "WHATSAT kiwi 10 21", "WHATSAT kiwi 10 -1", "WHATSAT kiwi 10 1.0", "WHATSAT kiwi 10 +1",
        "WHATSAT kiwi 10 18446744073709551617", "WHATSAT kiwi 10 0x5", "WHATSAT kiwi 10"})
    EXPECT_TRUE(is_invalid(line)) << line;
}

TEST(HerdMessage, AnythingElseIsInvalid) {
  for (const std::string_view line :
       {"", " ", "\r", "IAMAT", "IAMAT kiwi +1+1", "IAMAT kiwi +1+1 1 1", "iamat kiwi +1+1 1",
        "IAMATkiwi +1+1 1", "AT Hill +0.1 kiwi +1+1 1", "WHATSAT kiwi 10 5 5", "SERVER",
        "SERVER Hill Hill", "GET / HTTP/1.1", "a b c d e f g h", "IAMAT kiwi +1+1 1614209128,9",
        "IAMAT kiwi +1+1 -1", "IAMAT kiwi +1+1 1e9", "IAMAT kiwi +1+1 inf",
        "IAMAT kiwi +1+1 1234567890123456789"})
    EXPECT_TRUE(is_invalid(line)) << line;
  EXPECT_TRUE(is_invalid(std::string_view("IAMAT kiwi +1+1 1\0", 18)));
  EXPECT_TRUE(is_invalid(std::string(100'000, ' ')));
  EXPECT_TRUE(is_invalid(std::string(100'000, 'x')));
}

TEST(HerdMessage, ANeighbourSaysItsName) {
  const Message message = parse_message("SERVER Hill");
  ASSERT_TRUE(std::holds_alternative<Hello>(message));
  EXPECT_EQ(std::get<Hello>(message).server, "Hill");
  EXPECT_EQ(hello("Hill"), "SERVER Hill\n");
}

TEST(HerdMessage, LocationsLieOnEarth) {
  for (const char* text :
       {"+34.068930-118.445127", "-90-180", "+90.000+180.0", "+0-0", "-00+000", "+48.85+2.35"})
    EXPECT_TRUE(parse_location(text)) << text;
  for (const char* text :
       {"",      "+",        "+1",      "+-",     "+1-",    "1-1",
        "+1 -1", "+1-1-1",   "+1-1/",   "+1.-1",  "+.5-1",  "+90.0000000000000000001+0",
        "+91-1", "+1-180.1", "+1-1000", "+1e1-1", "+nan-1", "++1-1",
        "+1--1", "+1.1.1-1"})
    EXPECT_FALSE(parse_location(text)) << text;
  EXPECT_EQ(parse_location("+34.068930-118.445127")->latitude, "+34.068930");
  EXPECT_EQ(parse_location("+34.068930-118.445127")->longitude, "-118.445127");
}

TEST(HerdMessage, DecimalsAreComparedExactly) {
  EXPECT_TRUE(std::is_eq(compare_decimals("1", "1.000")));
  EXPECT_TRUE(std::is_eq(compare_decimals("007.5", "7.50")));
  EXPECT_TRUE(std::is_eq(compare_decimals("0", "0.0")));
  EXPECT_TRUE(std::is_lt(compare_decimals("9", "10")));
  EXPECT_TRUE(std::is_lt(compare_decimals("1.09", "1.1")));
  EXPECT_TRUE(std::is_lt(compare_decimals("1", "1.000000000000000000000000001")));
  // The same as doubles.
  EXPECT_TRUE(std::is_gt(compare_decimals("1614209128.9189639971", "1614209128.9189639970")));
  EXPECT_TRUE(std::is_gt(compare_decimals("900719925474099300000", "900719925474099299999")));
}

TEST(HerdMessage, TheDifferenceHasASignAndNineDecimals) {
  constexpr std::int64_t kNow = 1'614'209'129'182'837'383;
  EXPECT_EQ(difference(kNow, "1614209128.918963997"), "+0.263873386");
  EXPECT_EQ(difference(kNow, "1614209129.182837383"), "+0.000000000");
  EXPECT_EQ(difference(kNow, "1614209129.182837384"), "-0.000000001");
  EXPECT_EQ(difference(kNow, "1614209129.1828373839"), "+0.000000000");
  EXPECT_EQ(difference(kNow, "1614209130"), "-0.817162617");
  EXPECT_EQ(difference(kNow, "1614209131.2"), "-2.017162617");
  EXPECT_EQ(difference(kNow, "0"), "+1614209129.182837383");
  EXPECT_EQ(difference(kNow, "999999999999999999.9"), "-999999998385790870.717162617");
}

TEST(HerdMessage, AnAtLineIsTheAnswerAndComesBackWhole) {
  const At at(
      "Hill", 1'614'209'129'182'837'383,
      {.client = "kiwi", .location = "+34.068930-118.445127", .time = "1614209128.918963997"});
  EXPECT_EQ(at.line(), "AT Hill +0.263873386 kiwi +34.068930-118.445127 1614209128.918963997");
  const auto again = At::parse(at.line());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->line(), at.line());
  EXPECT_EQ(again->server(), "Hill");
  EXPECT_EQ(again->client(), "kiwi");
  EXPECT_EQ(again->location(), "+34.068930-118.445127");
  EXPECT_EQ(again->time(), "1614209128.918963997");
}

TEST(HerdMessage, ABadAtLineIsNone) {
  for (const char* line :
       {"", "AT", "AT Hill +0.1 kiwi +1+1", "AT Hill 0.1 kiwi +1+1 1", "AT Hill +x kiwi +1+1 1",
        "AT Hill + kiwi +1+1 1", "AT Hill +1+1 kiwi +1+1 1", "AT Hill +0.1 kiwi +1+1 x",
        "AT Hill +0.1 kiwi +91+1 1", "AT Hill  +0.1 kiwi +1+1 1", "AT Hill +0.1 kiwi +1+1 1 ",
        "AT Hill\t+0.1 kiwi +1+1 1", "AT Hill +0.1 kiwi +1+1 1 1", "IAMAT kiwi +1+1 1",
        "AT AVeryLongNameThatNoServerCanHaveAtAll +0.1 kiwi +1+1 1"})
    EXPECT_FALSE(At::parse(line)) << line;
}

TEST(HerdMessage, TheNewerTimeWinsAndEqualOnesAreInOneOrder) {
  const auto at = [](const char* line) { return *At::parse(line); };
  const At early = at("AT Hill +5.0 kiwi +1+1 9.5");
  const At late = at("AT Campbell +0.1 kiwi +1+1 10");
  EXPECT_TRUE(late.newer_than(early));
  EXPECT_FALSE(early.newer_than(late));
  EXPECT_FALSE(late.newer_than(late));
  const At elsewhere = at("AT Hill +0.1 kiwi +1+1 10.0");
  EXPECT_NE(late.newer_than(elsewhere), elsewhere.newer_than(late));
}

TEST(HerdLines, ComeWholeHoweverTheBytesComeApart) {
  for (const std::size_t piece : {1, 2, 3, 100}) {
    Lines lines(10);
    const std::string_view text = "one\r\ntwo\n\n\r\nfo\rur\n";
    std::vector<std::string> got;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      lines.add(bytes(text.substr(at, piece)));
      while (const auto line = lines.next())
        got.emplace_back(*line);
      EXPECT_FALSE(lines.too_long());
    }
    EXPECT_THAT(got, testing::ElementsAre("one", "two", "", "", "fo\rur"));
    EXPECT_EQ(lines.rest(), "");
  }
}

TEST(HerdLines, AreBounded) {
  Lines lines(4);
  lines.add(bytes("1234\r"));
  EXPECT_FALSE(lines.next());
  EXPECT_FALSE(lines.too_long());  // the end may be on its way
  lines.add(bytes("\n12345"));
  EXPECT_THAT(lines.next(), Optional(std::string_view("1234")));
  EXPECT_FALSE(lines.next());
  EXPECT_TRUE(lines.too_long());
  lines.add(bytes("6\nxx\n"));
  EXPECT_FALSE(lines.next());
  EXPECT_TRUE(lines.too_long());
  EXPECT_EQ(lines.rest(), "1234");
}

}  // namespace
}  // namespace servers::herd
