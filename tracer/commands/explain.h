// `trace-run explain`: what makes a server as dear as it is, or dearer than another?
#pragma once

#include <string>
#include <vector>

#include "commands/parser.h"

namespace tr::commands {

// Adds the subcommand; it runs while `app` parses and leaves its exit code in `exit_code`.
// `program` is what stands behind "--", with it; it must be there when `app` parses.
void setup_explain(App& app, const std::vector<std::string>& program, int& exit_code);

}  // namespace tr::commands
