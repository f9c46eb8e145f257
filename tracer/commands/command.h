// How does every subcommand end?
#pragma once

#include <CLI/CLI.hpp>

#include "util/result.h"

namespace tr::commands {

// Prints the error as one line on stderr; returns its exit code.
int report(const Error& error);

// What the command line parser says: help and version on stdout (0), wrong usage as one line on
// stderr (2).
int report(const CLI::App& app, const CLI::ParseError& error);

// Prints to stdout; an error when that cannot be written.
Status print(std::string_view text);

}  // namespace tr::commands
