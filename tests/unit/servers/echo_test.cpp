// Every model must give every client back exactly what it sent, however it behaves.
#include <csignal>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client.h"
#include "server_process.h"

namespace servers::test {
namespace {

using EchoTest = ModelTest;

TEST_P(EchoTest, AnswersByteForByte) {
  ServerProcess server(EchoTest::server(), serving(1));
  Client client(server.port());
  // Around a receive buffer's size, and past it.
  for (const std::size_t size : {1, 64, 65535, 65536, 65537, 131072, 1 << 20}) {
    const std::string sent = pattern(size, size);
    ASSERT_TRUE(client.echo(sent) == sent) << size << " bytes";
  }
  EXPECT_FALSE(client.readable()) << "more came back than was sent";
}

TEST_P(EchoTest, StopsReadingFromAClientThatDoesNotRead) {
  ServerProcess server(EchoTest::server(), serving(2));
  Client late(server.port());
  ASSERT_EQ(late.echo("first"), "first");
  Client other(server.port());
  std::string sent = pattern(too_much());
  const std::size_t taken = late.send_until_stuck(sent);
  EXPECT_LT(taken, sent.size());
  other.send("meanwhile");
  if (!serves_one()) {
    EXPECT_EQ(other.receive(9), "meanwhile");
  }

  sent.resize(taken + (1 << 20));
  ASSERT_TRUE(late.exchange(sent.substr(taken), sent.size()) == sent);
  EXPECT_EQ(late.echo("and on"), "and on");
  if (!serves_one()) return;
  EXPECT_FALSE(other.readable()) << "two were served at once";
  late.half_close();
  EXPECT_EQ(other.receive(9), "meanwhile");
}

TEST_P(EchoTest, ServesManyClientsAtOnce) {
  const std::size_t count = serves_one() ? 1 : 200;
  ServerProcess server(EchoTest::server(), serving(count));
  std::vector<Client> clients;
  for (std::size_t i = 0; i < count; ++i)
    clients.emplace_back(server.port());
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i)
      clients[i].send(pattern(100 + i, i));
    for (std::size_t i = 0; i < clients.size(); ++i)
      ASSERT_EQ(clients[i].receive(100 + i), pattern(100 + i, i)) << "client " << i;
  }
}

TEST_P(EchoTest, ThousandsOfIdleClientsHoldNobodyUp) {
  if (!allow_open_files(kIdleClients + 200)) GTEST_SKIP() << "needs more open files (ulimit -Hn)";
  const std::size_t count = idle_clients();
  ServerProcess server(EchoTest::server(), serving(count + 1));
  std::vector<Client> silent;
  for (std::size_t i = 0; i < count; ++i)
    silent.emplace_back(server.port());
  Client client(server.port());
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(client.echo("here"), "here");
  for (Client& late : silent)
    EXPECT_EQ(late.echo("late"), "late");
}

TEST_P(EchoTest, AHalfClosedClientGetsItsWholeAnswer) {
  ServerProcess server(EchoTest::server(), serving(2));
  Client nothing(server.port());
  nothing.half_close();
  EXPECT_EQ(nothing.receive_to_end(), "");

  // Several times, as the end may be seen together with the last bytes, or after them.
  for (std::size_t round = 0; round < 50; ++round) {
    Client client(server.port());
    const std::string sent = pattern(1 + round * 3000, round);
    ASSERT_TRUE(client.exchange(sent, SIZE_MAX, Client::After::kHalfClose) == sent) << round;
  }
  // The end comes while the server waits for the client to take the answer.
  Client late(server.port());
  std::string sent = pattern(too_much());
  const std::size_t taken = late.send_until_stuck(sent);
  sent.resize(taken + 100);
  ASSERT_TRUE(late.exchange(sent.substr(taken), SIZE_MAX, Client::After::kHalfClose) == sent);
}

TEST_P(EchoTest, OneClientsResetIsNoOtherClientsBusiness) {
  ServerProcess server(EchoTest::server(), serving(3));
  Client other(server.port());
  ASSERT_EQ(other.echo("before"), "before");
  std::size_t files = server.open_files();
  if (!serves_one()) {
    // With all of a fixed number of workers busy, all of them have opened what they need.
    Client second(server.port());
    Client third(server.port());
    ASSERT_EQ(second.echo("2") + third.echo("3"), "23");
    files = server.open_files();
  }
  constexpr std::size_t kResets = 50;
  for (std::size_t i = 0; i < kResets; ++i) {
    Client client(server.port());
    client.send("half a mess");
    client.reset();
  }
  {
    Client stuck(server.port());
    stuck.send_until_stuck(std::string(too_much(), 'x'));
    stuck.reset();
  }
  EXPECT_EQ(other.echo("after"), "after");
  // A worker may still have been starting, with files of its own to open: far fewer than a leak.
  EXPECT_TRUE(eventually([&] { return server.open_files() < files + kResets; }))
      << "descriptors leak";
}

