// What does a list of stored runs show?
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "report/model.h"
#include "snapshot/run_record.h"
#include "snapshot/snapshot.h"

namespace tr::report {

// How a run was loaded and where it ran, in few words: "echo, 200 connections, 64 B, CPU 1".
std::string configuration_text(const RunConfig& config);

// "12-15, 17": runs by number, which ascend.
std::string run_numbers_text(const std::vector<RunRecord>& runs);

// A row for each run, in their order; `count` is how many there are in the store of this name.
Report run_list(const std::vector<RunRecord>& runs, std::size_t count, std::string_view store);

// {"store", "runs": [...]}, each with the members of RunRecord. What is not known is null.
std::string render_run_list_json(const std::vector<RunRecord>& runs, std::string_view store);

}  // namespace tr::report
