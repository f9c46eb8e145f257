// The whole herd, as processes: what clients see of it.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "herd_process.h"

namespace servers::test {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kNames[] = {"Hill", "Jaquez", "Smith", "Campbell", "Singleton"};

class HerdTest : public testing::Test {
 protected:
  // Of server number i.
  std::uint16_t port(int i) { return static_cast<std::uint16_t>(herd_.port() + i); }

  ServerProcess herd_{herd_path(), {"--grace", "3600"}};
};

TEST_F(HerdTest, TellsTheFirstServersAddressAndHasAProcessEach) {
  EXPECT_THAT(herd_.ready_line(), MatchesRegex("herd listening on 127\\.0\\.0\\.1:[0-9]+"));
  for (int i = 0; i < 5; ++i)
    EXPECT_THAT(ask(port(i), iamat("kiwi", "5")), StartsWith(fmt::format("AT {} +", kNames[i])));
  std::map<std::string, pid_t> found;
  ASSERT_TRUE(eventually([&] {
    found = processes(herd_);
    return found.contains("herd-Places");
  }));
  EXPECT_EQ(found.size(), 6U);
  for (const char* name : kNames)
    EXPECT_TRUE(found.contains(fmt::format("herd-{}", name))) << name;
  EXPECT_TRUE(found.contains("herd-Places"));
  // Each has its own listener and no other's.
  for (const auto& [name, process] : found) {
    int listeners = 0;
    std::ifstream table("/proc/net/tcp");
    std::string line;
    std::map<std::string, bool> listening;  // by inode
    while (std::getline(table, line)) {
      char inode[32] = {};
      unsigned state = 0;
      if (std::sscanf(line.c_str(), " %*d: %*s %*s %x %*s %*s %*s %*s %*s %31s", &state, inode) ==
          2)
        listening[fmt::format("socket:[{}]", inode)] = state == 10;
    }
    for (const auto& file :
         std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", process))) {
      std::error_code gone;
      const auto to = std::filesystem::read_symlink(file, gone);
      const auto found_socket = listening.find(to);
      if (found_socket != listening.end() && found_socket->second) ++listeners;
    }
    EXPECT_EQ(listeners, 1) << name;
  }
}

TEST_F(HerdTest, IamatIsAnsweredWithWhatTheClientSaid) {
  EXPECT_THAT(ask(port(0), "IAMAT kiwi.example +34.068930-118.445127 1614209128.918963997"),
              MatchesRegex("AT Hill \\+[0-9]+\\.[0-9]{9} kiwi\\.example "
                           "\\+34\\.068930-118\\.445127 1614209128\\.918963997\n"));
  EXPECT_THAT(ask(port(3), "  IAMAT\t  kiwi +1-002.0  99999999999.50 \r"),
              MatchesRegex("AT Campbell -[0-9]+\\.[0-9]{9} kiwi \\+1-002\\.0 99999999999\\.50\n"));
}

TEST_F(HerdTest, WhatsatIsAnsweredWithTheAtLineAndAsManyPlacesAsWanted) {
  const std::string at = ask(port(0), iamat("kiwi", "1614209128.918963997"));
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(learns(port(i), "kiwi", "1614209128.918963997"));
    for (const std::size_t bound : {1, 20}) {
      const std::string said = ask(port(i), fmt::format("WHATSAT kiwi 10 {}", bound));
      ASSERT_THAT(said, AllOf(StartsWith(at), EndsWith("\n\n")));
      const std::string json = said.substr(at.size());
      EXPECT_EQ(json.find('\n'), json.size() - 2);
      EXPECT_EQ(nlohmann::json::parse(json)["results"].size(), bound);
    }
  }
}

