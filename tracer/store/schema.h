// What is in a store's file, and how does a file that an older trace-run made become one of today?
#pragma once

#include <cstdint>
#include <span>

#include "store/database.h"
#include "util/result.h"

namespace tr::store {

// In the file's header, so that file(1) and we know it for ours: "tRun".
inline constexpr std::int64_t kApplicationId = 0x7452756e;

// SQL that makes version n + 1 out of version n, in order. Append-only: steps that have been
// released are never changed.
std::span<const char* const> schema_steps();

// Makes a file of any earlier version, or an empty one, one of version steps.size(), in one
// transaction. A file that is not ours, or of a later version, is a usage error; nothing is changed
// in it then.
Status bring_up_to_date(Database& database, std::span<const char* const> steps);

}  // namespace tr::store
