#include "report/explanation.h"

#include <gmock/gmock.h>

#include "../../golden/explanations.h"
#include "report/markdown.h"
#include "report/text.h"
#include "schema_checker.h"
#include "util/text.h"

namespace tr::report {
namespace {

using golden::MadeExplanation;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

ExplanationReport report_of(const MadeExplanation& made) {
  return {made.explanation, made.notes, made.factorial};
}

SchemaChecker schema() {
  const Result<std::string> text = read_file(TRACE_RUN_EXPLANATION_SCHEMA);
  EXPECT_TRUE(text.ok());
  return SchemaChecker(json::parse(*text));
}

TEST(ExplanationJson, FitsItsSchema) {
  SchemaChecker checker = schema();
  for (const auto make : {golden::explanation_of_two, golden::explanation_of_one,
                          golden::explanation_of_single_runs}) {
    const MadeExplanation made = make();
    EXPECT_THAT(checker.check(json::parse(render_json(report_of(made)))), IsEmpty());
  }
}

TEST(ExplanationJson, NamesEveryCauseOfTheSchema) {
  const Result<std::string> text = read_file(TRACE_RUN_EXPLANATION_SCHEMA);
  ASSERT_TRUE(text.ok());
  std::vector<std::string> names;
  for (const explain::Cause* cause : explain::causes())
    names.emplace_back(cause->name());
  EXPECT_THAT(json::parse(*text)["$defs"]["cause"]["enum"].get<std::vector<std::string>>(),
              testing::UnorderedElementsAreArray(names));
}

TEST(ExplanationJson, WouldNotFitItsSchemaOtherwise) {
  SchemaChecker checker = schema();
  const MadeExplanation made = golden::explanation_of_two();
  const json sound = json::parse(render_json(report_of(made)));
  for (const auto& [place, value] :
       std::vector<std::pair<std::string, json>>{{"/schema_version", 2},
                                                 {"/findings/0/standing", "proven"},
                                                 {"/findings/0/experiment/change", "nothing"},
                                                 {"/findings/0/surprise", 1},
                                                 {"/use_b/limit", "none"}}) {
    json broken = sound;
    broken[json::json_pointer(place)] = value;
    EXPECT_THAT(checker.check(broken), Not(IsEmpty())) << place;
  }
}

TEST(ExplanationJson, HoldsWhatIsNoUtf8) {
  MadeExplanation made = golden::explanation_of_single_runs();
  made.explanation.server_b = "echo\xff";
  EXPECT_EQ(json::parse(render_json(report_of(made)))["server_b"], "echo\xef\xbf\xbd");
}

TEST(ExplanationReport, TellsLimitsBesideTheThroughputAndNotAmongTheCauses) {
  const MadeExplanation made = golden::explanation_of_one();
  const Report report = build_report(report_of(made), true);
  ASSERT_GE(report.sections.size(), 3U);
  const auto words_of = [](const Section& section) {
    std::string words;
    for (const Fact& fact : section.facts)
      for (const std::string& line : fact.lines)
        words += line + '\n';
    return words;
  };
  EXPECT_THAT(words_of(report.sections[0]), Not(HasSubstr("serves some of its connections")));
  EXPECT_THAT(words_of(report.sections[1]),
              AllOf(HasSubstr("serves some of its connections"), HasSubstr("39 %")));
}

TEST(ExplanationReport, SaysThatAGuessIsOne) {
  const MadeExplanation made = golden::explanation_of_one();
  EXPECT_THAT(render_text(build_report(report_of(made), false), {}), HasSubstr("a guess"));
}

}  // namespace
}  // namespace tr::report
