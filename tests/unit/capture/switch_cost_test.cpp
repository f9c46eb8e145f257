#include "capture/switch_cost.h"

#include <gtest/gtest.h>

#include "util/cpu_set.h"

namespace tr::capture {
namespace {

TEST(SwitchCost, IsMeasuredAndLeavesTheThreadWhereItMayRun) {
  const auto before = usable_cpus();
  ASSERT_TRUE(before.ok());
  const auto ns = switch_ns(before->back());
  ASSERT_TRUE(ns);
  // Two system calls and a switch: no machine needs less than this, nor a millisecond.
  EXPECT_GT(*ns, 100);
  EXPECT_LT(*ns, 1e6);
  const auto after = usable_cpus();
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(*after, *before);
}

TEST(SwitchCost, IsUnknownOnACpuThatIsNotThere) {
  EXPECT_FALSE(switch_ns(1023));
}

}  // namespace
}  // namespace tr::capture
