// How much CPU time did the hypervisor give to other machines?
#pragma once

#include <optional>
#include <string>

#include "snapshot/snapshot.h"

namespace tr::capture {

// Since the machine's start, of all its CPUs, from the file `stat` below `proc` (/proc, or a test's
// tree like it), which counts in ticks of mostly 10 ms. Absent where it does not say.
std::optional<Steal> read_steal(const std::string& proc);

// What was added between two readings. Absent without both, and where CPUs came or went meanwhile.
std::optional<Steal> since(const std::optional<Steal>& before, const std::optional<Steal>& after);

}  // namespace tr::capture