TEST_F(HerdTest, AnythingElseComesBackBehindAQuestionMark) {
  ask(port(0), iamat("kiwi", "1"));
  for (const std::string line :
       {"", " ", "hello", "  two  words\t", "IAMAT kiwi +34.0-118.0", "IAMAT kiwi +91.0-118.0 1",
        "IAMAT kiwi 34.0-118.0 1", "IAMAT kiwi +34.0-118.0 now", "WHATSAT kiwi 51 5",
        "WHATSAT kiwi 10 21", "WHATSAT kiwi 10 0", "WHATSAT kiwi -1 5", "WHATSAT emu 10 5",
        "SERVER Jaquez Jaquez", "SERVER Nobody", "SERVER Campbell",
        "AT Hill +0.1 kiwi +34.0-118.0 9", "GET / HTTP/1.1"})
    EXPECT_EQ(ask(port(0), line), "? " + line + "\n");
  const std::string garbage = pattern(1000);
  Client client(port(0));
  client.send(garbage);
  client.half_close();
  EXPECT_EQ(client.receive_to_end().substr(0, 2), "? ");
}

TEST_F(HerdTest, TheNewestTimeWinsAtEveryServer) {
  ask(port(0), iamat("kiwi", "100.000000000000000000002"));
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(learns(port(i), "kiwi", "100.000000000000000000002"));
  // Older, but answered.
  EXPECT_THAT(ask(port(3), iamat("kiwi", "100.000000000000000000001")), StartsWith("AT Campbell "));
  // Behind it on every link: when this is known everywhere, the older one was heard as well.
  EXPECT_THAT(ask(port(3), iamat("emu", "1")), StartsWith("AT Campbell "));
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(learns(port(i), "emu", "1"));
    EXPECT_THAT(ask(port(i), "WHATSAT kiwi 10 1"), StartsWith("AT Hill "));
  }
  ask(port(1), iamat("kiwi", "101"));
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(learns(port(i), "kiwi", "101"));
}

TEST_F(HerdTest, ALineMayComeInPiecesOrWithoutItsEnd) {
  const std::string line = iamat("kiwi", "5");
  Client bytewise(port(2));
  for (const char c : line + "\r\n")
    bytewise.send(std::string(1, c));
  EXPECT_THAT(bytewise.receive_to_end(), AllOf(StartsWith("AT Smith "), EndsWith(" 5\n")));
  EXPECT_THAT(Client(port(2)).exchange(line, SIZE_MAX, Client::After::kHalfClose),
              AllOf(StartsWith("AT Smith "), EndsWith(" 5\n")));
  EXPECT_EQ(Client(port(2)).exchange("half a l", SIZE_MAX, Client::After::kHalfClose),
            "? half a l\n");
  EXPECT_EQ(Client(port(2)).exchange("", SIZE_MAX, Client::After::kHalfClose), "");
}

