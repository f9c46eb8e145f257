#include "metrics/waste.h"

#include <cerrno>

#include <gmock/gmock.h>

namespace tr::metrics {
namespace {

using testing::DoubleEq;
using testing::Optional;

SyscallStats call(std::string name, std::uint64_t calls) {
  SyscallStats stats;
  stats.name = std::move(name);
  stats.calls = calls;
  stats.returned = 0;
  stats.empty = 0;
  stats.in_vain = 0;
  return stats;
}

Snapshot some_run() {
  Snapshot run;
  run.total.woke_nobody.emplace();
  SyscallStats receive = call("recvfrom", 200);
  receive.errors_by_errno[EAGAIN] = 100;
  receive.errors_by_errno[EINTR] = 5;
  receive.empty = 3;  // the end of a connection, and no waste
  SyscallStats wait = call("epoll_wait", 50);
  wait.returned = 120;
  wait.empty = 10;
  wait.in_vain = 4;
  run.total.syscalls = {wait, receive};
  return run;
}

TEST(Waste, IsWhatFoundNothing) {
  const auto waste = find_waste(some_run(), 100);
  ASSERT_TRUE(waste.has_value());
  ASSERT_EQ(waste->rows.size(), 3U);
  EXPECT_EQ(waste->rows[0].kind, WasteRow::Kind::kAgain);
  EXPECT_EQ(waste->rows[0].call, "recvfrom");
  EXPECT_EQ(waste->rows[0].count, 100U);
  EXPECT_THAT(waste->rows[0].per_message, Optional(DoubleEq(1)));
  EXPECT_THAT(waste->rows[0].share, DoubleEq(0.5));
  EXPECT_EQ(waste->rows[1].kind, WasteRow::Kind::kEmpty);
  EXPECT_EQ(waste->rows[1].count, 10U);
  EXPECT_EQ(waste->rows[2].kind, WasteRow::Kind::kInVain);
  EXPECT_EQ(waste->rows[2].count, 4U);
}

TEST(Waste, TellsHowMuchAWaitBrings) {
  const auto waste = find_waste(some_run(), 100);
  ASSERT_EQ(waste->batches.size(), 1U);
  EXPECT_EQ(waste->batches[0].call, "epoll_wait");
  EXPECT_THAT(waste->batches[0].events, DoubleEq(2.4));
}

TEST(Waste, WakesThatWakeNobodyAreAShareOfTheWakes) {
  Snapshot run = some_run();
  run.total.futex = {{"WAIT_PRIVATE", 100}, {"WAKE_PRIVATE", 30},  {"WAKE_OP", 10},
                     {"REQUEUE", 10},       {"CMP_REQUEUE_PI", 0}, {"WAIT_BITSET", 7}};
  (*run.total.woke_nobody)["WAKE_PRIVATE"] = 20;
  (*run.total.woke_nobody)["REQUEUE"] = 5;
  const auto waste = find_waste(run, {});
  ASSERT_EQ(waste->rows.size(), 4U);
  EXPECT_EQ(waste->rows[1].kind, WasteRow::Kind::kWokeNobody);
  EXPECT_EQ(waste->rows[1].count, 25U);
  EXPECT_THAT(waste->rows[1].share, DoubleEq(0.5));
  EXPECT_EQ(waste->rows[1].per_message, std::nullopt);
}

TEST(Waste, IsUnknownWhereOnlyCallsWereCounted) {
  EXPECT_FALSE(find_waste(Snapshot{}, 100).has_value());
}

}  // namespace
}  // namespace tr::metrics
