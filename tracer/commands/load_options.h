// Which options say what the load is, and how are they handed to the load process?
#pragma once

#include <string>
#include <vector>

#include "commands/parser.h"
#include "load/settings.h"
#include "util/result.h"

namespace tr::commands {

// Adds the options that describe a load, which all commands that start one share: --protocol,
// --path,
// --connections, --size, --duration, --warmup, --pipeline, --close, --rate, --rate-shape, --seed.
// `settings` has the defaults and takes the values; it must outlive the parsing.
void add_load_options(App& app, load::Settings& settings);

// After the parsing, and once the protocol is known: refuses options that mean nothing to it, and
// sets what it implies.
Status settle_load_options(const App& app, load::Settings& settings);

// --threads, --pin and --no-poll of the load generator, the first two under the names this command
// gives them ("--threads", "--load-threads"; "--pin", "--pin-load").
void add_load_placement(App& app, load::Settings& settings, const std::string& threads,
                        const std::string& pin);

// The arguments of `trace-run load` that stand for these settings, "load" included.
std::vector<std::string> load_arguments(const load::Settings& settings);

}  // namespace tr::commands
