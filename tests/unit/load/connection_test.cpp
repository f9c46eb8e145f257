#include "load/connection.h"

#include <string>

#include <gmock/gmock.h>

#include "load/echo.h"

namespace tr::load {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using State = Dialogue::State;

constexpr std::size_t kSize = 10;

class ConnectionTest : public testing::Test {
 protected:
  Connection closed_loop(std::size_t pipeline) { return {echo_.open(0), pipeline, std::nullopt}; }
  // Planned at 1000, 1100, 1200, ...
  Connection open_loop(std::size_t pipeline) {
    const Schedule::Plan plan{.rate = 1e7, .shape = RateShape::kFixed, .seed = 1, .connections = 1};
    Connection connection(echo_.open(0), pipeline, Schedule(plan, 0));
    connection.start(1000);
    return connection;
  }
  // What the connection wants to send now.
  std::string fill(const Connection& connection, std::uint64_t now, bool finish_only = false,
                   std::size_t room = 1000) {
    std::string bytes(room, '\0');
    bytes.resize(connection.fill(bytes, now, finish_only));
    return bytes;
  }
  static std::vector<std::uint64_t> unanswered(Connection connection, std::uint64_t close_ns) {
    std::vector<std::uint64_t> planned;
    connection.unanswered(close_ns, [&](std::uint64_t ns) { planned.push_back(ns); });
    return planned;
  }

  const Echo echo_{kSize};
};

TEST_F(ConnectionTest, FillsItsPipelineAndWaitsForAnAnswer) {
  Connection connection = closed_loop(3);
  const std::string sent = fill(connection, 50);
  EXPECT_EQ(sent.size(), 3 * kSize);
  EXPECT_EQ(connection.sent(sent.size(), 50), 3U);
  EXPECT_TRUE(connection.full());
  EXPECT_THAT(fill(connection, 60), IsEmpty());

  const auto answer = connection.receive(sent);
  EXPECT_EQ(answer.taken.state, State::kWhole);
  EXPECT_EQ(answer.taken.bytes, kSize);
  EXPECT_EQ(answer.size, kSize);
  EXPECT_EQ(answer.flight.sent_ns, 50U);
  EXPECT_EQ(answer.flight.planned_ns, 50U);
  EXPECT_EQ(connection.in_flight(), 2U);
  EXPECT_EQ(fill(connection, 70).size(), kSize);
  EXPECT_THAT(fill(connection, 70, true), IsEmpty());
}

TEST_F(ConnectionTest, GoesOnWhereAShortSendEnded) {
  Connection connection = closed_loop(2);
  const std::string all = fill(connection, 50);
  EXPECT_EQ(connection.sent(kSize + 4, 50), 2U);
  EXPECT_EQ(fill(connection, 60), all.substr(kSize + 4));
  EXPECT_EQ(fill(connection, 60, true, 2), all.substr(kSize + 4, 2));
  EXPECT_EQ(connection.sent(kSize - 4, 60), 0U);
  EXPECT_EQ(connection.receive(all).taken.state, State::kWhole);
  const auto second = connection.receive(std::string_view(all).substr(kSize));
  EXPECT_EQ(second.taken.state, State::kWhole);
  EXPECT_EQ(second.flight.sent_ns, 50U);  // its first byte
}

TEST_F(ConnectionTest, DoesNotCountWhatTheSocketDidNotTake) {
  Connection connection = closed_loop(2);
  EXPECT_EQ(connection.sent(kSize, 50), 1U);
  EXPECT_EQ(connection.in_flight(), 1U);
}

TEST_F(ConnectionTest, TakesAnAnswerThatBeginsBeforeTheMessageIsWhollySent) {
  Connection connection = closed_loop(1);
  const std::string all = fill(connection, 50);
  connection.sent(6, 50);
  EXPECT_EQ(connection.receive(std::string_view(all).substr(0, 6)).taken.state, State::kMore);
  connection.sent(4, 51);
  EXPECT_EQ(connection.receive(std::string_view(all).substr(6)).taken.state, State::kWhole);
}

TEST_F(ConnectionTest, FindsBytesThatNobodyAskedFor) {
  Connection connection = closed_loop(1);
  EXPECT_EQ(connection.receive("x").taken.state, State::kWrong);
  const std::string all = fill(connection, 50);
  connection.sent(6, 50);
  const auto early = connection.receive(all);
  EXPECT_EQ(early.taken.state, State::kWrong);
  EXPECT_THAT(early.taken.difference, HasSubstr("before all of it was sent"));
}

TEST_F(ConnectionTest, SendsOnItsPlanAndTimesFromIt) {
  Connection connection = open_loop(2);
  EXPECT_EQ(connection.next_due_ns(), 1000U);
  EXPECT_THAT(fill(connection, 999), IsEmpty());
  const std::string first = fill(connection, 1500);  // 1000 to 1500 are due: one at a time
  EXPECT_EQ(first.size(), kSize);
  EXPECT_EQ(connection.sent(kSize, 1500), 1U);
  EXPECT_EQ(connection.next_due_ns(), 1100U);
  EXPECT_EQ(fill(connection, 1510).size(), kSize);
  EXPECT_EQ(connection.sent(kSize, 1510), 1U);
  EXPECT_THAT(fill(connection, 1510), IsEmpty());  // 1200 is due, but the pipeline is full
  const auto answer = connection.receive(first);
  EXPECT_EQ(answer.flight.planned_ns, 1000U);
  EXPECT_EQ(answer.flight.sent_ns, 1500U);
  EXPECT_EQ(connection.next_due_ns(), 1200U);  // it kept its planned time
}

TEST_F(ConnectionTest, SendsAgainWhatALostSocketLeftUnanswered) {
  Connection connection = closed_loop(3);
  const std::string sent = fill(connection, 50);
  connection.sent(2 * kSize + 1, 50);
  connection.receive(sent);
  connection.begin_again();
  EXPECT_EQ(connection.in_flight(), 2U);
  const std::string again = fill(connection, 80, true);
  EXPECT_EQ(again, sent.substr(kSize)) << "from its beginning, also after the window";
  EXPECT_EQ(connection.sent(again.size(), 80), 0U) << "they had begun before";
  EXPECT_EQ(connection.in_flight(), 2U);
  EXPECT_EQ(connection.receive(again).flight.sent_ns, 50U);
  EXPECT_EQ(fill(connection, 90).size(), 2 * kSize);
}

TEST_F(ConnectionTest, SendsAgainInAnOpenLoopWhatWasDueBefore) {
  Connection connection = open_loop(2);
  connection.sent(kSize, 1000);
  connection.begin_again();
  const std::string again = fill(connection, 1001);
  EXPECT_EQ(again.size(), kSize);
  EXPECT_EQ(connection.sent(kSize, 1001), 0U);
  EXPECT_EQ(connection.next_due_ns(), 1100U);
  EXPECT_EQ(connection.receive(again).flight.planned_ns, 1000U);
}

TEST_F(ConnectionTest, NamesWhatWasNeverAnswered) {
  Connection waiting = closed_loop(2);
  waiting.sent(kSize + 1, 70);
  EXPECT_THAT(unanswered(std::move(waiting), 1000), ElementsAre(70, 70));

  Connection planned = open_loop(1);
  planned.sent(kSize, 1050);
  EXPECT_THAT(unanswered(std::move(planned), 1300), ElementsAre(1000, 1100, 1200));
}

}  // namespace
}  // namespace tr::load
