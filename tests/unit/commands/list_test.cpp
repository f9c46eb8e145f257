#include "commands/list.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tr::commands {
namespace {

const std::vector<capture::BundledServer> kServers{
    {.name = "thread_echo", .description = "a thread per connection", .path = "/s/thread_echo"},
    {.name = "poll_echo", .description = "one \"thread\"", .path = "/s/poll_echo"}};

TEST(List, IsALinePerServer) {
  EXPECT_EQ(list_text(kServers),
            "thread_echo  a thread per connection\n"
            "poll_echo    one \"thread\"\n");
}

TEST(List, IsReadableByPrograms) {
  const auto json = nlohmann::json::parse(list_json(kServers));
  ASSERT_EQ(json["servers"].size(), 2U);
  EXPECT_EQ(json["servers"][1]["name"], "poll_echo");
  EXPECT_EQ(json["servers"][1]["description"], "one \"thread\"");
  EXPECT_EQ(json["servers"][1]["path"], "/s/poll_echo");
}

TEST(List, IsJsonEvenOfAPathThatIsNoText) {
  EXPECT_TRUE(
      nlohmann::json::accept(list_json({{.name = "a", .description = "", .path = "\xff"}})));
}

}  // namespace
}  // namespace tr::commands
