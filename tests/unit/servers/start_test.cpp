// How a server starts: the ready line, and what is said when it cannot.
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <linux/capability.h>
#include <string>
#include <sys/prctl.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client.h"
#include "server_process.h"

namespace servers::test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

// One line, whole.
void expect_line(const std::string& text, const std::string& a, const std::string& b) {
  EXPECT_THAT(text, AllOf(HasSubstr(a), HasSubstr(b), EndsWith("\n")));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

using StartTest = ModelTest;

TEST_P(StartTest, TellsItsAddressAndNothingElse) {
  ServerProcess server(StartTest::server(), serving(1));
  EXPECT_THAT(server.ready_line(),
              MatchesRegex(std::filesystem::path(StartTest::server()).filename().string() +
                           " listening on 127\\.0\\.0\\.1:[0-9]+"));
  EXPECT_EQ(Client(server.port()).echo("x"), "x");
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  EXPECT_EQ(server.rest_of_stdout(), "");
  EXPECT_EQ(server.rest_of_stderr(), "");
}

TEST_P(StartTest, PortInUseIsOneLineAndExitCode1) {
  ServerProcess first(StartTest::server(), serving(1));
  ServerProcess second(StartTest::server(), serving(1, {"--port", std::to_string(first.port())}));
  EXPECT_EQ(second.wait(), 1);
  expect_line(second.rest_of_stderr(), "127.0.0.1:" + std::to_string(first.port()),
              "Address already in use");
  EXPECT_EQ(second.rest_of_stdout(), "");
  EXPECT_EQ(Client(first.port()).echo("x"), "x");
}

INSTANTIATE_FOR_ECHO_SERVERS(StartTest);

// What an option means is one piece of code in C++ and one in Python.
class StartOptionsTest : public ModelTest {};

INSTANTIATE_TEST_SUITE_P(, StartOptionsTest, testing::Values("thread"), ModelTest::name);
INSTANTIATE_TEST_SUITE_P(Python, StartOptionsTest, testing::Values("python/thread"),
                         ModelTest::name);

TEST_P(StartOptionsTest, ListensOnIpv6) {
  ServerProcess server(StartOptionsTest::server(), {"--bind", "::1"});
  if (server.ready_line().empty()) GTEST_SKIP() << "no IPv6 here: " << server.rest_of_stderr();
  EXPECT_THAT(server.ready_line(), HasSubstr(" listening on [::1]:"));
  auto client = Client::try_connect("::1", server.port());
  ASSERT_TRUE(client);
  EXPECT_EQ(client->echo("x"), "x");
}

TEST_P(StartOptionsTest, AnAddressOfAnotherMachineIsOneLineAndExitCode1) {
  // 192.0.2.0/24 is for documentation (RFC 5737): nobody's.
  ServerProcess server(StartOptionsTest::server(), {"--bind", "192.0.2.1"});
  EXPECT_EQ(server.wait(), 1);
  expect_line(server.rest_of_stderr(), "192.0.2.1", "--bind must be an address of this machine");
}

TEST_P(StartOptionsTest, ALowPortWithoutPrivilegeIsOneLineAndExitCode1) {
  int unprivileged = 1024;
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> unprivileged;
  if (unprivileged <= 1) GTEST_SKIP() << "every port is free for everybody here";
  // Root loses the capability at exec if it is out of the bounding set.
  ServerProcess server(StartOptionsTest::server(), {"--port", "1"},
                       [] { ::prctl(PR_CAPBSET_DROP, CAP_NET_BIND_SERVICE); });
  EXPECT_EQ(server.wait(), 1);
  expect_line(server.rest_of_stderr(), "127.0.0.1:1: Permission denied", "from 1024 up");
}

TEST_P(StartOptionsTest, WrongUsageIsOneLineAndExitCode2) {
  const std::vector<std::vector<std::string>> wrong = {
      {"--bogus"},         {"extra"},          {"--port"},       {"--port", "x"},
      {"--port", "65536"}, {"--port", "-1"},   {"--port", "8x"}, {"--backlog", "0"},
      {"--grace", "nan"},  {"--grace", "-1"},  {"--port", ""},   {"--stack-kib", "1"},
      {"--bind"},          {"--grace", "1e9"},
  };
  const std::string path = StartOptionsTest::server();
  const std::string name = std::filesystem::path(path).filename();
  for (const auto& arguments : wrong) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    ServerProcess server(path, arguments);
    EXPECT_EQ(server.wait(), 2);
    expect_line(server.rest_of_stderr(), name + ": ", "see " + name + " --help");
    EXPECT_EQ(server.rest_of_stdout(), "");
  }
}

TEST_P(StartOptionsTest, HelpNamesEveryOption) {
  ServerProcess server(StartOptionsTest::server(), {"--help"});
  EXPECT_EQ(server.wait(), 0);
  EXPECT_THAT(server.rest_of_stdout(),
              AllOf(HasSubstr("--port"), HasSubstr("--bind"), HasSubstr("--backlog"),
                    HasSubstr("--grace"), HasSubstr("SIGTERM")));
}

}  // namespace
}  // namespace servers::test
