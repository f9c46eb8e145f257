// What do several runs of the same measurement say, and how far apart are they?
#pragma once

#include <string>

#include "report/content.h"
#include "report/judged_repeats.h"
#include "report/model.h"

namespace tr::report {

// Of at least one run. Of Detail, `syscalls` and `full` tell how much is shown.
Report build_report(const JudgedRepeats& repeats, const Detail& detail);

// JSON as docs/repeats.schema.json describes it.
std::string render_json(const JudgedRepeats& repeats);

// The larger half of a mean's 95 % interval, as a share of it: "0.4 %"; empty without an interval.
std::string margin_text(const metrics::RepeatedFigure& spread);

}  // namespace tr::report
