#include "commands/sweep_plan.h"

#include <gmock/gmock.h>

namespace tr::commands {
namespace {

using capture::BundledServer;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<BundledServer> kBundled{{"thread_echo", "echo", "", "/s/thread_echo"},
                                          {"epoll_echo", "echo", "", "/s/epoll_echo"},
                                          {"python/thread", "echo", "", "/s/python/thread"},
                                          {"epoll_http", "http", "", "/s/epoll_http"}};

std::vector<std::string> names(const std::vector<std::string>& words) {
  const auto servers = chosen_servers(words, kBundled);
  EXPECT_TRUE(servers) << servers.error().text();
  std::vector<std::string> found;
  if (servers)
    for (const BundledServer& server : *servers)
      found.push_back(server.name);
  return found;
}

std::string refusal(const std::vector<std::string>& words) {
  const auto servers = chosen_servers(words, kBundled);
  if (servers) return "none";
  EXPECT_EQ(servers.error().failure, Failure::kUsage);
  return servers.error().text();
}

TEST(ChosenServers, ByNameAndGlobEachOnceInTheListsOrder) {
  EXPECT_THAT(names({"epoll_echo"}), ElementsAre("epoll_echo"));
  EXPECT_THAT(names({"servers/epoll_echo", "*_echo"}), ElementsAre("thread_echo", "epoll_echo"));
  EXPECT_THAT(names({"servers/*_echo"}), ElementsAre("thread_echo", "epoll_echo"));
  EXPECT_THAT(names({"python/*", "thread_ech[o]"}), ElementsAre("thread_echo", "python/thread"));
  EXPECT_THAT(names({"*_http"}), ElementsAre("epoll_http"));
}

TEST(ChosenServers, RefusesWhatMeansNoneAndSeveralProtocols) {
  EXPECT_THAT(refusal({"epol_echo"}),
              AllOf(HasSubstr("is named \"epol_echo\""), HasSubstr("trace-run list")));
  EXPECT_THAT(refusal({"epoll_echo", "*_ftp"}), HasSubstr("matches \"*_ftp\""));
  EXPECT_THAT(refusal({""}), HasSubstr("no bundled server"));
  EXPECT_THAT(refusal({"epoll_*"}), HasSubstr("epoll_echo speaks echo, epoll_http speaks http"));
}

}  // namespace
}  // namespace tr::commands
