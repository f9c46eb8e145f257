#include "common/timers.h"

#include <chrono>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace servers::test {
namespace {

using std::chrono::seconds;

constexpr Clock::time_point kStart{};

TEST(TimersTest, TellsThoseThatAreDueInTheirOrder) {
  Timers timers;
  EXPECT_TRUE(timers.empty());
  EXPECT_EQ(timers.take_due(kStart), -1);
  timers.set(7, kStart + seconds(2));
  timers.set(3, kStart + seconds(1));
  EXPECT_EQ(timers.next(), kStart + seconds(1));
  EXPECT_EQ(timers.take_due(kStart), -1);
  EXPECT_EQ(timers.take_due(kStart + seconds(2)), 3);
  EXPECT_EQ(timers.take_due(kStart + seconds(2)), 7);
  EXPECT_EQ(timers.take_due(kStart + seconds(2)), -1);
  EXPECT_TRUE(timers.empty());
}

// Against the plainest thing that could do it.
TEST(TimersTest, AgreesWithAPlainMapUnderRandomUse) {
  Timers timers;
  std::map<int, Clock::time_point> plain;
  std::mt19937 random(1);
  Clock::time_point now = kStart;
  for (int step = 0; step < 100'000; ++step) {
    const int client = static_cast<int>(random() % 50);
    switch (random() % 4) {
      case 0:
      case 1: {
        const auto due = now + seconds(random() % 20);
        timers.set(client, due);
        plain[client] = due;
        break;
      }
      case 2:
        timers.cancel(client);
        plain.erase(client);
        break;
      case 3: {
        now += seconds(random() % 3);
        for (int due; (due = timers.take_due(now)) >= 0; plain.erase(due)) {
          ASSERT_TRUE(plain.contains(due));
          ASSERT_LE(plain[due], now);
        }
        for (const auto& [left, due] : plain)
          ASSERT_GT(due, now) << left;
        break;
      }
    }
    ASSERT_EQ(timers.empty(), plain.empty());
    // A loop that sleeps until next() must not oversleep.
    for (const auto& [left, due] : plain)
      ASSERT_LE(timers.next(), due);
  }
}

}  // namespace
}  // namespace servers::test
