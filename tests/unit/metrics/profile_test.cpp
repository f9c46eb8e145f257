#include "metrics/profile.h"

#include <gmock/gmock.h>

namespace tr::metrics {
namespace {

// main calls work, which calls itself; 100 samples of 2 ms of CPU time.
Snapshot some_run() {
  Snapshot run;
  run.total.user_ns = 1'500'000;
  run.total.system_ns = 500'000;
  run.total.budget.emplace();
  Stacks& stacks = run.stacks.emplace();
  stacks.frames = {
      {"main", "/bin/x", 0, false}, {"work", "/bin/x", 0, false}, {"", "/bin/x", 5, false}};
  stacks.stacks = {{}, {{0}}, {{1, 0}}, {{1, 1, 0}}, {{2, 0}, true}};
  stacks.blocked = {{2, "x", "epoll_wait", "", "load", 3, 700},
                    {2, "y", "epoll_wait", "", "timer", 1, 200},
                    {4, "x", "futex", "", "server", 2, 60},
                    {0, "x", "read", "client", "load", 1, 40}};
  CpuProfile& profile = stacks.profile.emplace();
  profile.stacks = {{3, "x", 50}, {2, "x", 30}, {1, "x", 15}, {4, "x", 4}, {0, "x", 1}};
  return run;
}

TEST(CpuUse, CountsAFunctionOncePerSample) {
  const auto figures = stack_figures(some_run());
  ASSERT_TRUE(figures && figures->cpu);
  const CpuUse& use = *figures->cpu;
  EXPECT_EQ(use.samples, 100U);
  ASSERT_EQ(use.functions.size(), 3U);
  EXPECT_EQ(use.functions[0].frame, 1U);
  EXPECT_EQ(use.functions[0].self, 80U);
  EXPECT_EQ(use.functions[0].total, 80U);
  EXPECT_EQ(use.functions[1].frame, 0U);
  EXPECT_EQ(use.functions[1].self, 15U);
  EXPECT_EQ(use.functions[1].total, 99U);
  EXPECT_DOUBLE_EQ(use.ns_of(80), 1'600'000);
  EXPECT_DOUBLE_EQ(use.error_of(80), 0.04);
}

TEST(CpuUse, SaysWhatIsNotKnown) {
  const auto figures = stack_figures(some_run());
  EXPECT_DOUBLE_EQ(figures->cpu->quality.unresolved, 0.04);
  EXPECT_DOUBLE_EQ(figures->cpu->quality.incomplete, 0.05);
  EXPECT_DOUBLE_EQ(figures->blocked->quality.unresolved, 0.06);
  EXPECT_DOUBLE_EQ(figures->blocked->quality.incomplete, 0.1);
}

TEST(OffCpu, PutsWorkBeforeIdleness) {
  const auto figures = stack_figures(some_run());
  ASSERT_TRUE(figures && figures->blocked);
  const OffCpu& off = *figures->blocked;
  EXPECT_EQ(off.ns, 1'000U);
  ASSERT_EQ(off.paths.size(), 3U);
  EXPECT_EQ(off.paths[0].call, "futex");
  EXPECT_FALSE(off.paths[0].idle);
  EXPECT_EQ(off.paths[1].call, "epoll_wait");
  EXPECT_TRUE(off.paths[1].idle);
  EXPECT_EQ(off.paths[1].ns, 900U);
  EXPECT_EQ(off.paths[1].count, 4U);
}

TEST(StackFigures, AreAbsentWhereNoneWereTaken) {
  EXPECT_FALSE(stack_figures(Snapshot{}).has_value());
  Snapshot run;
  run.stacks.emplace().stacks.emplace_back();
  const auto figures = stack_figures(run);
  ASSERT_TRUE(figures.has_value());
  EXPECT_FALSE(figures->cpu.has_value());
  EXPECT_FALSE(figures->blocked.has_value());
  run.stacks->profile.emplace();
  EXPECT_EQ(stack_figures(run)->cpu->share_of(0), 0);
}

}  // namespace
}  // namespace tr::metrics
