// trace-run doctor: what does this machine allow, and what would allow more?
#pragma once

#include <cstddef>
#include <string>

#include "capture/doctor.h"
#include "commands/parser.h"
#include "snapshot/snapshot.h"

namespace tr::commands {

struct DoctorOptions {
  std::string json;    // file for the findings as JSON; "-": standard output, instead of the table
  bool quick = false;  // only what tracing cannot do without
};

// Adds the subcommand; its exit code goes to `exit_code` when it was called.
void setup_doctor(App& app, int& exit_code);

// 0 when servers can be traced here, 3 when not, 1 when the JSON could not be written.
int run_doctor(const DoctorOptions& options);

// The findings for people, in lines of at most `width` letters where words allow it.
std::string doctor_table(const capture::Diagnosis& diagnosis, const Environment& machine,
                         std::size_t width = 100);

// The findings for programs: {"schema_version", "can_trace", "environment", "findings": [{"id",
// "subject", "standing", "required", "value", "meaning", "remedy"}]}.
std::string doctor_json(const capture::Diagnosis& diagnosis, const Environment& machine);

}  // namespace tr::commands
