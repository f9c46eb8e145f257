#include "capture/probe_groups.h"

#include <algorithm>

#include <gmock/gmock.h>

namespace tr::capture {
namespace {

TEST(ProbeGroups, EachProgramBelongsToOne) {
  const std::vector<std::string> programs = Probes::program_names();
  ASSERT_FALSE(programs.empty());
  for (const std::string& program : programs) {
    const auto owns = [&](const ProbeGroup& group) {
      return !group.is_setting &&
             std::ranges::find(group.programs, program) != group.programs.end();
    };
    EXPECT_EQ(std::ranges::count_if(probe_groups(), owns), 1) << program;
  }
}

TEST(ProbeGroups, NameNoProgramThatIsNone) {
  const std::vector<std::string> programs = Probes::program_names();
  for (const ProbeGroup& group : probe_groups())
    for (const std::string_view program : group.programs)
      EXPECT_NE(std::ranges::find(programs, program), programs.end()) << program;
}

TEST(ProbeGroups, AreWantedByTheOptionsThatAreTheirsAlone) {
  for (const ProbeGroup& group : probe_groups())
    EXPECT_TRUE(group.wanted(group.alone)) << group.name;
}

// Else the run would be tried again with the same.
TEST(ProbeGroups, AreNotWantedAnyMoreOrCostAFigureWhenLeftOut) {
  for (const ProbeGroup& group : probe_groups()) {
    if (group.is_required()) continue;
    ProbeOptions options = group.alone;
    std::map<Figures, std::string> unmeasured;
    group.leave_out(options, "why", unmeasured);
    EXPECT_TRUE(!group.wanted(options) || !unmeasured.empty() || !options.hear_listening ||
                !options.hear_uring_sends)
        << group.name;
    EXPECT_NE(group.without, "") << group.name;
  }
}

}  // namespace
}  // namespace tr::capture
