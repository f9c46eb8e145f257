// How does a report look as a Markdown document?
#pragma once

#include <string>

#include "report/model.h"

namespace tr::report {

// GitHub-flavoured: the warnings first, tables with their numbers to the right.
std::string render_markdown(const Report& report);

}  // namespace tr::report
