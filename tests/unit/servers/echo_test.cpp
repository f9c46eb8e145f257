// Every model must give every client back exactly what it sent, however it behaves.
#include <map>
#include <string>
#include <sys/resource.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client.h"
#include "server_process.h"

namespace servers::test {
namespace {

using EchoTest = ModelTest;

TEST_P(EchoTest, AnswersByteForByte) {
  ServerProcess server(EchoTest::server());
  Client client(server.port());
  // Around a receive buffer's size, and past it.
  for (const std::size_t size : {1, 64, 65535, 65536, 65537, 131072, 1 << 20}) {
    const std::string sent = pattern(size, size);
    ASSERT_TRUE(client.echo(sent) == sent) << size << " bytes";
  }
  EXPECT_FALSE(client.readable()) << "more came back than was sent";
}

TEST_P(EchoTest, StopsReadingFromAClientThatDoesNotRead) {
  ServerProcess server(EchoTest::server());
  Client other(server.port());
  Client late(server.port());
  std::string sent = pattern(too_much());
  const std::size_t taken = late.send_until_stuck(sent);
  EXPECT_LT(taken, sent.size());
  EXPECT_EQ(other.echo("meanwhile"), "meanwhile");

  sent.resize(taken + (1 << 20));
  ASSERT_TRUE(late.exchange(sent.substr(taken), sent.size()) == sent);
  EXPECT_EQ(late.echo("and on"), "and on");
}

TEST_P(EchoTest, ServesManyClientsAtOnce) {
  constexpr int kClients = 200;
  ServerProcess server(EchoTest::server());
  std::vector<Client> clients;
  for (int i = 0; i < kClients; ++i)
    clients.emplace_back(server.port());
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i)
      clients[i].send(pattern(100 + i, i));
    for (std::size_t i = 0; i < clients.size(); ++i)
      ASSERT_EQ(clients[i].receive(100 + i), pattern(100 + i, i)) << "client " << i;
  }
}

TEST_P(EchoTest, ClientsThatSayNothingHoldNobodyUp) {
  ServerProcess server(EchoTest::server());
  std::vector<Client> silent;
  for (int i = 0; i < 50; ++i)
    silent.emplace_back(server.port());
  Client client(server.port());
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(client.echo("here"), "here");
  EXPECT_EQ(silent.front().echo("late"), "late");
}

TEST_P(EchoTest, AHalfClosedClientGetsItsWholeAnswer) {
  ServerProcess server(EchoTest::server());
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
  ServerProcess server(EchoTest::server());
  Client other(server.port());
  ASSERT_EQ(other.echo("before"), "before");
  const std::size_t files = server.open_files();
  for (int i = 0; i < 20; ++i) {
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
  EXPECT_TRUE(eventually([&] { return server.open_files() <= files; })) << "descriptors leak";
}

INSTANTIATE_FOR_ECHO_SERVERS(EchoTest);

// FD_SETSIZE is 1024.
TEST(SelectorTest, ServesDescriptorsAbove1024) {
  constexpr rlim_t kClients = 1100;
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_max < kClients + 100)
    GTEST_SKIP() << "needs " << kClients + 100 << " open files; the limit here (ulimit -Hn) is "
                 << files.rlim_max;
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);

  ServerProcess server(server_path("selector"));
  std::vector<Client> clients;
  for (rlim_t i = 0; i < kClients; ++i)
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
  EXPECT_TRUE(eventually([&] { return server.children() == 0; }));
  Client client(server.port());
  EXPECT_EQ(client.echo("on"), "on");
  EXPECT_EQ(server.children(), 1U);
}

}  // namespace
}  // namespace servers::test
