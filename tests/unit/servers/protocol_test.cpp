// Any model drives any protocol: one that keeps state, answers in pieces, closes by itself and
// speaks after the client's end (pieces_protocol.cpp).
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client.h"
#include "server_process.h"

namespace servers::test {
namespace {

using ProtocolTest = ModelTest;

TEST_P(ProtocolTest, RequestsMayComeInPartsAndManyAtOnce) {
  ServerProcess server(ProtocolTest::server("pieces"), serving(2));
  Client client(server.port());
  for (const char byte : std::string("12"))
    client.send({&byte, 1});
  EXPECT_EQ(client.echo("\n"), "p");
  EXPECT_EQ(client.receive(11), std::string(11, 'p'));
  EXPECT_EQ(client.exchange("1\n2\n3\n4", 6), "pppppp");
  EXPECT_EQ(client.exchange("0\n", 40), std::string(40, 'p'));
}

TEST_P(ProtocolTest, ALongAnswerInPiecesHoldsNobodyUp) {
  ServerProcess server(ProtocolTest::server("pieces"), serving(2));
  Client late(server.port());
  Client other(server.port());
  constexpr std::size_t kLong = 32 << 20;
  late.send(std::to_string(kLong) + "\n5\n");
  ASSERT_TRUE(late.readable(60'000));
  other.send("7\n");
  if (!serves_one()) {
    EXPECT_EQ(other.receive(7), "ppppppp");
  }
  const std::string answer = late.receive(kLong + 5);
  EXPECT_EQ(answer.size(), kLong + 5);
  EXPECT_EQ(answer.find_first_not_of('p'), std::string::npos);
  EXPECT_EQ(late.exchange("3\n", 3), "ppp");
  late.half_close();
  if (serves_one()) {
    EXPECT_EQ(other.receive(7), "ppppppp");
  }
}

TEST_P(ProtocolTest, AConversationThatTheServerEndsIsNotCutShort) {
  ServerProcess server(ProtocolTest::server("pieces"), serving(2));
  Client other(server.port());
  ASSERT_EQ(other.exchange("1\n", 1), "p");
  if (serves_one()) {
    other.half_close();
    ASSERT_EQ(other.receive_to_end(), "unfinished: \n");
  }
  {
    Client client(server.port());
    // Bytes that nobody reads must not reset the connection under the answer.
    EXPECT_EQ(client.exchange("100000\nbye\n" + std::string(1 << 20, 'x'), SIZE_MAX),
              std::string(100000, 'p') + "bye\n");
  }
  // Workers may still be starting, and open files of their own: far fewer than a leak would be.
  constexpr std::size_t kConversations = 100;
  const std::size_t files = server.open_files();
  for (std::size_t i = 0; i < kConversations; ++i) {
    Client client(server.port());
    EXPECT_EQ(client.exchange("bye\n", SIZE_MAX), "bye\n");
  }
  EXPECT_TRUE(eventually([&] { return server.open_files() < files + kConversations; }))
      << "descriptors leak";
}

TEST_P(ProtocolTest, TheEndOfInputIsAnswered) {
  ServerProcess server(ProtocolTest::server("pieces"), serving(2));
  Client client(server.port());
  EXPECT_EQ(client.exchange("3\nhalf a requ", SIZE_MAX, Client::After::kHalfClose),
            "pppunfinished: half a requ\n");
}

INSTANTIATE_TEST_SUITE_P(, ProtocolTest, testing::ValuesIn(kModels), ModelTest::name);

}  // namespace
}  // namespace servers::test
