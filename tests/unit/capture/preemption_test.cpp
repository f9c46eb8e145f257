#include "capture/preemption.h"

#include <array>

#include <gtest/gtest.h>

#include "capture/probe_programs.h"

namespace tr::capture {
namespace {

ProgramStatistics missed(const char* program, std::uint64_t first,
                         std::optional<std::uint64_t> second = std::nullopt) {
  return {.program = program, .recursion_misses = first, .second_misses = second};
}

TEST(Preemption, WithoutSecondProgramsWhatIsSkippedIsLost) {
  const std::array programs{missed("sys_enter", 3), missed("sys_exit", 2), missed("softirqs", 1)};
  EXPECT_EQ(skipped_events(programs, {}), 6U);
}

TEST(Preemption, WhatOneOfTwoProgramsHasSeenIsNotLost) {
  const std::array programs{missed("sock_send_length", 70, 2), missed("sock_recv_length", 5, 0)};
  EXPECT_EQ(skipped_events(programs, {}), 2U);
}

TEST(Preemption, WhatIsKnownToBeSeenByOneIsNotLost) {
  ProgramStatistics program = missed("sock_send_length", 70, 20);
  program.seen_by_first = 15;
  program.seen_by_second = 60;
  EXPECT_EQ(skipped_events(std::array{program}, {}), 5U);
  program.seen_by_first = 21;
  EXPECT_EQ(skipped_events(std::array{program}, {}), 0U);
}

TEST(Preemption, ACallIsLostWhereNeitherEdgeWasSeen) {
  const std::array programs{missed("sys_enter", 90, 10), missed("sys_exit", 80, 7)};
  EXPECT_EQ(skipped_events(programs, {}), 7U);
  EXPECT_EQ(skipped_events(programs, {.call_starts = 8, .call_ends = 1}), 2U);
  EXPECT_EQ(skipped_events(programs, {.call_starts = 10}), 0U);
}

TEST(Preemption, WhereOnlyCallsAreCountedNoEndTellsOfThem) {
  const std::array programs{missed("sys_enter", 90, 10)};
  EXPECT_EQ(skipped_events(programs, {}), 10U);
}

TEST(Preemption, SomeSkippedRunsAreToldElsewhereOrLoseNothing) {
  const std::array programs{missed("inet_sock_set_state", 400, 30), missed("contention", 9)};
  EXPECT_EQ(skipped_events(programs, {}), 0U);
}

TEST(Preemption, SecondProgramsCountAsTheFirst) {
  EXPECT_EQ(first_of("again_sys_enter"), "on_sys_enter");
  EXPECT_EQ(first_of("recount_sys_enter"), "count_sys_enter");
  EXPECT_EQ(counted_as("again_io_uring_complete"), "io_uring completions");
  EXPECT_TRUE(is_wanted("again_sys_enter", {.preemptible = true}, true));
  EXPECT_FALSE(is_wanted("again_sys_enter", {.preemptible = false}, true));
  EXPECT_FALSE(is_wanted("recount_sys_enter", {.preemptible = true}, true));
}

}  // namespace
}  // namespace tr::capture