TEST_F(HerdTest, OneLineIsAnsweredAndTheRestIsThrownAway) {
  Client client(port(2));
  client.send(iamat("kiwi", "5") + "\n" + iamat("kiwi", "6") + "\n" + std::string(100'000, 'x'));
  EXPECT_THAT(client.receive_to_end(), AllOf(StartsWith("AT Smith "), EndsWith(" 5\n")));
  EXPECT_THAT(ask(port(2), "WHATSAT kiwi 10 1"), HasSubstr("-118.445127 5\n"));
}

TEST_F(HerdTest, ALineOfMoreThan4096BytesIsRefused) {
  const std::string most(4096, 'x');
  EXPECT_EQ(ask(port(2), most), "? " + most + "\n");
  EXPECT_EQ(ask(port(2), most + "y"), "? " + most + "\n");
  EXPECT_EQ(Client(port(2)).exchange(std::string(1'000'000, 'x'), SIZE_MAX), "? " + most + "\n");
  const std::string name(4096 - iamat("", "5").size(), 'n');
  EXPECT_THAT(ask(port(2), iamat(name, "5")), StartsWith("AT Smith "));
  for (int i = 0; i < 5; ++i)
    EXPECT_THAT(ask(port(i), iamat(name + "n", "5")), StartsWith("? IAMAT n"));
  // Its flood is longer than the line was.
  ask(port(2), iamat("kiwi", "5"));
  ASSERT_TRUE(learns(port(0), "kiwi", "5"));
  EXPECT_EQ(ask(port(0), iamat(name.substr(0, 100), "5")).substr(0, 8), "AT Hill ");
}

TEST_F(HerdTest, ThousandsOfSilentClientsAreInNobodysWay) {
  if (!allow_open_files(2200)) GTEST_SKIP() << "needs more open files (ulimit -Hn)";
  std::vector<Client> silent;
  for (int i = 0; i < 2000; ++i)
    silent.emplace_back(port(i % 5));
  for (Client& client : silent)
    client.send("IAMAT ");
  EXPECT_THAT(ask(port(0), iamat("kiwi", "5")), StartsWith("AT Hill "));
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(learns(port(i), "kiwi", "5"));
  silent.front().send("emu +1-1 7\n");
  EXPECT_THAT(silent.front().receive_to_end(), EndsWith(" emu +1-1 7\n"));
}

TEST_F(HerdTest, ResetsAreNobodysEnd) {
  for (int i = 0; i < 100; ++i) {
    Client halfway(port(i % 5));
    halfway.send("IAMAT ki");
    halfway.reset();
    Client asking(port(i % 5));
    asking.send(iamat("kiwi", std::to_string(i)) + "\nrest");
    asking.reset();
    Client wanting(port(i % 5));
    wanting.send("WHATSAT kiwi 10 20\n");
    wanting.reset();
  }
  EXPECT_THAT(ask(port(4), iamat("kiwi", "1000")), StartsWith("AT Singleton "));
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(learns(port(i), "kiwi", "1000"));
  EXPECT_EQ(processes(herd_).size(), 6U);
}

TEST_F(HerdTest, AServerThatDiesIsNotMissed) {
  ask(port(0), iamat("kiwi", "1"));
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(learns(port(i), "kiwi", "1"));
  kill_process(herd_, "herd-Smith");
  EXPECT_EQ(herd_.next_error_line(), "herd: Smith was ended by Killed; the others go on");
  EXPECT_FALSE(Client::try_connect("127.0.0.1", port(2)));
  ask(port(0), iamat("kiwi", "2"));
  for (const int i : {0, 1, 3, 4})
    EXPECT_TRUE(learns(port(i), "kiwi", "2")) << i;
  herd_.signal(SIGTERM);
  EXPECT_EQ(herd_.wait(), 1);
}

TEST_F(HerdTest, WithoutPlacesThereAreStillAnswers) {
  ask(port(0), iamat("kiwi", "1"));
  kill_process(herd_, "herd-Places");
  EXPECT_EQ(herd_.next_error_line(), "herd: Places was ended by Killed; the others go on");
  EXPECT_EQ(ask(port(0), "WHATSAT kiwi 10 5"), "? WHATSAT kiwi 10 5\n");
  EXPECT_THAT(herd_.next_error_line(), AllOf(StartsWith("herd-Hill: cannot ask Places at "),
                                             HasSubstr("Connection refused")));
  EXPECT_THAT(ask(port(0), iamat("kiwi", "2")), StartsWith("AT Hill "));
}

TEST_F(HerdTest, ASignalEndsAllOfThemInSilence) {
  for (int i = 0; i < 5; ++i)
    ask(port(i), iamat("kiwi", "1"));
  const auto children = herd_.children();
  herd_.signal(SIGTERM);
  EXPECT_EQ(herd_.wait(), 0);
  for (const pid_t child : children)
    EXPECT_EQ(::kill(child, 0), -1);
  EXPECT_EQ(herd_.rest_of_stdout(), "");
  EXPECT_EQ(herd_.rest_of_stderr(), "");
}

TEST_F(HerdTest, ClientsMayFinishAfterTheSignal) {
  ask(port(0), iamat("kiwi", "1"));
  std::optional<Client> client(port(0));
  client->send("WHATSAT kiwi ");
  ASSERT_THAT(ask(port(0), iamat("kiwi", "2")), StartsWith("AT Hill"));  // it was accepted before
  herd_.signal(SIGINT);
  ASSERT_TRUE(eventually([&] { return !Client::try_connect("127.0.0.1", port(0)); }));
  client->send("10 5\n");
  EXPECT_THAT(client->receive_to_end(), AllOf(StartsWith("AT Hill "), EndsWith("\n\n")));
  client.reset();
  EXPECT_EQ(herd_.wait(), 0);
}

TEST_F(HerdTest, AllEndWhenTheLauncherIsKilled) {
  ASSERT_THAT(ask(port(4), iamat("kiwi", "1")), StartsWith("AT Singleton"));
  const auto children = herd_.children();
  herd_.signal(SIGKILL);
  EXPECT_EQ(herd_.wait(), -SIGKILL);
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(eventually([&] { return !Client::try_connect("127.0.0.1", port(i)); }));
}

TEST(HerdLimits, GraceAndTheIdleLimitAreBounds) {
  ServerProcess herd(herd_path(), {"--idle-limit", "0.2", "--grace", "0.2"});
  Client silent(herd.port());
  Client halfway(herd.port());
  halfway.send("IAMAT ki");
  EXPECT_EQ(halfway.receive_to_end(), "? IAMAT ki\n");
  EXPECT_EQ(silent.receive_to_end(), "");
  ServerProcess patient(herd_path(), {"--grace", "0.2"});
  Client waiting(patient.port());
  waiting.send("IAMAT");
  patient.signal(SIGTERM);
  EXPECT_EQ(patient.wait(), 0);
}

TEST(HerdStart, ListensAtTheFivePortsOrAtNone) {
  const auto ports = free_ports(5);
  std::vector<std::string> arguments = {"--port", std::to_string(ports[0])};
  {
    const Peer other(ports[3]);
    ServerProcess herd(herd_path(), arguments);
    EXPECT_EQ(herd.wait(), 1);
    EXPECT_THAT(herd.rest_of_stderr(),
                AllOf(StartsWith("herd: cannot listen on "), HasSubstr("in use"),
                      HasSubstr(std::to_string(ports[3])), HasSubstr("--port")));
    EXPECT_EQ(herd.rest_of_stdout(), "");
  }
  ServerProcess herd(herd_path(), arguments);
  EXPECT_EQ(herd.port(), ports[0]);
  for (const std::uint16_t port : ports)
    EXPECT_THAT(ask(port, iamat("kiwi", "1")), StartsWith("AT "));
}

TEST(HerdStart, WrongUsageIsOneLineAndExitCode2) {
  const ConfigFile config({{.name = "A", .port = 1, .neighbours = ""}}, 2);
  const std::map<std::vector<std::string>, std::string> wrong = {
      {{"--only", "Hill"}, "--config"},
      {config.start("Hill"), "there is no server \"Hill\": --only takes A or Places"},
      {config.start("", {"--port", "7000"}), "--port"},
      {{"--port", "65532"}, "65531"},
      {{"--idle-limit", "0"}, "0.001"},
      {{"extra"}, "extra"},
  };
  for (const auto& [arguments, text] : wrong) {
    ServerProcess herd(herd_path(), arguments);
    EXPECT_EQ(herd.wait(), 2);
    const std::string said = herd.rest_of_stderr();
    EXPECT_THAT(said, AllOf(StartsWith("herd: "), HasSubstr(text)));
    EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
  }
  ServerProcess help(herd_path(), {"--help"});
  EXPECT_EQ(help.wait(), 0);
  EXPECT_THAT(help.rest_of_stdout(), AllOf(HasSubstr("WHATSAT"), HasSubstr("--places-limit")));
}

}  // namespace
}  // namespace servers::test
