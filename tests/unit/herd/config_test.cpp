#include "herd/config.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/log.h"

namespace servers::herd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kTwo = R"([places]
address = "127.0.0.1"
port = 9
[[server]]
name = "A"
address = "127.0.0.1"
port = 1
neighbours = ["B"]
[[server]]
name = "B"
address = "::1"
port = 1
)";

std::string failure(const std::string& text) {
  try {
    (void)parse_config(text, "f.toml");
  } catch (const Failure& error) {
    return error.what();
  }
  return {};
}

// kTwo with one thing changed.
std::string failure_with(const std::string& old, const std::string& changed) {
  std::string text = kTwo;
  const auto at = text.find(old);
  if (at == std::string::npos) return "nothing to change";
  return failure(text.replace(at, old.size(), changed));
}

TEST(HerdConfig, TheBuiltInHerdIsTheUsualOne) {
  const Config herd = built_in();
  EXPECT_EQ(herd.names(), "Hill, Jaquez, Smith, Campbell, Singleton");
  EXPECT_THAT(herd.server("Hill")->neighbours, ElementsAre(1, 2));
  EXPECT_THAT(herd.server("Jaquez")->neighbours, ElementsAre(0, 4));
  EXPECT_THAT(herd.server("Smith")->neighbours, ElementsAre(0, 3, 4));
  EXPECT_THAT(herd.server("Campbell")->neighbours, ElementsAre(2, 4));
  EXPECT_THAT(herd.server("Singleton")->neighbours, ElementsAre(1, 2, 3));
}

TEST(HerdConfig, TheExampleIsTheBuiltInHerdWithPorts) {
  const Config example = read_config(HERD_TOML);
  const Config herd = built_in();
  ASSERT_EQ(example.servers.size(), herd.servers.size());
  for (std::size_t i = 0; i < herd.servers.size(); ++i) {
    EXPECT_EQ(example.servers[i].name, herd.servers[i].name);
    EXPECT_EQ(example.servers[i].neighbours, herd.servers[i].neighbours);
    EXPECT_EQ(example.servers[i].address.port(), 12000 + i);
  }
  EXPECT_EQ(example.places.text(), "127.0.0.1:12005");
}

TEST(HerdConfig, ALinkOfOneSideIsThereForBoth) {
  const Config herd = parse_config(kTwo, "f.toml");
  EXPECT_THAT(herd.server("A")->neighbours, ElementsAre(1));
  EXPECT_THAT(herd.server("B")->neighbours, ElementsAre(0));
  EXPECT_EQ(herd.server("B")->address.text(), "[::1]:1");
  EXPECT_EQ(herd.server("C"), nullptr);
}

TEST(HerdConfig, MistakesAreOneLineThatSaysWhere) {
  EXPECT_EQ(failure(kTwo), "");
  EXPECT_THAT(failure(""), HasSubstr("there is no [places]"));
  EXPECT_THAT(failure("x = "), AllOf(HasSubstr("f.toml:1: "), Not(HasSubstr("\n"))));
  EXPECT_THAT(failure("[places]\naddress=\"::1\"\nport=1\n"), HasSubstr("no [[server]]"));
  EXPECT_THAT(failure("places = 1\nserver = [1]"), HasSubstr("no [places]"));
  EXPECT_THAT(failure_with("[[server]]", "[[sever]]"), HasSubstr("unknown key \"sever\""));
  EXPECT_THAT(failure_with("neighbours", "neighbors"),
              AllOf(HasSubstr("f.toml:8: "), HasSubstr("unknown key \"neighbors\"")));
  EXPECT_THAT(failure_with("[\"B\"]", "[\"C\"]"), HasSubstr("the servers are A, B"));
  EXPECT_THAT(failure_with("[\"B\"]", "[\"A\"]"), HasSubstr("no neighbour for A"));
  EXPECT_THAT(failure_with("[\"B\"]", "[1]"), HasSubstr("no neighbour for A"));
  EXPECT_THAT(failure_with("[\"B\"]", "\"B\""), HasSubstr("list of names"));
  EXPECT_THAT(failure(kTwo + "[[server]]\nname = \"B\"\naddress = \"::1\"\nport = 2\n"),
              HasSubstr("two servers have the name B"));
  EXPECT_THAT(failure_with("name = \"B\"", "name = \"Places\""), HasSubstr("no name for a server"));
  EXPECT_THAT(failure_with("name = \"B\"", "name = \"B b\""), HasSubstr("no name for a server"));
  EXPECT_THAT(failure_with("name = \"B\"", "name = 1"), HasSubstr("name must be there"));
  EXPECT_THAT(failure_with("\"::1\"", "\"127.0.0.1\""), HasSubstr("127.0.0.1:1 is the address of"));
  EXPECT_THAT(failure_with("port = 9", "port = 1"), HasSubstr("127.0.0.1:1 is the address of"));
  EXPECT_THAT(failure_with("\"::1\"", "\"0.0.0.0\""), HasSubstr("others can call"));
  EXPECT_THAT(failure_with("\"::1\"", "\"localhost\""), HasSubstr("others can call"));
  for (const char* port : {"port = 0", "port = 65536", "port = -1", "port = 1.5", "port = \"9\""})
    EXPECT_THAT(failure_with("port = 9", port), HasSubstr("port must be there")) << port;
  for (const std::string text :
       {"[[[", "[[=", "[", "[[", "[[[places]]]", "=", "\"", "x=[[[[[[[[", "\xff"})
    EXPECT_THAT(failure(text), StartsWith("cannot use f.toml")) << text;
  EXPECT_THAT(failure("x = " + std::string(100'000, '[')), StartsWith("cannot use f.toml:1"));
}

TEST(HerdConfig, AFileThatCannotBeReadIsOneLine) {
  for (const char* path : {"/nowhere/herd.toml", "/"})
    try {
      (void)read_config(path);
      ADD_FAILURE() << path;
    } catch (const Failure& error) {
      EXPECT_THAT(error.what(), HasSubstr(std::string("cannot read ") + path));
    }
}

}  // namespace
}  // namespace servers::herd
