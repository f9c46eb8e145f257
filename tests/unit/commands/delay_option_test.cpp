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

}  // namespace
}  // namespace tr::commands
