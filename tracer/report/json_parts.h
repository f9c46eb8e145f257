// Parts of the report for programs; json.cpp puts them in order.
#pragma once

#include <optional>
#include <string>

#include "metrics/metrics.h"
#include "metrics/repeats.h"
#include "report/json_value.h"
#include "report/judged_run.h"
#include "statistics/sample.h"

namespace tr::report {

// What was not measured is null.
template <class T>
Json maybe(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

inline Json maybe(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

// For figures of which 0 means that there is none.
template <class T>
Json unless_zero(T number) {
  return number == T{} ? Json() : Json(number);
}

// [low, high].
inline Json interval_json(const std::optional<statistics::Interval>& interval) {
  return interval ? Json{interval->low, interval->high} : Json();
}

// json.cpp: what is also told of each of several runs.
Json environment_json(const Environment& environment);
Json config_json(const RunConfig& config);
Json steady_part_json(const metrics::Metrics& metrics);
Json warnings_json(const JudgedRun& run);
Json verdict_json(const JudgedRun& run);

// json_repeats.cpp: what several runs say of a figure.
const char* unit_name(metrics::Unit unit);
Json figure_json(const metrics::RepeatedFigure& spread);

// json_budget.cpp: where the time goes, and what was done for nothing; null where not measured.
Json budget_json(const metrics::Metrics& metrics);
Json waste_json(const metrics::Metrics& metrics);

// json_waits.cpp: what exactly was waited for; null where not measured.
Json waits_json(const JudgedRun& run);

// json_locks.cpp: null where locks were not followed.
Json locks_json(const JudgedRun& run);
Json place_json(const DataPlace& place);

// json_message_path.cpp: null where not asked for.
Json message_path_json(const metrics::Metrics& metrics);
Json path_time_json(const metrics::PathTime& time);

// json_message_hops.cpp: null where not asked for, or no servers are connected with each other.
Json message_hops_json(const metrics::Metrics& metrics);

// json_stacks.cpp: which functions use the CPU, and where threads block; null without stacks.
Json stacks_json(const Snapshot& snapshot, const metrics::Metrics& metrics);

// json_uring.cpp: null where there was nothing of it, or it was not measured.
Json uring_json(const metrics::Metrics& metrics);

}  // namespace tr::report
