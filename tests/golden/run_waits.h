// A run with --waits: a pool of workers, which a herd wakes.
#pragma once

#include "snapshot/snapshot.h"

namespace tr::golden {

// What --waits adds to a run.
Waits some_waits();
Stacks stacks_of_waits();

}  // namespace tr::golden
