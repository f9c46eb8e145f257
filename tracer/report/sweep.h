// What does a sweep say: over all its servers, and of one of them?
#pragma once

#include <string>

#include "report/model.h"
#include "sweep/results.h"

namespace tr::report {

// `full`: counts and states beside rates and times.
Report build_report(const sweep::Results& results, bool full);

// The page of one server: its figures, where its time goes, what limits it, how it compares with
// the others, how it grows with connections.
Report build_server_report(const sweep::Results& results, const std::string& server);

// JSON as docs/sweep.schema.json describes it.
std::string render_json(const sweep::Results& results);

// A row per cell (RFC 4180), in a list with its name and load first; a column per figure that any
// cell has, under the names of metrics/figures.h: the mean, and behind it the ends of its 95 %
// interval. Empty: not measured, or a call or state that was not met.
std::string render_csv(const sweep::Results& results);

}  // namespace tr::report
