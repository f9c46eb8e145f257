// How does a load result travel, between processes and in files?
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr {

// Every field under its own name; histograms as {"buckets": [[index, count], ...], "sum", "max"}.
// Nothing is lost on the way there and back. Absent values are left out.
nlohmann::json load_result_to_json(const LoadResult& result);

// An error names what is missing or of another type.
Result<LoadResult> load_result_from_json(const nlohmann::json& json);

}  // namespace tr
