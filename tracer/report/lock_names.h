// What is a lock called?
#pragma once

#include <cstdint>
#include <string>

#include "metrics/locks.h"

namespace tr::report {

// "queue_mutex in server", "0x55d0c8a0 in the heap".
std::string place_name(const DataPlace& place, std::uint64_t address);

// "Python's GIL", or as place_name says it.
std::string lock_name(const metrics::LockRow& row);

// In JSON: "gil".
const char* identity_name(metrics::LockIdentity identity);

}  // namespace tr::report
