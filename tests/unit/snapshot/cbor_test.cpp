#include "snapshot/cbor.h"

#include <gmock/gmock.h>

namespace tr::cbor {
namespace {

using testing::HasSubstr;
using namespace std::string_view_literals;

std::string head_of(Major major, std::uint64_t argument) {
  std::string out;
  append_head(out, major, argument);
  return out;
}

// Examples from RFC 8949, appendix A.
TEST(CborHead, IsAsShortAsItCanBe) {
  EXPECT_EQ(head_of(Major::kUnsigned, 23), "\x17"sv);
  EXPECT_EQ(head_of(Major::kUnsigned, 24), "\x18\x18"sv);
  EXPECT_EQ(head_of(Major::kUnsigned, 1000), "\x19\x03\xe8"sv);
  EXPECT_EQ(head_of(Major::kUnsigned, 1'000'000), "\x1a\x00\x0f\x42\x40"sv);
  EXPECT_EQ(head_of(Major::kUnsigned, 18'446'744'073'709'551'615U),
            "\x1b\xff\xff\xff\xff\xff\xff\xff\xff"sv);
  EXPECT_EQ(head_of(Major::kArray, 25), "\x98\x19"sv);
  EXPECT_EQ(head_of(Major::kMap, 0), "\xa0"sv);
}

TEST(CborCursor, WalksOverItems) {
  // "a", {"b": [1, -2, true]}, h'0102', 1.1
  const auto text =
      "\x61\x61\xa1\x61\x62\x83\x01\x21\xf5\x42\x01\x02\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a"sv;
  Cursor cursor(text);
  EXPECT_EQ(cursor.text(), "a");
  EXPECT_EQ(cursor.item(), text.substr(2, 7));
  EXPECT_EQ(cursor.item(), text.substr(9, 3));
  EXPECT_EQ(cursor.item(), text.substr(12, 9));
  EXPECT_EQ(cursor.left(), 0U);
  EXPECT_EQ(cursor.problem(), "");
  EXPECT_FALSE(cursor.item().has_value());
  EXPECT_EQ(cursor.problem(), "cut short at byte 21");
}

std::string problem_of(std::string_view text) {
  Cursor cursor(text);
  const auto item = cursor.item();
  EXPECT_FALSE(item.has_value());
  return cursor.problem();
}

TEST(CborCursor, RefusesWhatIsCutShort) {
  EXPECT_EQ(problem_of(""), "cut short at byte 0");
  EXPECT_EQ(problem_of("\x19\x03"sv), "cut short at byte 0");
  EXPECT_EQ(problem_of("\x62\x61"sv), "cut short at byte 0");
  EXPECT_EQ(problem_of("\x82\x01"sv), "cut short at byte 0");
  EXPECT_EQ(problem_of("\x82\x01\x82\x01"sv), "cut short at byte 2");
}

TEST(CborCursor, RefusesAbsurdSizesAtOnce) {
  for (const char major : {'\x5b', '\x7b', '\x9b', '\xbb'})
    EXPECT_THAT(problem_of(major + std::string("\xff\xff\xff\xff\xff\xff\xff\xff\x01")),
                HasSubstr("cut short"));
}

TEST(CborCursor, RefusesWhatSnapshotsAreNotMadeOf) {
  EXPECT_THAT(problem_of("\xc1\x01"sv), HasSubstr("damaged")) << "a tag";
  EXPECT_THAT(problem_of("\x9f\x01\xff"sv), HasSubstr("damaged")) << "no definite length";
  EXPECT_THAT(problem_of("\x1c"sv), HasSubstr("damaged")) << "reserved";
  EXPECT_THAT(problem_of("\xf7"sv), HasSubstr("damaged")) << "undefined";
  EXPECT_THAT(problem_of("\x3b\x80\x00\x00\x00\x00\x00\x00\x00"sv), HasSubstr("damaged"))
      << "below the least 64-bit number";
}

// A reader that calls itself for each level would run out of stack.
TEST(CborCursor, RefusesDeepNesting) {
  EXPECT_THAT(problem_of(std::string(1'000'000, '\x81')), HasSubstr("nested too deep"));
  EXPECT_THAT(problem_of(std::string(1'000'000, '\x7f')), HasSubstr("damaged"));
  EXPECT_THAT(problem_of(std::string(1'000'000, '\x5f')), HasSubstr("damaged"));
  const std::string deep(Cursor::kMaxDepth, '\x81');
  EXPECT_TRUE(Cursor(std::string_view(deep + '\x01')).item().has_value());
  EXPECT_THAT(problem_of(deep + "\x81\x01"), HasSubstr("nested too deep"));
}

TEST(CborCursor, RefusesMoreValuesThanATreeShouldHave) {
  std::string many;
  append_head(many, Major::kArray, Cursor::kMaxNodes);
  many += std::string(Cursor::kMaxNodes, '\x01');
  EXPECT_THAT(problem_of(many), HasSubstr("too many values"));
  EXPECT_TRUE(Cursor(many).large_item().has_value());
}

}  // namespace
}  // namespace tr::cbor
