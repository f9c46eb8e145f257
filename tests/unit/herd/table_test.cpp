#include "herd/table.h"

#include <deque>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "herd/config.h"

namespace servers::herd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;

At at(std::string_view client, std::string_view time, std::string_view server = "Hill") {
  return *At::parse(fmt::format("AT {} +0.5 {} +1+1 {}", server, client, time));
}

std::string time_of(const Table& table, std::string_view client) {
  const Table::Record* const record = table.find(client);
  return record == nullptr ? "" : std::string(record->at.time());
}

std::vector<std::string> all(Feed& feed) {
  std::vector<std::string> told;
  while (const At* const next = feed.next())
    told.push_back(fmt::format("{} {}", next->client(), next->time()));
  return told;
}

TEST(HerdTable, KeepsTheNewestTimeOfEachClient) {
  Table table;
  EXPECT_TRUE(table.put(at("kiwi", "5"), Table::kClient));
  EXPECT_FALSE(table.put(at("kiwi", "4.999999999999"), Table::kClient));
  EXPECT_FALSE(table.put(at("kiwi", "5"), 0));
  EXPECT_TRUE(table.put(at("emu", "1"), 0));
  EXPECT_TRUE(table.put(at("kiwi", "5.000000000000001"), 1));
  EXPECT_EQ(time_of(table, "kiwi"), "5.000000000000001");
  EXPECT_EQ(time_of(table, "emu"), "1");
  EXPECT_EQ(time_of(table, "moa"), "");
  EXPECT_EQ(table.clients(), 2U);
}

TEST(HerdTable, TheOldestTimesAreForgottenForGood) {
  constexpr std::size_t kBytes = 10'000;
  Table table(kBytes);
  for (int time = 1; time <= 1000; ++time)
    EXPECT_TRUE(table.put(at(fmt::format("c{}", time), fmt::to_string(time)), 0));
  const auto kept = table.clients();
  EXPECT_THAT(kept, AllOf(Ge(10U), Le(kBytes / 100)));
  EXPECT_EQ(time_of(table, "c1000"), "1000");
  EXPECT_EQ(time_of(table, fmt::format("c{}", 1000 - kept)), "");
  EXPECT_EQ(time_of(table, fmt::format("c{}", 1001 - kept)), fmt::to_string(1001 - kept));
  // Heard again from somebody who still knows, they are not news.
  EXPECT_FALSE(table.put(at("c1", "1"), 1));
  EXPECT_FALSE(table.put(at("c10", fmt::to_string(1000 - kept)), 1));
  EXPECT_EQ(table.clients(), kept);
  // A newer time of a client that was forgotten is.
  EXPECT_TRUE(table.put(at("c1", "1001"), 1));
  EXPECT_EQ(table.clients(), kept);
}

TEST(HerdTable, OneThatIsTooBigForAllLeavesNothingBroken) {
  Table table(2000);
  EXPECT_TRUE(table.put(at("kiwi", "1"), 0));
  EXPECT_FALSE(table.put(at(std::string(3000, 'x'), "2"), 0));
  EXPECT_EQ(table.clients(), 0U);
  EXPECT_TRUE(table.put(at("kiwi", "3"), 0));
  EXPECT_EQ(time_of(table, "kiwi"), "3");
}

TEST(HerdFeed, TellsEachChangeOnceButNotToWhomItCameFrom) {
  Table table;
  Feed feed(table, 0);
  feed.begin();
  table.put(at("kiwi", "1"), Table::kClient);
  table.put(at("emu", "1"), 0);
  table.put(at("moa", "1"), 1);
  EXPECT_THAT(all(feed), ElementsAre("kiwi 1", "moa 1"));
  EXPECT_THAT(all(feed), ElementsAre());
  table.put(at("kiwi", "2"), 1);
  EXPECT_THAT(all(feed), ElementsAre("kiwi 2"));
}

TEST(HerdFeed, KeepsOnlyTheNewestForOneThatDoesNotRead) {
  Table table;
  Feed feed(table, 0);
  feed.begin();
  for (int time = 1; time <= 1000; ++time) {
    table.put(at("kiwi", fmt::to_string(time)), 1);
    table.put(at("emu", fmt::to_string(time)), Table::kClient);
  }
  EXPECT_THAT(all(feed), ElementsAre("kiwi 1000", "emu 1000"));
}

