// How is a BPF iterator run?
#pragma once

#include <string>

#include "util/result.h"

struct bpf_link;

namespace tr::capture {

// One pass over all that it walks, which is named for the error.
Status iterate(bpf_link* link, const std::string& over);

}  // namespace tr::capture
