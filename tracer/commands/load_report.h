// What did a load that was run alone find?
#pragma once

#include <string>

#include "load/generate.h"
#include "load/settings.h"

namespace tr::commands {

// A few lines for the terminal.
std::string load_report(const load::Settings& settings, const load::Outcome& outcome);

// The same values as JSON, under the names that trace-run's own JSON report uses.
std::string load_json(const load::Settings& settings, const load::Outcome& outcome);

}  // namespace tr::commands
