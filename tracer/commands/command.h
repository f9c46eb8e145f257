// How does every subcommand end?
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "util/result.h"

namespace tr::commands {

// Prints the error as one line on stderr; returns its exit code.
int report(const Error& error);

// Prints to stdout; an error when that cannot be written.
Status print(std::string_view text);

// `lead` and behind it the words of `text`, in lines of at most `width` letters where words allow
// it; later lines start below the first word. Ends with a newline.
std::string wrapped(std::string lead, std::string_view text, std::size_t width);

}  // namespace tr::commands
