// `trace-run list`: which servers come with trace-run?
#pragma once

#include <string>
#include <vector>

#include "capture/launch/server_name.h"
#include "commands/parser.h"

namespace tr::commands {

struct ListOptions {
  bool json = false;
};

// Adds the subcommand; it runs while `app` parses and leaves its exit code in `exit_code`.
void setup_list(App& app, int& exit_code);

// Writes the list to stdout; returns the exit code.
int run_list(const ListOptions& options);

// The list as text: a line each, or one JSON object {"servers": [{name, protocol, description,
// path}]}.
std::string list_text(const std::vector<capture::BundledServer>& servers);
std::string list_json(const std::vector<capture::BundledServer>& servers);

}  // namespace tr::commands
