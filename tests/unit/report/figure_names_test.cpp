#include "report/figure_names.h"

#include <gmock/gmock.h>

#include "../../golden/runs.h"

namespace tr::report {
namespace {

using Group = FigureName::Group;

std::string text_of(const char* name) {
  return figure_name(name).text;
}

TEST(FigureNames, AreWordsForPeople) {
  EXPECT_EQ(text_of("throughput.messages_per_second"), "messages/s");
  EXPECT_EQ(text_of("per_message.cpu_ns"), "CPU time");
  EXPECT_EQ(text_of("syscalls.sendto.per_message"), "sendto");
  EXPECT_EQ(text_of("budget.states.system:sendto.per_message_ns"), "in sendto");
  EXPECT_EQ(text_of("budget.states.idle:recvfrom:client.per_message_ns"),
            "idle: recvfrom, a client's connection");
  EXPECT_EQ(text_of("perf.cycles.per_message"), "cycles per message");
}

// No figure that a run can have is shown under the name of its path.
TEST(FigureNames, KnowEveryFigureOfTheRecordedRuns) {
  for (const golden::NamedRun& run : golden::recorded_runs())
    for (const metrics::Figure& figure : metrics::figures_of(metrics::compute(run.snapshot)))
      EXPECT_NE(text_of(figure.name.c_str()), figure.name) << run.name;
}

TEST(FigureNames, OfNobodyKnowsWhatAreThemselvesAndSafeToShow) {
  EXPECT_EQ(text_of("a.new.figure"), "a.new.figure");
  EXPECT_EQ(figure_name("a.new.figure").group, Group::kOther);
  EXPECT_EQ(text_of("syscalls.\x1b[31m.per_message"), "?[31m");
  EXPECT_EQ(text_of("syscalls.per_message"), "syscalls.per_message");
}

TEST(FigureNames, WriteValuesInTheirUnit) {
  EXPECT_EQ(figure_text(6'312, metrics::Unit::kNs), "6.31 us");
  EXPECT_EQ(figure_text(750, metrics::Unit::kNs, 6'450), "0.750 us");
  EXPECT_EQ(figure_text(147'316, metrics::Unit::kPerSecond), "147,316");
  EXPECT_EQ(figure_text(2, metrics::Unit::kCount), "2.00");
  EXPECT_EQ(figure_text(-64, metrics::Unit::kBytes), "-64 B");
}

}  // namespace
}  // namespace tr::report