TEST(HerdFeed, TellsEverythingToOneThatComesBack) {
  Table table;
  Feed feed(table, 0);
  feed.begin();
  table.put(at("kiwi", "1"), 0);
  table.put(at("emu", "1"), 1);
  EXPECT_THAT(all(feed), ElementsAre("emu 1"));
  feed.begin();
  table.put(at("moa", "1"), 0);
  EXPECT_THAT(all(feed), ElementsAre("kiwi 1", "emu 1"));
}

// The herd without sockets: each line that is told is delivered, in any order of servers.
class Herd {
 public:
  Herd() {
    for (std::size_t i = 0; i < config_.servers.size(); ++i) {
      auto& table = tables_.emplace_back();
      for (std::size_t n = 0; n < config_.servers[i].neighbours.size(); ++n)
        feeds_[i].emplace_back(table, static_cast<int>(n)).begin();
    }
  }

  bool say(std::size_t server, const At& what) { return tables_[server].put(what, Table::kClient); }

  // Until nobody has anything to tell; how many lines that were.
  int settle() {
    int lines = 0;
    for (bool busy = true; busy;) {
      busy = false;
      for (std::size_t from = 0; from < tables_.size(); ++from)
        for (std::size_t n = 0; n < feeds_[from].size(); ++n)
          if (const At* const told = feeds_[from][n].next()) {
            busy = true;
            ++lines;
            hear(config_.servers[from].neighbours[n], from, *told);
          }
    }
    return lines;
  }

  // Has lost its memory, and its links with it.
  void restart(std::size_t server) {
    Table& table = tables_[server];
    table.~Table();
    new (&table) Table();
    for (Feed& feed : feeds_[server])
      feed.begin();
    for (const std::size_t other : config_.servers[server].neighbours)
      feeds_[other][index_of(other, server)].begin();
  }

  [[nodiscard]] const Table& table(std::size_t server) const { return tables_[server]; }
  [[nodiscard]] std::size_t size() const { return tables_.size(); }

 private:
  [[nodiscard]] std::size_t index_of(std::size_t server, std::size_t neighbour) const {
    const auto& list = config_.servers[server].neighbours;
    return static_cast<std::size_t>(std::ranges::find(list, neighbour) - list.begin());
  }
  void hear(std::size_t server, std::size_t from, const At& what) {
    tables_[server].put(what, static_cast<int>(index_of(server, from)));
  }

  Config config_ = built_in();
  std::deque<Table> tables_;
  std::map<std::size_t, std::deque<Feed>> feeds_;
};

TEST(HerdFlood, ReachesAllWithEightLinesAndEndsThere) {
  for (std::size_t origin = 0; origin < 5; ++origin) {
    Herd herd;
    herd.say(origin, at("kiwi", "1"));
    // Each of the six links both ways, but for the first copy that each of four servers hears: that
    // is not sent back.
    EXPECT_EQ(herd.settle(), 2 * 6 - 4);
    for (std::size_t i = 0; i < herd.size(); ++i)
      EXPECT_EQ(time_of(herd.table(i), "kiwi"), "1") << i;
    // An older one is not told at all.
    EXPECT_FALSE(herd.say((origin + 1) % 5, at("kiwi", "0.5")));
    EXPECT_EQ(herd.settle(), 0);
  }
}

TEST(HerdFlood, FloodsThatMeetEndInOneState) {
  Herd herd;
  int said = 0;
  for (std::size_t i = 0; i < herd.size(); ++i) {
    herd.say(i, at("kiwi", i == 3 ? "2" : "1", "Hill"));
    herd.say(i, at("emu", "1", built_in().servers[i].name));  // the same time everywhere
    said += 2;
  }
  EXPECT_LE(herd.settle(), 12 * said);
  for (std::size_t i = 0; i < herd.size(); ++i) {
    EXPECT_EQ(time_of(herd.table(i), "kiwi"), "2") << i;
    EXPECT_EQ(herd.table(i).find("emu")->at.line(), herd.table(0).find("emu")->at.line()) << i;
  }
}

TEST(HerdFlood, OneThatComesBackLearnsEverything) {
  Herd herd;
  herd.say(0, at("kiwi", "1"));
  herd.say(4, at("emu", "1"));
  herd.settle();
  herd.restart(4);
  herd.say(4, at("moa", "1"));
  herd.settle();
  for (std::size_t i = 0; i < herd.size(); ++i) {
    EXPECT_EQ(herd.table(i).clients(), 3U) << i;
    EXPECT_EQ(time_of(herd.table(i), "emu"), "1") << i;
  }
}

}  // namespace
}  // namespace servers::herd
