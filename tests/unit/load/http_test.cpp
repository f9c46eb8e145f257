#include "load/http.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>

#include "load/make_protocol.h"

namespace tr::load {
namespace {

using testing::HasSubstr;
using State = Dialogue::State;

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

class HttpAnswers : public testing::Test {
 protected:
  // What the next answer on this connection is found to be.
  Dialogue::Taken read(std::string_view bytes) {
    return dialogue_->read_answer(sequence_++, bytes);
  }

  const Http protocol_{{.host = "localhost", .port = 8085}, "/page.html?x=1"};
  const std::unique_ptr<Dialogue> dialogue_ = protocol_.open(0);
  std::uint64_t sequence_ = 0;
};

TEST_F(HttpAnswers, AreAskedForWithOneRequest) {
  const std::string wanted =
      "GET /page.html?x=1 HTTP/1.1\r\nHost: localhost:8085\r\nUser-Agent: trace-run\r\n\r\n";
  ASSERT_EQ(dialogue_->request_size(7), wanted.size());
  EXPECT_EQ(protocol_.request_size(), wanted.size());
  std::string got;
  std::array<char, 10> room{};  // as a full socket leaves
  while (got.size() < wanted.size())
    got.append(room.data(), dialogue_->write_request(7, got.size(), room));
  EXPECT_EQ(got, wanted);
}

TEST_F(HttpAnswers, AreWholeAtTheirLastByteWhereverTheyAreSplit) {
  for (std::size_t split = 1; split < kAnswer.size(); ++split) {
    const auto first = read(kAnswer.substr(0, split));
    EXPECT_EQ(first.state, State::kMore) << split;
    EXPECT_EQ(first.bytes, split);
    const auto second = read(kAnswer.substr(split));
    EXPECT_EQ(second.state, State::kWhole) << split;
    EXPECT_EQ(second.bytes, kAnswer.size() - split);
  }
}

TEST_F(HttpAnswers, ThatComeTogetherAreToldApart) {
  const std::string two = std::string(kAnswer) + std::string(kAnswer);
  const auto first = read(two);
  EXPECT_EQ(first.state, State::kWhole);
  EXPECT_EQ(first.bytes, kAnswer.size());
  const auto second = read(std::string_view(two).substr(first.bytes));
  EXPECT_EQ(second.state, State::kWhole);
  EXPECT_EQ(second.bytes, kAnswer.size());
}

TEST_F(HttpAnswers, MayComeInChunksOrEmpty) {
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  const auto whole = read(chunked);
  EXPECT_EQ(whole.state, State::kWhole);
  EXPECT_EQ(whole.bytes, chunked.size());
  EXPECT_EQ(read(kAnswer).state, State::kWhole) << "as long as the one in chunks";
  EXPECT_EQ(protocol_.open(1)
                ->read_answer(0, std::string_view("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
                .state,
            State::kWhole);
}

TEST_F(HttpAnswers, MayBeTheLastOfTheirConnection) {
  const std::pair<std::string_view, bool> answers[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", true},
      {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false},
  };
  const auto dialogue = protocol_.open(0);
  for (const auto& [bytes, last] : answers) {
    const auto taken = dialogue->read_answer(0, bytes);
    EXPECT_EQ(taken.state, State::kWhole) << bytes;
    EXPECT_EQ(taken.last, last) << bytes;
  }
}

TEST_F(HttpAnswers, AreWrongForOneReasonThatIsSaid) {
  const std::pair<std::string_view, const char*> wrong[] = {
      {"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello", "status is 404, not 200"},
      {"HTTP/1.1 304 Not Modified\r\n\r\n", "status is 304"},
      {"HTTP/1.1 200 OK\r\n\r\nhello", "does not say how long"},
      {"hello, this is no HTTP", "request 0: "},
      {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "request 0: "},
  };
  for (const auto& [bytes, why] : wrong) {
    const auto taken = protocol_.open(0)->read_answer(0, bytes);
    EXPECT_EQ(taken.state, State::kWrong) << bytes;
    EXPECT_THAT(taken.difference, HasSubstr(why));
  }
  ASSERT_EQ(read(kAnswer).state, State::kWhole);
  const auto other = read("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhell");
  EXPECT_EQ(other.state, State::kWrong);
  EXPECT_THAT(other.difference, HasSubstr("has 4 bytes, the first one had 5"));
}

TEST(LoadProtocol, IsMadeAsTheSettingsAsk) {
  EXPECT_EQ(*parse_protocol("http"), ProtocolKind::kHttp);
  EXPECT_EQ(*parse_protocol("echo"), ProtocolKind::kEcho);
  EXPECT_THAT(parse_protocol("HTTP").error().text(), HasSubstr("none of echo, http and herd"));
  Settings settings;
  EXPECT_EQ(request_bytes(settings), 64U);
  settings.protocol = ProtocolKind::kHttp;
  settings.target = {.host = "::1", .port = 80};
  EXPECT_EQ(make_protocol(settings)->open(0)->request_size(0), request_bytes(settings));
  settings.protocol = *parse_protocol("herd");
  EXPECT_EQ(make_protocol(settings)->servers(), 5U);
  EXPECT_EQ(request_bytes(settings), 0U);
}

TEST(HttpOnConnectionsOfItsOwn, SaysThatItClosesAndTakesTheSameOfTheServer) {
  const Http protocol({.host = "localhost", .port = 8085}, "/", true);
  const auto dialogue = protocol.open(0);
  std::string request(dialogue->request_size(0), '\0');
  dialogue->write_request(0, 0, request);
  EXPECT_THAT(request, HasSubstr("\r\nConnection: close\r\n\r\n"));
  const std::string_view closing =
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
  EXPECT_EQ(dialogue->read_answer(0, closing).state, State::kWhole);
  EXPECT_EQ(dialogue->read_answer(1, closing).state, State::kWhole) << "on the next connection";
  EXPECT_EQ(dialogue->read_answer(2, kAnswer).state, State::kWhole);
  EXPECT_EQ(dialogue->read_answer(3, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").state,
            State::kWrong);
}

TEST(LoadPath, HasNothingThatEndsARequestLine) {
  EXPECT_EQ(*parse_path("/a%20b?c=d"), "/a%20b?c=d");
  for (const char* path : {"", "page", "/a b", "/a\r\nX: y", "/a#b", "/\x7f", "/\xc3\xa9"})
    EXPECT_FALSE(parse_path(path).ok()) << path;
}

}  // namespace
}  // namespace tr::load
