// One server of a herd whose neighbours and Places are played here; and one that dies and comes
// back.
#include <csignal>
#include <string>
#include <sys/socket.h>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "herd_process.h"

namespace servers::test {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string flood(const std::string& client, const std::string& time,
                  const std::string& server = "Jaquez") {
  return fmt::format("AT {} +0.5 {} +34.068930-118.445127 {}\n", server, client, time);
}

// Hill, between Jaquez and Smith.
class HerdLinkTest : public testing::Test {
 protected:
  // Calls Hill as a neighbour does.
  Client call(const std::string& name) {
    Client link(hill_.port());
    link.send(fmt::format("SERVER {}\n", name));
    return link;
  }

  std::vector<std::uint16_t> ports_ = free_ports(2);
  Peer jaquez_{0, 4096};
  Peer smith_;
  Peer places_;
  ConfigFile config_{
      {{.name = "Hill", .port = ports_[0], .neighbours = "\"Jaquez\", \"Smith\""},
       {.name = "Jaquez", .port = jaquez_.port(), .neighbours = ""},
       {.name = "Smith", .port = smith_.port(), .neighbours = "\"Other\""},
       {.name = "Other", .port = ports_[1], .neighbours = "\"Hill\"", .address = "127.0.0.2"}},
      places_.port()};
  ServerProcess hill_{herd_path(), config_.start("Hill", {"--places-limit", "0.2"})};
};

TEST_F(HerdLinkTest, AFloodIsOneLinePassedOnOnceAndNotBack) {
  Client to_jaquez = jaquez_.accept();
  Client to_smith = smith_.accept();
  EXPECT_EQ(to_jaquez.receive_line(), "SERVER Hill\n");
  EXPECT_EQ(to_smith.receive_line(), "SERVER Hill\n");

  const std::string at = ask(hill_.port(), iamat("kiwi", "5"));
  EXPECT_EQ(to_jaquez.receive_line(), at);
  EXPECT_EQ(to_smith.receive_line(), at);

  Client from_jaquez = call("Jaquez");
  Client from_smith = call("Smith");
  from_jaquez.send(flood("kiwi", "4"));  // older
  from_jaquez.send(flood("kiwi", "6"));  // newer: to Smith alone
  from_jaquez.send(flood("kiwi", "6"));  // known
  EXPECT_EQ(to_smith.receive_line(), flood("kiwi", "6"));
  from_smith.send(flood("kiwi", "6"));  // the other way round, known
  from_smith.send(flood("emu", "1", "Smith"));
  EXPECT_EQ(to_jaquez.receive_line(), flood("emu", "1", "Smith"));
  // Nothing else was told: the next line is the next change's.
  const std::string last = ask(hill_.port(), iamat("last", "1"));
  EXPECT_EQ(to_jaquez.receive_line(), last);
  EXPECT_EQ(to_smith.receive_line(), last);
}

TEST_F(HerdLinkTest, FloodsMayComeInPiecesAndManyAtOnce) {
  Client to_smith = smith_.accept();
  EXPECT_EQ(to_smith.receive_line(), "SERVER Hill\n");
  Client from_jaquez(hill_.port());
  std::string all = "SERVER Jaquez\r\n";
  for (int i = 0; i < 300; ++i)
    all += flood(fmt::format("c{}", i), "1");
  for (const char c : all.substr(0, 200))
    from_jaquez.send(std::string(1, c));
  from_jaquez.send(all.substr(200));
  for (int i = 0; i < 300; ++i)
    ASSERT_EQ(to_smith.receive_line(), flood(fmt::format("c{}", i), "1"));
}

TEST_F(HerdLinkTest, OneThatComesBackIsToldEverythingEvenItsOwnNews) {
  {
    Client to_jaquez = jaquez_.accept();
    EXPECT_EQ(to_jaquez.receive_line(), "SERVER Hill\n");
    Client to_smith = smith_.accept();
    EXPECT_EQ(to_smith.receive_line(), "SERVER Hill\n");
    call("Jaquez").send(flood("kiwi", "1"));
    EXPECT_EQ(to_smith.receive_line(), flood("kiwi", "1"));
    to_jaquez.reset();
  }
  const std::string at = ask(hill_.port(), iamat("emu", "5"));
  Client again = jaquez_.accept();
  EXPECT_EQ(again.receive_line(), "SERVER Hill\n");
  EXPECT_EQ(again.receive_line(), flood("kiwi", "1"));
  EXPECT_EQ(again.receive_line(), at);
}

TEST_F(HerdLinkTest, OneThatDoesNotReadHoldsUpNobodyAndHearsTheNewest) {
  Client to_jaquez = jaquez_.accept();
  Client to_smith = smith_.accept();
  EXPECT_EQ(to_smith.receive_line(), "SERVER Hill\n");
  Client from_smith = call("Smith");
  const std::string name(4000, 'n');
  // More than all buffers on the way to Jaquez hold.
  const int count = static_cast<int>(too_much() / name.size());
  std::string all;
  for (int i = 1; i <= count; ++i)
    all += flood(name, std::to_string(i));
  from_smith.send(all);
  from_smith.send(flood("last", "1"));
  // Once it is known Places is asked, and has its limit.
  ASSERT_TRUE(eventually([&] {
    EXPECT_EQ(ask(hill_.port(), "WHATSAT last 10 1"), "? WHATSAT last 10 1\n");
    return places_.is_called();
  }));
  EXPECT_THAT(ask(hill_.port(), iamat("kiwi", "1")), StartsWith("AT Hill "));
  int lines = 0;
  std::string newest;
  for (std::string line; !line.starts_with("AT Hill ") && lines <= count + 3;) {
    line = to_jaquez.receive_line();
    if (line.starts_with("AT Jaquez +0.5 n")) newest = line;
    ++lines;
  }
  EXPECT_EQ(newest, flood(name, std::to_string(count)));
  EXPECT_LT(lines, count);
}

TEST_F(HerdLinkTest, OnlyNeighboursAreHeardAndOnlyFromTheirAddress) {
  // Other is one, but lives elsewhere.
  for (const std::string name : {"Other", "Hill", "Nobody", "jaquez"})
    EXPECT_EQ(ask(hill_.port(), "SERVER " + name), "? SERVER " + name + "\n");
  EXPECT_EQ(ask(hill_.port(), flood("kiwi", "1").substr(0, flood("kiwi", "1").size() - 1)),
            "? " + flood("kiwi", "1"));
  EXPECT_EQ(ask(hill_.port(), "WHATSAT kiwi 10 5"), "? WHATSAT kiwi 10 5\n");
  EXPECT_FALSE(places_.is_called());
}

TEST_F(HerdLinkTest, NonsenseFromANeighbourEndsItsLinkAndNothingElse) {
  Client to_smith = smith_.accept();
  EXPECT_EQ(to_smith.receive_line(), "SERVER Hill\n");
  const std::vector<std::string> nonsense = {iamat("kiwi", "5") + "\n",
                                             "AT Nobody +0.5 kiwi +1+1 1\n", "\n",
                                             std::string(10'000, 'x'), pattern(100'000) + "\n"};
  for (const std::string& bytes : nonsense) {
    Client link = call("Jaquez");
    const std::string all = flood("kiwi", "1").substr(0, 20) + bytes;
    // Not all of it may be taken.
    [[maybe_unused]] const ssize_t sent =
        ::send(link.fd(), all.data(), all.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    EXPECT_TRUE(link.readable(60'000));
  }
  EXPECT_THAT(hill_.next_error_line(), AllOf(StartsWith("herd-Hill: "), HasSubstr("127.0.0.2")));
  EXPECT_THAT(hill_.next_error_line(),
              AllOf(StartsWith("herd-Hill: Jaquez has told "), EndsWith("connection closed")));
  call("Jaquez").send(flood("kiwi", "2"));
  EXPECT_EQ(to_smith.receive_line(), flood("kiwi", "2"));
}

TEST_F(HerdLinkTest, OneThatCallsAnewHasLostItsOldConnection) {
  Client old = call("Jaquez");
  Client to_smith = smith_.accept();
  EXPECT_EQ(to_smith.receive_line(), "SERVER Hill\n");
  old.send(flood("kiwi", "1"));
  EXPECT_EQ(to_smith.receive_line(), flood("kiwi", "1"));
  Client anew = call("Jaquez");
  old.wait_for_end();
  anew.send(flood("kiwi", "2"));
  EXPECT_EQ(to_smith.receive_line(), flood("kiwi", "2"));
}

TEST_F(HerdLinkTest, OneThatDoesNotTakeUsForANeighbourIsToldToTheUser) {
  Client to_jaquez = jaquez_.accept();
  EXPECT_EQ(to_jaquez.receive_line(), "SERVER Hill\n");
  to_jaquez.send("? SERVER Hill\n");
  to_jaquez.half_close();
  std::string line = hill_.next_error_line();
  if (line.find("127.0.0.2") != std::string::npos) line = hill_.next_error_line();
  EXPECT_THAT(line, AllOf(HasSubstr("Jaquez at 127.0.0.1:"), HasSubstr("same configuration")));
}

TEST_F(HerdLinkTest, PlacesIsAskedOverConnectionsThatAreKept) {
  const std::string at = ask(hill_.port(), iamat("kiwi", "5"));
  const std::string body = R"({"results": [1, 2, 3]})";
  const std::string response =
      fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
  const auto answer = [&](Client& service) {
    EXPECT_THAT(service.receive_line(), StartsWith("GET /maps/api/place/nearbysearch/json?location="
                                                   "34.068930,-118.445127&radius=10000 HTTP/1.1"));
    EXPECT_THAT(service.receive_line(), StartsWith("Host: 127.0.0.1:"));
    EXPECT_EQ(service.receive_line(), "\r\n");
    service.send(response);
  };
  Client first(hill_.port());
  first.send("WHATSAT kiwi 10 2\n");
  Client service = places_.accept();
  answer(service);
  EXPECT_EQ(first.receive_to_end(), at + "{\"results\":[1,2]}\n\n");
  Client second(hill_.port());
  second.send("WHATSAT kiwi 10 9\n");
  answer(service);
  EXPECT_EQ(second.receive_to_end(), at + "{\"results\":[1,2,3]}\n\n");
  EXPECT_FALSE(places_.is_called());
  // One that it has ended is not used again.
  service.reset();
  Client third(hill_.port());
  third.send("WHATSAT kiwi 10 1\n");
  Client another = places_.accept();
  answer(another);
  EXPECT_EQ(third.receive_to_end(), at + "{\"results\":[1]}\n\n");
}

TEST_F(HerdLinkTest, PlacesThatFailsIsAnsweredForAndToldToTheUser) {
  ask(hill_.port(), iamat("kiwi", "5"));
  const std::vector<std::string> answers = {
      "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nrubbish",
      "HTTP/1.1 500 Oh\r\nContent-Length: 14\r\n\r\n{\"results\":[]}",
      "no HTTP at all",
      "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + std::string(2'000'000, 'x'),
      "HTTP/1.1 200 OK\r\nContent-Le",
      "",
  };
  for (const std::string& text : answers) {
    Client client(hill_.port());
    client.send("WHATSAT kiwi 10 2\n");
    Client service = places_.accept();
    (void)service.receive_line();
    (void)service.send_until_stuck(text);
    EXPECT_EQ(client.receive_to_end(), "? WHATSAT kiwi 10 2\n");  // at the latest when it is time
  }
  std::string line = hill_.next_error_line();
  if (line.find("127.0.0.2") != std::string::npos) line = hill_.next_error_line();
  EXPECT_THAT(line, AllOf(StartsWith("herd-Hill: cannot ask Places at 127.0.0.1:"),
                          HasSubstr("no JSON with a list of results")));
}

TEST(HerdRestart, AServerComesBackAndLearnsWhatItHasMissed) {
  const auto ports = free_ports(6);
  const ConfigFile config(
      {{.name = "Hill", .port = ports[0], .neighbours = "\"Jaquez\", \"Smith\""},
       {.name = "Jaquez", .port = ports[1], .neighbours = ""},
       {.name = "Smith", .port = ports[2], .neighbours = "\"Campbell\""},
       {.name = "Campbell", .port = ports[3], .neighbours = ""},
       {.name = "Singleton",
        .port = ports[4],
        .neighbours = "\"Jaquez\", \"Smith\", \"Campbell\""}},
      ports[5]);
  ServerProcess herd(herd_path(), config.start());
  EXPECT_EQ(herd.port(), ports[0]);
  ask(ports[0], iamat("kiwi", "1"));
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(learns(ports[static_cast<std::size_t>(i)], "kiwi", "1"));
  kill_process(herd, "herd-Smith");
  ASSERT_THAT(herd.next_error_line(), HasSubstr("Smith was ended by Killed"));
  ask(ports[3], iamat("emu", "1"));
  ASSERT_TRUE(learns(ports[0], "emu", "1"));  // the long way round

  ServerProcess smith(herd_path(), config.start("Smith"));
  EXPECT_EQ(smith.port(), ports[2]);
  EXPECT_TRUE(learns(ports[2], "kiwi", "1"));
  EXPECT_TRUE(learns(ports[2], "emu", "1"));
  ask(ports[2], iamat("moa", "1"));
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_TRUE(learns(ports[i], "moa", "1"));
  smith.signal(SIGTERM);
  EXPECT_EQ(smith.wait(), 0);
}

TEST(HerdPlaces, IsAnHttpServerOfItsOwn) {
  const auto ports = free_ports(2);
  const ConfigFile config({{.name = "Hill", .port = ports[0], .neighbours = ""}}, ports[1]);
  ServerProcess places(herd_path(), config.start("Places"));
  ASSERT_EQ(places.port(), ports[1]);
  const std::string target = "/maps/api/place/nearbysearch/json?location=1,2&radius=3";
  std::string requests;
  for (int i = 0; i < 50; ++i)
    requests += fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", target);
  requests += "GET /other HTTP/1.1\r\nHost: x\r\n\r\n";
  requests += "GET /maps/api/place/nearbysearch/json HTTP/1.1\r\nHost: x\r\n\r\n";
  requests += "nonsense\r\n\r\n";
  const std::string said = Client(ports[1]).exchange(requests, SIZE_MAX);
  const auto count = [&](std::string_view what) {
    int found = 0;
    for (std::size_t at = 0; (at = said.find(what, at)) != std::string::npos; ++at)
      ++found;
    return found;
  };
  EXPECT_EQ(count("HTTP/1.1 200 OK\r\n"), 50);
  EXPECT_EQ(count("HTTP/1.1 404 "), 1);
  EXPECT_EQ(count("HTTP/1.1 400 "), 2);
  EXPECT_EQ(count("\"place_id\""), 50 * 25);
  places.signal(SIGTERM);
  EXPECT_EQ(places.wait(), 0);
}

}  // namespace
}  // namespace servers::test
