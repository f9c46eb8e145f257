// How a server ends: clients are finished, within a bound.
#include <csignal>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client.h"
#include "server_process.h"

namespace servers::test {
namespace {

// A test that would wait for it fails by its patience running out.
const std::vector<std::string> kLongGrace = {"--grace", "3600"};
const std::vector<std::string> kShortGrace = {"--grace", "0.2"};

bool refuses_clients(std::uint16_t port) {
  return eventually([&] { return !Client::try_connect("127.0.0.1", port); });
}

using StopTest = ModelTest;

TEST_P(StopTest, WithoutClientsItEndsAtOnce) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ServerProcess server(StopTest::server(), serving(2, kLongGrace));
    EXPECT_EQ(Client(server.port()).echo("x"), "x");
    server.signal(signal);
    EXPECT_EQ(server.wait(), 0);
  }
}

TEST_P(StopTest, ClientsMayFinishAndThenItEnds) {
  ServerProcess server(StopTest::server(), serving(2, kLongGrace));
  const std::uint16_t port = server.port();
  Client first(port);
  Client second(port);
  ASSERT_EQ(first.echo("before"), "before");
  server.signal(SIGTERM);
  ASSERT_TRUE(refuses_clients(port));
  EXPECT_EQ(first.echo("after"), "after");
  first.half_close();
  EXPECT_EQ(first.receive_to_end(), "");
  EXPECT_EQ(second.exchange("first and last", SIZE_MAX, Client::After::kHalfClose),
            "first and last");
  EXPECT_EQ(server.wait(), 0);
}

TEST_P(StopTest, WhatWasSentBeforeTheSignalIsAnswered) {
  for (int round = 0; round < 10; ++round) {
    ServerProcess server(StopTest::server(), serving(2, kLongGrace));
    std::vector<Client> clients;
    for (int i = 0; i < 5; ++i) {
      clients.emplace_back(server.port()).send("sent before");
      // Where they are more than are served at once, their order is open at the end.
      clients.back().half_close();
    }
    server.signal(SIGTERM);
    for (Client& client : clients)
      ASSERT_EQ(client.receive_to_end(), "sent before");
    EXPECT_EQ(server.wait(), 0);
  }
}

TEST_P(StopTest, GraceIsABoundForSilentAndForStuckClients) {
  ServerProcess server(StopTest::server(), serving(2, kShortGrace));
  Client silent(server.port());
  Client stuck(server.port());
  ASSERT_EQ(silent.echo("x"), "x");
  stuck.send_until_stuck(std::string(too_much(), 'x'));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  silent.wait_for_end();
}

TEST_P(StopTest, SaysWhatItWaitsForAndASecondSignalEndsAtOnce) {
  ServerProcess server(StopTest::server(), serving(2, kLongGrace));
  Client client(server.port());
  ASSERT_EQ(client.echo("x"), "x");
  server.signal(SIGTERM);
  // From then on; before, both signals might be taken as one.
  ASSERT_THAT(server.next_error_line(),
              testing::EndsWith("ending: 1 client may finish within 3600 s (--grace); "
                                "a second signal ends at once"));
  server.signal(SIGINT);
  EXPECT_EQ(server.wait(), -SIGINT);
  client.wait_for_end();  // also with a process of its own
}

INSTANTIATE_FOR_ECHO_SERVERS(StopTest);

// Where clients beyond a fixed number wait.
class WaitingTest : public ModelTest {};

TEST_P(WaitingTest, ClientsInTheBacklogAreServedAfterTheSignal) {
  ServerProcess server(WaitingTest::server(), serving(2, kLongGrace));
  std::vector<Client> clients;
  for (int i = 0; i < 300; ++i)
    clients.emplace_back(server.port()).send("sent before");
  ASSERT_EQ(clients.front().receive(11), "sent before");
  server.signal(SIGTERM);
  ASSERT_TRUE(refuses_clients(server.port()));
  clients.front().half_close();
  for (std::size_t i = 1; i < clients.size(); ++i) {
    ASSERT_EQ(clients[i].receive(11), "sent before");
    clients[i].half_close();
  }
  EXPECT_EQ(server.wait(), 0);
}

INSTANTIATE_TEST_SUITE_P(, WaitingTest, testing::Values("single", "threadpool", "prefork"),
                         ModelTest::name);

class ChildrenTest : public ModelTest {};

TEST_P(ChildrenTest, EndWithAParentThatIsKilled) {
  ServerProcess server(ChildrenTest::server(), serving(2));
  Client client(server.port());
  ASSERT_EQ(client.echo("x"), "x");
  server.signal(SIGKILL);
  EXPECT_EQ(server.wait(), -SIGKILL);
  client.wait_for_end();
}

INSTANTIATE_TEST_SUITE_P(, ChildrenTest,
                         testing::Values("single", "fork", "prefork", "epoll_workers --processes"),
                         ModelTest::name);

}  // namespace
}  // namespace servers::test
