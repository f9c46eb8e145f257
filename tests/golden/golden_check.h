// Is this what is expected? The expected files lie beside this one.
#pragma once

#include <string>

namespace tr::golden {

// Holds `actual` against the file, or writes the file anew: see golden_test.cpp.
void check(const std::string& file, const std::string& actual);

}  // namespace tr::golden
