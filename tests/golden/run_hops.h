// What servers told each other, for a run whose report is known.
#pragma once

#include <cstdint>

#include "snapshot/message_hops.h"

namespace tr::golden {

MessageHops some_hops(std::uint64_t messages);

}  // namespace tr::golden
