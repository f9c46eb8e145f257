// The report for programs.
#pragma once

#include <string>

#include "report/judged_run.h"

namespace tr::report {

// Raised when a reader of the version before would misread the report; keys are only ever added.
inline constexpr int kReportSchemaVersion = 1;

// JSON as docs/report.schema.json describes it. What was not measured is null, never 0.
std::string render_json(const JudgedRun& run);

}  // namespace tr::report
