#include "compare/settings.h"

#include <gmock/gmock.h>

#include "synthetic_runs.h"

namespace tr::compare {
namespace {

using Kind = SettingDifference::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Snapshot> runs() {
  Draw draw(1);
  return runs_of({}, 2, draw);
}

template <class Change>
std::vector<SettingDifference> differences(Change change) {
  auto changed = runs();
  for (Snapshot& run : changed)
    change(run);
  return setting_differences(runs(), changed);
}

TEST(Settings, ThatAreAlikeAreNoDifference) {
  EXPECT_THAT(differences([](Snapshot&) {}), IsEmpty());
}

TEST(Settings, ThatMakeItAnotherMeasurementForbid) {
  EXPECT_THAT(differences([](Snapshot& run) { run.config.load = "http"; }),
              ElementsAre(SettingDifference{Kind::kProtocol, "load", "echo", "http"}));
  EXPECT_THAT(differences([](Snapshot& run) { run.config.size = 128; }),
              ElementsAre(SettingDifference{Kind::kSize, "bytes per message", "64", "128"}));
  EXPECT_THAT(differences([](Snapshot& run) { run.environment.kernel = "6.1.0"; }),
              ElementsAre(SettingDifference{Kind::kKernel, "kernel", "6.18.5", "6.1.0"}));
  EXPECT_THAT(differences([](Snapshot& run) { run.waits.emplace(); }),
              ElementsAre(testing::Field(&SettingDifference::kind, Kind::kProbes)));
  EXPECT_THAT(
      differences([](Snapshot& run) { run.unmeasured[Figures::kBudget] = "not asked for"; }),
      ElementsAre(testing::Field(&SettingDifference::kind, Kind::kProbes)));
  for (const Kind kind : {Kind::kMixed, Kind::kProtocol, Kind::kSize, Kind::kKernel, Kind::kProbes})
    EXPECT_TRUE(forbids(kind));
}

TEST(Settings, ThatAreTheSubjectDoNot) {
  const auto found = differences([](Snapshot& run) {
    run.config.connections = 100;
    run.config.pin = "1";
    run.config.delay = {.stage = "send", .ns = 500};
    run.environment.cpus = "0-7";
    run.environment.tool_version = "0.2.0";
  });
  EXPECT_THAT(found,
              ElementsAre(SettingDifference{Kind::kMachine, "CPUs", "0-1", "0-7"},
                          SettingDifference{Kind::kTool, "trace-run", "", "0.2.0"},
                          SettingDifference{Kind::kConfig, "pin", "none", "1"},
                          SettingDifference{Kind::kConfig, "connections", "8", "100"},
                          SettingDifference{Kind::kConfig, "delay", "none", "500 ns at send"}));
  for (const SettingDifference& difference : found)
    EXPECT_FALSE(forbids(difference.kind)) << difference.what;
}

TEST(Settings, OfOneSideMustBeAlike) {
  auto mixed = runs();
  mixed[1].config.connections = 100;
  EXPECT_THAT(setting_differences(runs(), mixed),
              ElementsAre(SettingDifference{Kind::kMixed, "connections within B", "8", "100"}));
}

TEST(Settings, MemoryThatOneSideCouldNotReadIsNoDifferenceOfProbes) {
  EXPECT_THAT(
      differences([](Snapshot& run) { run.unmeasured[Figures::kMemory] = "ended too soon"; }),
      IsEmpty());
}

}  // namespace
}  // namespace tr::compare
