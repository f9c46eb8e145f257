#include "report/sensitivity.h"

#include <gmock/gmock.h>

#include "../explain/delayed.h"
#include "schema_checker.h"
#include "util/text.h"

namespace tr::report {
namespace {

using compare::Draw;
using explain::DelayedTruth;
using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

explain::Sensitivity found_in(const std::vector<DelayedTruth>& stages, std::size_t rounds = 6) {
  Draw draw(2);
  auto found = explain::sensitivity(delayed_rounds(stages, rounds, draw));
  EXPECT_TRUE(found.ok()) << found.error().text();
  return found ? *std::move(found) : explain::Sensitivity();
}

std::string text_of(const explain::Sensitivity& found) {
  const Report report = build_report(SensitivityReport{found, {}}, false);
  std::string text;
  for (const Section& section : report.sections)
    for (const Fact& fact : section.facts)
      for (const std::string& line : fact.lines)
        text += line + '\n';
  for (const std::string& warning : report.warnings)
    text += warning + '\n';
  return text;
}

TEST(SensitivityJson, FitsItsSchema) {
  const Result<std::string> text = read_file(TRACE_RUN_SENSITIVITY_SCHEMA);
  ASSERT_TRUE(text.ok());
  SchemaChecker checker(json::parse(*text));
  for (const std::size_t rounds : {std::size_t{1}, std::size_t{6}}) {
    auto found = found_in({{},
                           {.stage = "send", .answer_slope = 0.6, .deviation = 0.08},
                           {.stage = "wait", .delays = 0}},
                          rounds);
    found.unfit[metrics::Doubt::Kind::kLoadSaturated] = 2;
    const json document = json::parse(render_json(SensitivityReport{found, {"a note"}}));
    EXPECT_THAT(checker.check(document), IsEmpty()) << rounds;
  }
}

TEST(SensitivityText, SaysWhereAStageIs) {
  EXPECT_THAT(text_of(found_in({{.answer_slope = 1}})), HasSubstr("on the bottleneck"));
  EXPECT_THAT(text_of(found_in({{.answer_slope = 0}})), HasSubstr("off the bottleneck"));
  EXPECT_THAT(text_of(found_in({{.answer_slope = 0.5}})),
              HasSubstr("as if 2.0 threads or CPUs did its work side by side"));
  EXPECT_THAT(text_of(found_in({{.delays = 0}})), HasSubstr("the server was never there"));
}

TEST(SensitivityText, SaysWhereADelayIsNotInTheCpuTime) {
  EXPECT_THAT(text_of(found_in({{.cpu_slope = 0.5}})),
              HasSubstr("a part of the delay is saved elsewhere"));
  EXPECT_THAT(text_of(found_in({{.cpu_slope = 1.5}})), HasSubstr("costs more than itself"));
}

TEST(SensitivityText, SaysThatTheLoadWasTheLimit) {
  auto found = found_in({{}});
  found.unfit[metrics::Doubt::Kind::kLoadSaturated] = 3;
  EXPECT_THAT(text_of(found),
              HasSubstr("unfit to be compared, and left out: 3 runs (load saturated)"));
}

}  // namespace
}  // namespace tr::report
