// What a store keeps, and how its runs are found again.
#include "store/store.h"

#include <gmock/gmock.h>

#include "snapshot/snapshot_file.h"
#include "stored.h"

namespace tr::store {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class StoreTest : public StoreFolder {
 protected:
  Store store = open();
};

TEST_F(StoreTest, GivesBackWhatWasStored) {
  const Snapshot run = run_of("servers/thread_echo", 500);
  const auto added = store.add({.snapshot = run,
                                .configuration = "echo, 20 connections",
                                .messages_per_second = 152'340.5,
                                .cpu_ns_per_message = 6'310,
                                .verdict = "the load was the limit",
                                .group = {}},
                               kNoLimit);
  ASSERT_TRUE(added) << added.error().text();
  RunRecord expected{.id = 1,
                     .group = 1,
                     .date = "2026-11-21T10:32:00Z",
                     .server = "thread_echo",
                     .configuration = "echo, 20 connections",
                     .tool_version = "0.1.0",
                     .kernel = "6.18.0",
                     .messages_per_second = 152'340.5,
                     .cpu_ns_per_message = 6'310,
                     .verdict = "the load was the limit",
                     .tags = {},
                     .stored_bytes = added->stored_bytes};
  EXPECT_EQ(*added, expected);
  EXPECT_LT(added->stored_bytes, encode_snapshot(run).size());
  Store again = open(Access::kRead);
  EXPECT_THAT(*again.newest(10), ElementsAre(expected));
  EXPECT_EQ(*again.snapshot(1), encode_snapshot(run));
}

TEST_F(StoreTest, LeavesUnknownFiguresUnknown) {
  add(store, "true");
  const RunRecord run = store.newest(1)->front();
  EXPECT_EQ(run.messages_per_second, std::nullopt);
  EXPECT_EQ(run.cpu_ns_per_message, std::nullopt);
  EXPECT_EQ(run.verdict, std::nullopt);
}

TEST_F(StoreTest, ListsTheNewestFirst) {
  for (int i = 0; i < 3; ++i)
    add(store, "a");
  EXPECT_THAT(ids(store.newest(2)), ElementsAre(3, 2));
  EXPECT_EQ(*store.count(), 3U);
}

TEST_F(StoreTest, FindsRunsByNumberGroupAndAge) {
  add(store, "a");
  const RunId group = add(store, "b");
  add(store, "b", group);
  add(store, "b", group);
  add(store, "c");
  EXPECT_THAT(ids(store.select("1")), ElementsAre(1));
  EXPECT_THAT(ids(store.select("1-3")), ElementsAre(1, 2, 3));
  EXPECT_THAT(ids(store.select("4-99")), ElementsAre(4, 5));
  EXPECT_THAT(ids(store.select("@2")), ElementsAre(2, 3, 4));
  EXPECT_THAT(ids(store.select("last")), ElementsAre(5));
  EXPECT_THAT(ids(store.select("last~1")), ElementsAre(2, 3, 4));
  EXPECT_THAT(ids(store.select("last~2")), ElementsAre(1));
}

TEST_F(StoreTest, FindsRunsByServer) {
  add(store, "servers/epoll_echo");
  add(store, "epoll_echo");
  add(store, "/usr/bin/redis-server");
  add(store, "poll_echo");
  for (const char* name : {"epoll_echo", "servers/epoll_echo"})
    EXPECT_THAT(ids(store.select(name)), ElementsAre(2)) << name;
  for (const char* name : {"redis-server", "/usr/bin/redis-server"})
    EXPECT_THAT(ids(store.select(name)), ElementsAre(3)) << name;
  add(store, "/opt/bin/redis-server");
  EXPECT_EQ(why(store.select("redis-server")),
            "\"redis-server\" may be /opt/bin/redis-server or /usr/bin/redis-server; give the "
            "whole name");
}

TEST_F(StoreTest, FindsRunsByTag) {
  for (int i = 0; i < 4; ++i)
    add(store, "a");
  ASSERT_TRUE(store.tag(*store.select("1-2"), "base").ok());
  ASSERT_TRUE(store.tag(*store.select("4"), "base").ok());
  ASSERT_TRUE(store.tag(*store.select("4"), "v1.2+x").ok());
  ASSERT_TRUE(store.tag(*store.select("4"), "base").ok()) << "again";
  EXPECT_THAT(ids(store.select("base")), ElementsAre(1, 2, 4));
  EXPECT_THAT(store.select("4")->front().tags, ElementsAre("base", "v1.2+x"));
  ASSERT_TRUE(store.untag(*store.select("1-4"), "base").ok());
  EXPECT_THAT(*store.tagged("base"), IsEmpty());
  EXPECT_EQ(why(store.untag(*store.select("1-4"), "base")),
            "none of these runs has this tag; trace-run runs shows which they have");
}

TEST_F(StoreTest, NamesTheNearestOfWhatIsNotThere) {
  EXPECT_EQ(why(store.select("last")), path() + " holds no runs");
  EXPECT_EQ(why(store.select("7")), "there is no run 7; " + path() + " holds no runs");
  for (int i = 0; i < 5; ++i)
    add(store, "epoll_echo");
  ASSERT_TRUE(store.tag(*store.select("1"), "baseline").ok());
  ASSERT_TRUE(store.remove(*store.select("3")).ok());
  EXPECT_EQ(why(store.select("3")), "there is no run 3; the nearest are 2 and 4");
  EXPECT_EQ(why(store.select("@3")), "there is no group @3; the nearest are @2 and @4");
  EXPECT_EQ(why(store.select("8-9")), "there are no runs 8-9; the nearest is 5");
  EXPECT_EQ(why(store.select("5-4")), "5-4 is no range: its end comes before its beginning");
  EXPECT_EQ(why(store.select("last~9")),
            "there is no last~9: there are 4 groups of runs; the oldest is last~3");
  EXPECT_EQ(why(store.select("basline")),
            "no run has the tag, or is of the server, \"basline\"; did you mean baseline?");
  EXPECT_EQ(why(store.select("epol_echo")),
            "no run has the tag, or is of the server, \"epol_echo\"; did you mean epoll_echo?");
}

TEST_F(StoreTest, AsksWhichIsMeantOfATagAndAServer) {
  add(store, "base");
  add(store, "other");
  ASSERT_TRUE(store.tag(*store.select("2"), "base").ok());
  EXPECT_EQ(why(store.select("base")),
            "\"base\" is a tag, and the name of a server: which is meant?; name the tagged runs by "
            "number (2, ...)");
}

// Whatever is typed finds runs or is refused in one line, and is never taken for SQL.
TEST_F(StoreTest, TakesHostileSelectors) {
  add(store, "a");
  const std::string long_name(100'000, 'x');
  for (const std::string& selector : {std::string(),
                                      std::string("'; DROP TABLE runs; --"),
                                      std::string("0"),
                                      std::string("-1"),
                                      std::string("1-"),
                                      std::string("-"),
                                      std::string("@"),
                                      std::string("@@1"),
                                      std::string("last~"),
                                      std::string("last~-1"),
                                      std::string("last~99999999999999999999"),
                                      std::string("99999999999999999999"),
                                      std::string("9223372036854775808"),
                                      std::string("1-99999999999999999999"),
                                      std::string("%"),
                                      std::string("*"),
                                      std::string("\x1b[2J\n\r"),
                                      std::string("a\0b", 3),
                                      std::string("\xff\xfe"),
                                      long_name}) {
    const auto refused = store.select(selector);
    ASSERT_FALSE(refused) << selector;
    EXPECT_EQ(refused.error().failure, Failure::kUsage);
    EXPECT_THAT(refused.error().text(), AllOf(Not(HasSubstr("\n")), Not(HasSubstr("\x1b"))));
    EXPECT_LT(refused.error().text().size(), 400U);
  }
  EXPECT_EQ(*store.count(), 1U);
}

TEST_F(StoreTest, TakesOnlyTagsThatCanBeTyped) {
  add(store, "a");
  const auto runs = *store.select("1");
  for (const std::string& name :
       {std::string(), std::string("last"), std::string("last~1"), std::string("1"),
        std::string("1-2"), std::string("@1"), std::string("-x"), std::string("a b"),
        std::string("a/b"), std::string("a,b"), std::string("a'b"), std::string("a\nb"),
        std::string("a\0b", 3), std::string("\xc3\xa4"), std::string(65, 'a')}) {
    const Status refused = store.tag(runs, name);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().failure, Failure::kUsage);
  }
  EXPECT_TRUE(store.tag(runs, std::string(64, 'a')).ok());
  EXPECT_THAT(store.select("1")->front().tags, SizeIs(1));
}

TEST_F(StoreTest, SaysWhichSelectorsLast) {
  add(store, "a");
  ASSERT_TRUE(store.tag(*store.select("1"), "base").ok());
  const auto runs = *store.select("1");
  for (const char* lasting : {"1", "1-1", "@1", "base"})
    EXPECT_TRUE(is_lasting(runs, lasting)) << lasting;
  for (const char* moving : {"last", "last~0", "a"})
    EXPECT_FALSE(is_lasting(runs, moving)) << moving;
}

TEST_F(StoreTest, NeverGivesANumberAgain) {
  add(store, "a");
  add(store, "a");
  ASSERT_TRUE(store.tag(*store.select("2"), "base").ok());
  ASSERT_TRUE(store.remove(*store.select("2")).ok());
  EXPECT_FALSE(store.snapshot(2));
  EXPECT_EQ(add(store, "a"), 3);
  EXPECT_THAT(*store.tagged("base"), IsEmpty());
}

TEST_F(StoreTest, KeepsTheNewestRunsWithinTheLimitAndAllThatAreTagged) {
  const RunId tagged = add(store, "a");
  ASSERT_TRUE(store.tag(*store.select("1"), "base").ok());
  add(store, "a");
  const std::uint64_t each = store.select("2")->front().stored_bytes;
  const RunId group = add(store, "b");
  add(store, "b", group);
  add(store, "c", {}, 3 * each + each / 2);
  EXPECT_THAT(ids(store.newest(9)), ElementsAre(5, 4, 3, tagged));
  // Of the group that is being made none is removed, however small the limit.
  const RunId last = add(store, "d", {}, 0);
  add(store, "d", last, 0);
  EXPECT_THAT(ids(store.newest(9)), ElementsAre(7, 6, tagged));
}

TEST_F(StoreTest, GetsSmallerWhenRunsAreRemoved) {
  for (int i = 0; i < 20; ++i)
    add(store, "a");
  const auto before = std::filesystem::file_size(path());
  ASSERT_TRUE(store.remove(*store.select("1-19")).ok());
  EXPECT_LT(std::filesystem::file_size(path()), before);
}

TEST_F(StoreTest, LeavesNothingBesideItsFile) {
  add(store, "a");
  EXPECT_THAT(files(), ElementsAre("runs.db"));
}

}  // namespace
}  // namespace tr::store
