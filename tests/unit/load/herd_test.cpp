#include "load/herd.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>

#include "load/target.h"

namespace tr::load {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using State = Dialogue::State;

constexpr std::uint64_t kStart = 1'700'000'000'000'000'000;

// The conversation of client 6, who talks to the second server.
class HerdAnswers : public testing::Test {
 protected:
  std::string request(std::uint64_t sequence) {
    std::string text(dialogue_->request_size(sequence), '\0');
    EXPECT_EQ(dialogue_->write_request(sequence, 0, text), text.size());
    return text;
  }
  // The right answer to an IAMAT.
  std::string at_line(std::uint64_t sequence) {
    return "AT Jaquez +0.263873386 " + request(sequence).substr(std::string_view("IAMAT ").size());
  }
  Dialogue::Taken read(std::uint64_t sequence, std::string_view bytes) {
    return dialogue_->read_answer(sequence, bytes);
  }
  void expect_wrong(std::uint64_t sequence, std::string_view bytes, const char* why) {
    const auto taken = Herd(kStart).open(6)->read_answer(sequence, bytes);
    EXPECT_EQ(taken.state, State::kWrong) << bytes;
    EXPECT_THAT(taken.difference, HasSubstr(why));
  }

  const Herd protocol_{kStart};
  const std::unique_ptr<Dialogue> dialogue_ = protocol_.open(6);
};

TEST_F(HerdAnswers, AreToFourPositionsAndAQuestion) {
  for (std::uint64_t i = 0; i < 4; ++i)
    EXPECT_THAT(request(i), StartsWith("IAMAT trace-run-6 ")) << i;
  EXPECT_EQ(request(4), "WHATSAT trace-run-6 10 5\n");
  EXPECT_THAT(request(5), StartsWith("IAMAT trace-run-6 "));
  EXPECT_THAT(request(3), testing::EndsWith(" 1700000000.000003000\n"));
  EXPECT_THAT(request(0),
              testing::MatchesRegex("IAMAT [^ ]+ [+-][0-9.]{9}[+-][0-9.]{10} [0-9.]+\n"));
  EXPECT_NE(request(0), request(1));
}

TEST_F(HerdAnswers, AreWholeAtTheirEndWhereverTheyAreSplit) {
  const std::string line = at_line(3);
  const std::string places = line + R"({"results": [{"name": "a"}]})" + "\n\n";
  for (std::size_t split = 1; split < places.size(); ++split) {
    ASSERT_EQ(read(3, line).state, State::kWhole);
    ASSERT_EQ(read(4, places.substr(0, split)).state, State::kMore) << split;
    const auto taken = read(4, places.substr(split) + "more");
    ASSERT_EQ(taken.state, State::kWhole) << split << taken.difference;
    ASSERT_EQ(taken.bytes, places.size() - split);
  }
}

TEST_F(HerdAnswers, ArePositionsInTheClientsOwnWords) {
  const std::string right = at_line(0);
  EXPECT_EQ(read(0, right).state, State::kWhole);
  expect_wrong(0, "AT Hill" + right.substr(right.find(" +0.26")), "is not \"AT Jaquez \"");
  std::string other = right;
  other.replace(other.find("1700000000"), 1, "2");
  expect_wrong(0, other, "is not \"AT Jaquez \"");
  other = right;
  other.replace(other.find("+0.26"), 1, " ");
  expect_wrong(0, other, "a time difference");
  expect_wrong(0, "? " + request(0), "refuses it");
  expect_wrong(0, "\n", "is not");
}

TEST_F(HerdAnswers, ArePlacesAsTheyWereAskedFor) {
  const auto after = [&](std::string_view rest) {
    EXPECT_EQ(read(3, at_line(3)).state, State::kWhole);
    const auto taken = read(4, at_line(3) + std::string(rest));
    return taken.state == State::kWrong ? taken.difference : "";
  };
  EXPECT_EQ(after("{\"results\": []}\n\n"), "");
  EXPECT_THAT(after("{\"results\": [1,2,3,4,5,6]}\n\n"), HasSubstr("has 6 places, at most 5"));
  EXPECT_THAT(after("{\"results\": 5}\n\n"), HasSubstr("no places as JSON"));
  EXPECT_THAT(after("{\"results\": [\n\n"), HasSubstr("no places as JSON"));
  EXPECT_THAT(after("\n"), HasSubstr("no places as JSON"));
  EXPECT_EQ(read(3, at_line(3)).state, State::kWhole);
  EXPECT_THAT(read(4, at_line(2) + "{\"results\": []}\n\n").difference, HasSubstr("is not about"));
  EXPECT_THAT(read(4, "? WHATSAT trace-run-6 10 5\n").difference, HasSubstr("refuses it"));
}

TEST_F(HerdAnswers, MayNotBeEndless) {
  EXPECT_THAT(read(0, std::string(2 << 20, 'x')).difference,
              AllOf(HasSubstr("does not end"), HasSubstr("xxx")));
}

TEST(HerdServers, StandAtPortsOneAfterTheOther) {
  const auto first = resolve({.host = "127.0.0.1", .port = 12000})->front();
  EXPECT_EQ(first.port_after(4).text, "127.0.0.1:12004");
  const auto v6 = resolve({.host = "::1", .port = 12000})->front();
  EXPECT_EQ(v6.port_after(1).text, "[::1]:12001");
}

}  // namespace
}  // namespace tr::load
