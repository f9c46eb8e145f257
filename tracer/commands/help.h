// How does --help read?
#pragma once

#include "commands/parser.h"

namespace tr::commands {

// Gives `app`, and the subcommands that are added to it afterwards, trace-run's form of help: usage
// lines that say where the program stands, defaults at the end of each description, lines of at
// most 100 columns.
void set_help_format(App& app);

}  // namespace tr::commands
