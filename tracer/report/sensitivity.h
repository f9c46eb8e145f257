// What is said of a server whose stages were delayed in turn?
#pragma once

#include <string>
#include <vector>

#include "explain/sensitivity.h"
#include "report/model.h"

namespace tr::report {

// Raised when a reader of the version before would misread it; keys are only ever added.
inline constexpr int kSensitivitySchemaVersion = 1;

struct SensitivityReport {
  const explain::Sensitivity& sensitivity;
  std::vector<std::string> notes;  // how the runs were made, and what went wrong
};

// `full`: each delay's means too.
Report build_report(const SensitivityReport& report, bool full);

// The same as JSON: docs/sensitivity.schema.json.
std::string render_json(const SensitivityReport& report);

}  // namespace tr::report
