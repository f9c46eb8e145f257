// What does a comparison of two sets of runs say?
#pragma once

#include <string>
#include <vector>

#include "compare/comparison.h"
#include "compare/gate.h"
#include "report/model.h"

namespace tr::report {

// Raised when a reader of the version before would misread the comparison; keys are only ever
// added.
inline constexpr int kComparisonSchemaVersion = 1;

// A comparison with what is known beside the figures.
struct ComparisonReport {
  const compare::Comparison& comparison;
  std::vector<compare::GateResult> gates;
  std::vector<std::string> notes;  // how the runs were made, and what went wrong
};

// `full`: every figure and state, also those that do not differ.
Report build_report(const ComparisonReport& report, bool full);

// JSON as docs/comparison.schema.json describes it.
std::string render_json(const ComparisonReport& report);

}  // namespace tr::report
