// What does a context switch cost on this machine?
#pragma once

#include <optional>

namespace tr::capture {

// Two threads on this CPU hand a byte to each other through pipes, some milliseconds long: the ns
// per hand-over, which is a write, a read that sleeps and a switch, of the quickest of several
// rounds. To be asked before anything is traced, and from a thread that may run there; absent where
// it cannot be done.
std::optional<double> switch_ns(int cpu);

}  // namespace tr::capture
