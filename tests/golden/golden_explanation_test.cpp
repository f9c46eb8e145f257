// The reports of explanations: of two servers with experiments, of one with changes together, and
// of single runs.
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "explanations.h"
#include "golden_check.h"
#include "report/explanation.h"
#include "report/markdown.h"
#include "report/text.h"

namespace tr::golden {
namespace {

struct Named {
  const char* name;
  MadeExplanation (*make)();
};

class GoldenExplanation : public testing::TestWithParam<Named> {
 protected:
  [[nodiscard]] static std::string name() { return GetParam().name; }

  const MadeExplanation made_ = GetParam().make();
  const report::ExplanationReport content_{made_.explanation, made_.notes, made_.factorial};
};

TEST_P(GoldenExplanation, Terminal) {
  check(name() + ".txt", render_text(build_report(content_, false), {}));
}

TEST_P(GoldenExplanation, Markdown) {
  check(name() + ".md", render_markdown(build_report(content_, true)));
}

TEST_P(GoldenExplanation, Json) {
  check(name() + ".json", render_json(content_));
}

INSTANTIATE_TEST_SUITE_P(Explanations, GoldenExplanation,
                         testing::Values(Named{"explanation", explanation_of_two},
                                         Named{"explanation_of_one", explanation_of_one},
                                         Named{"explanation_of_single_runs",
                                               explanation_of_single_runs}),
                         [](const auto& param) { return std::string(param.param.name); });

// The trials are what they are meant to be: else the reports above show less than they should.
TEST(GoldenExplanations, HoldEveryStanding) {
  std::map<std::string, explain::Standing> standings;
  for (const explain::Finding& finding : explanation_of_two().explanation.findings)
    if (finding.trial) standings[std::string(finding.cause->name())] = finding.standing;
  using explain::Standing;
  EXPECT_EQ(standings, (std::map<std::string, Standing>{{"allocator", Standing::kConfirmed},
                                                        {"readiness_scan", Standing::kRefuted},
                                                        {"locks", Standing::kUndecided}}));
}

}  // namespace
}  // namespace tr::golden
