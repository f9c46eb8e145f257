#include "metrics/overhead.h"

#include <gmock/gmock.h>

namespace tr::metrics {
namespace {

using testing::Optional;

TEST(ProbeGroups, AddUpTheirPrograms) {
  Overhead overhead;
  overhead.programs = {{"sys_enter", 1000, 100.0, 7},
                       {"sched_switch", 10, 500.0, 3},
                       {"softirqs", 4, 250.0, 0},
                       {"sys_exit", 1000, 150.0, 1},
                       {"io_uring detours", 0, {}, 0}};
  const auto groups = probe_groups(overhead, 500);
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].name, "system calls");
  EXPECT_EQ(groups[0].runs, 2000U);
  EXPECT_EQ(groups[0].untraced_runs, 8U);
  EXPECT_THAT(groups[0].ns, Optional(250'000.0));
  EXPECT_THAT(groups[0].per_message_ns, Optional(500.0));
  EXPECT_EQ(groups[0].programs.size(), 2U);
  EXPECT_EQ(groups[1].name, "scheduling");
  EXPECT_EQ(groups[2].name, "interrupts");
}

TEST(ProbeGroups, WhatIsNotKnownIsLeftOutOrUnknown) {
  Overhead overhead;
  overhead.programs = {
      {"contention", 5, {}, 0}, {"uprobes", 5, 100.0, 0}, {"cpu_sample", 1, {}, 9}};
  const auto groups = probe_groups(overhead, std::nullopt);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].name, "locks");
  EXPECT_THAT(groups[0].ns, Optional(500.0));
  EXPECT_EQ(groups[0].per_message_ns, std::nullopt);
  EXPECT_EQ(groups[1].name, "profile");
  EXPECT_EQ(groups[1].ns, std::nullopt);
}

// Those at the end of calls, and in the program; not those in calls, at switches or of unknown
// cost.
TEST(UserProbeTime, IsThatBehindCallsAndInTheProgram) {
  Overhead overhead;
  overhead.programs = {{"sys_enter", 1000, 100.0, 7},
                       {"sys_exit", 1000, 150.0, 1},
                       {"sched_switch", 10, 500.0, 3},
                       {"uprobes", 5, 2'000.0, 0}};
  EXPECT_DOUBLE_EQ(user_probe_ns(overhead), 160'000);
  overhead.programs = {{"sys_exit", 1000, {}, 1}};
  EXPECT_EQ(user_probe_ns(overhead), 0);
}

}  // namespace
}  // namespace tr::metrics
