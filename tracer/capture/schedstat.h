// What does the scheduler itself say of these threads? A witness beside the probes.
#pragma once

#include <map>
#include <span>
#include <string>
#include <sys/types.h>

#include "capture/launch/process_tree.h"
#include "snapshot/snapshot.h"

namespace tr::capture {

// By tid, since each thread's birth, below `proc` (/proc, or a test's tree like it). Threads that
// are gone, or of which the kernel keeps none (CONFIG_SCHED_INFO), are left out. Of a running
// thread the time since the last tick may be missing.
std::map<pid_t, Schedstat> read_schedstat(const std::string& proc, std::span<const Task> tasks);

// What was added between two readings, of the threads in the later one.
std::map<pid_t, Schedstat> since(const std::map<pid_t, Schedstat>& before,
                                 std::map<pid_t, Schedstat> after);

}  // namespace tr::capture
