// How does a report look on a terminal?
#pragma once

#include <cstddef>
#include <string>

#include "report/model.h"

namespace tr::report {

struct TextStyle {
  bool colour = false;      // bold, dim and yellow by ANSI sequences
  std::size_t width = 100;  // characters in a line; only a single long word may stand out
};

// Warnings and notes come last, where they are on the screen when the prompt returns.
std::string render_text(const Report& report, const TextStyle& style);

}  // namespace tr::report
