// Which machine do these figures come from?
#pragma once

#include <ctime>
#include <string>

#include "snapshot/snapshot.h"

namespace tr::capture {

// Describes the machine from the files under `root` ("" for the machine itself) at the time `now`.
// What cannot be found out is left empty, or 0 for memory. `cpus` are the CPUs that are online and
// that this process may run on: those a server started from here can be pinned to.
Environment read_environment(const std::string& root = "", std::time_t now = std::time(nullptr));

}  // namespace tr::capture
