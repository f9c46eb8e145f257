// What does an explanation say?
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "explain/explain.h"
#include "explain/factorial.h"
#include "report/model.h"

namespace tr::report {

// Raised when a reader of the version before would misread the explanation; keys are only ever
// added.
inline constexpr int kExplanationSchemaVersion = 1;

// An explanation with what is known beside the figures.
struct ExplanationReport {
  const explain::Explanation& explanation;
  std::vector<std::string> notes;  // how the runs were made, and what went wrong
  std::optional<explain::Factorial> factorial{};
};

// `full`: accounts and what has no weight too.
Report build_report(const ExplanationReport& report, bool full);

// JSON as docs/explanation.schema.json describes it.
std::string render_json(const ExplanationReport& report);

// "associated": the same for people and in JSON.
std::string_view standing_name(explain::Standing standing);

// "on one CPU", for progress and for reports.
std::string change_words(explain::Change change);

}  // namespace tr::report