INSTANTIATE_FOR_ECHO_SERVERS(EchoTest);

// Those that serve a fixed number of clients.
class FixedNumberTest : public ModelTest {};

TEST_P(FixedNumberTest, MoreClientsWaitAndAreServedInTheirTurn) {
  const std::size_t at_once = serves_one() ? 1 : 3;
  ServerProcess server(FixedNumberTest::server(), serving(at_once));
  std::vector<Client> clients;
  for (std::size_t i = 0; i < 4 * at_once; ++i)
    clients.emplace_back(server.port()).send("x");
  for (std::size_t next = 0; next < clients.size(); ++next) {
    ASSERT_EQ(clients[next].receive(1), "x");
    // The last of those that may be served: whoever comes behind it has had as much time.
    if (next + 1 < at_once) continue;
    for (std::size_t i = next + 1; i < clients.size(); ++i)
      EXPECT_FALSE(clients[i].readable()) << "client " << i << " with " << at_once << " at once";
    clients[next + 1 - at_once].half_close();
    EXPECT_EQ(clients[next + 1 - at_once].receive_to_end(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(, FixedNumberTest, testing::Values("single", "threadpool", "prefork"),
                         ModelTest::name);

// Those with a fixed number of processes.
class WorkerProcessTest : public ModelTest {};

TEST_P(WorkerProcessTest, AWorkerThatDiesIsReplaced) {
  ServerProcess server(WorkerProcessTest::server(), serving(1));
  Client lost(server.port());
  ASSERT_EQ(lost.echo("x"), "x");
  const std::vector<pid_t> workers = server.children();
  for (const pid_t worker : workers)
    ::kill(worker, SIGKILL);
  EXPECT_THAT(server.next_error_line(), testing::HasSubstr("a worker process was ended by Killed"));
  lost.wait_for_end();
  EXPECT_EQ(Client(server.port()).echo("y"), "y");
  EXPECT_TRUE(eventually([&] { return server.children().size() == workers.size(); }));
  EXPECT_THAT(server.children(), testing::Each(testing::Not(testing::AnyOfArray(workers))));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

INSTANTIATE_TEST_SUITE_P(, WorkerProcessTest,
                         testing::Values("single", "prefork", "epoll_workers --processes"),
                         ModelTest::name);

// FD_SETSIZE is 1024.
TEST(SelectorTest, ServesDescriptorsAbove1024) {
  constexpr std::size_t kClients = 1100;
  if (!allow_open_files(kClients + 100)) GTEST_SKIP() << "needs more open files (ulimit -Hn)";

  ServerProcess server(server_path("selector"));
  std::vector<Client> clients;
  for (std::size_t i = 0; i < kClients; ++i)
    clients.emplace_back(server.port());
  for (std::size_t i = 0; i < clients.size(); ++i)
    ASSERT_EQ(clients[i].echo(std::to_string(i)), std::to_string(i));
  EXPECT_GT(server.open_files(), 1024U);

  // Back pressure uses the other bitmap; then the highest descriptors go, and come again.
  std::string sent = pattern(too_much());
  const std::size_t taken = clients.back().send_until_stuck(sent);
  EXPECT_EQ(clients.front().echo("meanwhile"), "meanwhile");
  sent.resize(taken + 100);
  ASSERT_TRUE(clients.back().exchange(sent.substr(taken), sent.size()) == sent);
  while (clients.size() > 500)
    clients.pop_back();
  EXPECT_TRUE(eventually([&] { return server.open_files() < 600; }));
  clients.emplace_back(server.port());
  EXPECT_EQ(clients.back().echo("again"), "again");
  EXPECT_EQ(clients.front().echo("still"), "still");
}

TEST(ForkTest, LeavesNoZombies) {
  ServerProcess server(server_path("fork"));
  for (int i = 0; i < 50; ++i) {
    Client client(server.port());
    ASSERT_EQ(client.echo("once"), "once");
  }
  EXPECT_TRUE(eventually([&] { return server.children().empty(); }));
  Client client(server.port());
  EXPECT_EQ(client.echo("on"), "on");
  EXPECT_EQ(server.children().size(), 1U);
}

}  // namespace
}  // namespace servers::test
