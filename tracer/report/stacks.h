// How is a frame written for people, and for the tools that draw stacks?
#pragma once

#include <string>

#include "snapshot/stacks.h"

namespace tr::report {

// "serve", "tcp_recvmsg"; without a name "libz.so.1+0x1a2b", or "[unknown]".
std::string frame_name(const Frame& frame);

// The file's name without its folder, "[kernel]"; empty: unknown.
std::string module_name(const Frame& frame);

}  // namespace tr::report
