#include "commands/delay_option.h"

#include <gmock/gmock.h>

namespace tr::commands {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(DelayOption, NamesAStageAndATime) {
  const auto delay = parse_delay("wake-up=0.5us");
  ASSERT_TRUE(delay);
  EXPECT_EQ(delay->stage, "wake-up");
  EXPECT_EQ(delay->ns, 500);
  EXPECT_EQ(parse_delay("receive=0ns")->ns, 0);
  EXPECT_EQ(parse_delay("send=10us")->ns, kMostDelayNs);
}

TEST(DelayOption, OfAnythingElseIsWrongUsage) {
  for (const char* wrong : {"", "receive", "receive=", "=500ns", "lunch=500ns", "receive=-1ns",
                            "receive=10001ns", "receive=500", "receive=1us=2us", "Receive=1us"}) {
    const auto delay = parse_delay(wrong);
    ASSERT_FALSE(delay) << wrong;
    EXPECT_EQ(delay.error().failure, Failure::kUsage) << wrong;
    EXPECT_THAT(delay.error().text(), HasSubstr("--delay")) << wrong;
  }
}

TEST(Stages, AreNamedWithCommas) {
  EXPECT_THAT(*parse_stages("--sensitivity", "send,receive,send"), ElementsAre("send", "receive"));
  EXPECT_THAT(*parse_stages("--sensitivity", "wait"), ElementsAre("wait"));
  for (const char* wrong : {"", ",", "send,", "send,lunch", "send receive"})
    EXPECT_FALSE(parse_stages("--sensitivity", wrong)) << wrong;
}

TEST(Delays, AreTimesWithCommasInRisingOrder) {
  EXPECT_THAT(*parse_delays("4us,1us,2us,1000ns"), ElementsAre(1'000, 2'000, 4'000));
  EXPECT_THAT(*parse_delays("10us"), ElementsAre(kMostDelayNs));
  EXPECT_THAT(*parse_delays("1ns,2ns,3ns,4ns,5ns,6ns"), testing::SizeIs(kMostDelays));
}

TEST(Delays, OfAnythingElseAreWrongUsage) {
  for (const char* wrong : {"", ",", "1us,", "0ns,1us", "10001ns", "1", "1us 2us", "-1us",
                            "1ns,2ns,3ns,4ns,5ns,6ns,7ns"}) {
    const auto delays = parse_delays(wrong);
    ASSERT_FALSE(delays) << wrong;
    EXPECT_EQ(delays.error().failure, Failure::kUsage) << wrong;
    EXPECT_THAT(delays.error().text(), HasSubstr("--delays")) << wrong;
  }
}

}  // namespace
}  // namespace tr::commands
