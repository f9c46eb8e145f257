#include "sweep/grid.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace tr::sweep {
namespace {

TEST(OrderOfRepeat, TakesEachCellOnce) {
  for (std::uint64_t repeat = 1; repeat <= 20; ++repeat) {
    std::vector<std::size_t> order = order_of_repeat(17, repeat, 7);
    std::ranges::sort(order);
    for (std::size_t i = 0; i < order.size(); ++i)
      EXPECT_EQ(order[i], i);
    EXPECT_EQ(order.size(), 17U);
  }
}

TEST(OrderOfRepeat, DiffersBetweenRepeatsAndSeedsAndIsTheSameForTheSame) {
  std::set<std::vector<std::size_t>> orders;
  for (const std::uint64_t seed : {1ULL, 2ULL, 1ULL << 40U})
    for (std::uint64_t repeat = 1; repeat <= 5; ++repeat) {
      EXPECT_EQ(order_of_repeat(20, repeat, seed), order_of_repeat(20, repeat, seed));
      orders.insert(order_of_repeat(20, repeat, seed));
    }
  EXPECT_EQ(orders.size(), 15U);
}

// Each cell is as often in the first half as in the second: the machine's drift meets all alike.
TEST(OrderOfRepeat, FavoursNoCell) {
  constexpr std::size_t kCells = 10;
  std::vector<int> early(kCells);
  for (std::uint64_t repeat = 1; repeat <= 1'000; ++repeat) {
    const auto order = order_of_repeat(kCells, repeat, 1);
    for (std::size_t i = 0; i < kCells / 2; ++i)
      ++early[order[i]];
  }
  for (const int times : early)
    EXPECT_NEAR(times, 500, 80);  // 5 standard deviations
}

TEST(OrderOfRepeat, OfNoneAndOne) {
  EXPECT_TRUE(order_of_repeat(0, 1, 1).empty());
  EXPECT_EQ(order_of_repeat(1, 1, 1), std::vector<std::size_t>{0});
}

TEST(Cell, GroupsOfWhatIsHeldTogether) {
  const Cell cell{.server = "a", .connections = 10, .pin = "1", .size = 64, .pipeline = 1};
  Cell other = cell;
  other.server = "b";
  EXPECT_TRUE(same_setting(cell, other));
  EXPECT_FALSE(same_but_connections(cell, other));
  other = cell;
  other.connections = 20;
  EXPECT_FALSE(same_setting(cell, other));
  EXPECT_TRUE(same_but_connections(cell, other));
  other = cell;
  other.pin = "";
  EXPECT_FALSE(same_setting(cell, other));
  EXPECT_FALSE(same_but_connections(cell, other));
}

// What a cell of a list is called, and the arguments of its server, make no other load.
TEST(Cell, OfAListIsHeldTogetherByItsLoad) {
  Cell cell{
      .server = "a", .connections = 10, .pin = "", .name = "few", .program = {"a"}, .load = "echo"};
  EXPECT_EQ(label_of(cell), "few");
  EXPECT_EQ(label_of({.server = "a", .connections = 10, .pin = ""}), "a");
  Cell other = cell;
  other.name = "tuned";
  other.program = {"a", "--workers", "8"};
  EXPECT_TRUE(same_setting(cell, other));
  EXPECT_FALSE(same_but_connections(cell, other));
  other.program = cell.program;
  other.connections = 20;
  EXPECT_TRUE(same_but_connections(cell, other));
  other = cell;
  other.load = "echo --close";
  EXPECT_FALSE(same_setting(cell, other));
  EXPECT_FALSE(same_but_connections(cell, other));
}

}  // namespace
}  // namespace tr::sweep
