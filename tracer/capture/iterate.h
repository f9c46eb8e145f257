// How is a BPF iterator run?
#pragma once

#include <span>
#include <string>
#include <sys/types.h>

#include "util/result.h"

struct bpf_link;

namespace tr::capture {

// One pass over all that it walks, which is named for the error.
Status iterate(bpf_link* link, const std::string& over);

// The same of what a network namespace holds, as sockets: one pass in our own, and one in each
// other that these processes are in. All passes are made; the first error is returned. Entering
// another namespace needs CAP_SYS_ADMIN.
Status iterate_networks(bpf_link* link, std::span<const pid_t> processes, const std::string& over);

}  // namespace tr::capture
