#include "load/echo.h"

#include <set>
#include <string>

#include <gmock/gmock.h>

namespace tr::load {
namespace {

using testing::HasSubstr;
using State = Dialogue::State;

std::string request(const Dialogue& dialogue, std::uint64_t sequence) {
  std::string bytes(dialogue.request_size(sequence), '\0');
  EXPECT_EQ(dialogue.write_request(sequence, 0, bytes), bytes.size());
  return bytes;
}

class EchoOfSize : public testing::TestWithParam<std::size_t> {};

TEST_P(EchoOfSize, WritesTheSameBytesInPiecesAsInOne) {
  const Echo echo(GetParam());
  const auto dialogue = echo.open(3);
  const std::string whole = request(*dialogue, 5);
  ASSERT_EQ(whole.size(), GetParam());
  std::string pieces(whole.size(), '\0');
  for (std::size_t at = 0; at < pieces.size();)
    at += dialogue->write_request(
        5, at, std::span(pieces).subspan(at, std::min<std::size_t>(3, pieces.size() - at)));
  EXPECT_EQ(pieces, whole);
}

TEST_P(EchoOfSize, TakesItsOwnBytesBackInPiecesOfAnySize) {
  const Echo echo(GetParam());
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, GetParam()}) {
    const auto dialogue = echo.open(1);
    for (std::uint64_t sequence = 0; sequence < 3; ++sequence) {
      const std::string bytes = request(*dialogue, sequence);
      for (std::size_t at = 0; at < bytes.size(); at += piece) {
        const std::string_view part = std::string_view(bytes).substr(at, piece);
        const auto taken = dialogue->read_answer(sequence, part);
        ASSERT_EQ(taken.bytes, part.size());
        ASSERT_EQ(taken.state, at + part.size() == bytes.size() ? State::kWhole : State::kMore);
      }
    }
  }
}

TEST_P(EchoOfSize, FindsAnyFlippedByte) {
  const Echo echo(GetParam());
  for (std::size_t at = 0; at < GetParam(); at += 1 + GetParam() / 50) {
    const auto dialogue = echo.open(1);
    std::string bytes = request(*dialogue, 0);
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    const auto taken = dialogue->read_answer(0, bytes);
    ASSERT_EQ(taken.state, State::kWrong);
    EXPECT_THAT(taken.difference, HasSubstr("byte " + std::to_string(at) + " of"));
  }
}

TEST_P(EchoOfSize, FindsARepeatedAnswerAndAnotherConnections) {
  const Echo echo(GetParam());
  const auto mine = echo.open(1);
  const auto other = echo.open(2);
  EXPECT_EQ(echo.open(1)->read_answer(1, request(*mine, 0)).state, State::kWrong);
  EXPECT_EQ(echo.open(1)->read_answer(0, request(*other, 0)).state, State::kWrong);
}

INSTANTIATE_TEST_SUITE_P(Sizes, EchoOfSize, testing::Values(1, 7, 8, 9, 64, 1000));

TEST(Echo, NamesTheFirstDifference) {
  const Echo echo(64);
  const auto dialogue = echo.open(0);
  std::string bytes = request(*dialogue, 0);
  ASSERT_EQ(dialogue->read_answer(0, std::string_view(bytes).substr(0, 10)).state, State::kMore);
  const auto sent = static_cast<unsigned char>(bytes[20]);
  bytes[20] = '\xee';
  ASSERT_NE(sent, 0xee);
  char wanted[100];
  std::snprintf(wanted, sizeof wanted,
                "byte 20 of the 64 of message 0 is 0xee, but 0x%02x was sent", sent);
  EXPECT_EQ(dialogue->read_answer(0, std::string_view(bytes).substr(10)).difference, wanted);
}

TEST(Echo, HasNoTwoMessagesAlike) {
  const Echo echo(8);
  std::set<std::string> seen;
  for (std::uint32_t connection = 0; connection < 50; ++connection)
    for (std::uint64_t sequence = 0; sequence < 50; ++sequence)
      seen.insert(request(*echo.open(connection), sequence));
  EXPECT_EQ(seen.size(), 2500U);
}

}  // namespace
}  // namespace tr::load
