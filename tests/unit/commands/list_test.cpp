#include "commands/list.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tr::commands {
namespace {

const std::vector<capture::BundledServer> kServers{{.name = "thread_echo",
                                                    .protocol = "echo",
                                                    .description = "a thread per connection",
                                                    .path = "/s/thread_echo"},
                                                   {.name = "poll_http",
                                                    .protocol = "http",
                                                    .description = "one \"thread\"",
                                                    .path = "/s/poll_http"}};

TEST(List, IsALinePerServer) {
  EXPECT_EQ(list_text(kServers),
            "thread_echo  echo  a thread per connection\n"
            "poll_http    http  one \"thread\"\n");
}

TEST(List, IsReadableByPrograms) {
  const auto json = nlohmann::json::parse(list_json(kServers));
  ASSERT_EQ(json["servers"].size(), 2U);
  EXPECT_EQ(json["servers"][1]["name"], "poll_http");
  EXPECT_EQ(json["servers"][1]["protocol"], "http");
  EXPECT_EQ(json["servers"][1]["description"], "one \"thread\"");
  EXPECT_EQ(json["servers"][1]["path"], "/s/poll_http");
}

TEST(List, IsJsonEvenOfAPathThatIsNoText) {
  EXPECT_TRUE(nlohmann::json::accept(
      list_json({{.name = "a", .protocol = "", .description = "", .path = "\xff"}})));
}

}  // namespace
}  // namespace tr::commands
