// Which functions take and give mutexes in this libc, and what does it cost to watch them?
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace tr::capture {

// Where a uprobe goes: which BPF program, at which offset of the file, at entry or return.
struct MutexProbe {
  std::string_view program;
  std::string function;
  std::uint64_t offset = 0;
  bool at_return = false;
};

// Those of a libc file: an error where it has no pthread_mutex_lock and pthread_mutex_unlock.
Result<std::vector<MutexProbe>> mutex_probes(const std::string& libc);

// The paths of the libc that the maps of a process name (libc.so.6, libpthread.so.0 of glibc before
// 2.34, musl's ld-musl-*.so.1): none in a statically linked program.
std::vector<std::string> libc_of(std::string_view maps);

// What a pthread_mutex_lock and its unlock take here and now, by this thread, nobody else wanting
// the mutex: the median of some rounds.
double lock_pair_ns();

}  // namespace tr::capture
