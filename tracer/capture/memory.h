// How much memory do these processes hold?
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <sys/types.h>

#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr::capture {

// The sum over processes, below `proc` (/proc, or a test's tree like it). One that has ended
// meanwhile holds nothing; an error when none is left, or when one may not be looked at. Takes the
// lock of each one's address space for as long as the kernel walks its pages: not for the time in
// which something is measured.
Result<MemoryReading> read_memory(const std::string& proc, std::span<const pid_t> processes);

// The most that this process has held at once since it was last forgotten, in bytes; absent where
// that is not known.
std::optional<std::uint64_t> own_peak(const std::string& proc);
// Forgets it: the peak is what is held now. False where the kernel cannot do that.
bool forget_own_peak(const std::string& proc);

}  // namespace tr::capture
