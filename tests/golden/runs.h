// The runs whose reports are pinned down: made up, but like real ones.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "snapshot/snapshot.h"

namespace tr::golden {

struct NamedRun {
  std::string name;  // of its files: NAME.snapshot, NAME.txt, ...
  Snapshot snapshot;
};

// For GoogleTest, which would print the bytes.
inline void PrintTo(const NamedRun& run, std::ostream* out) {
  *out << run.name;
}

// epoll_echo: our load in a closed loop; probes and perf beside each other.
// profiled: the same with stacks, some of which are not known to their end.
// thread_echo: a thread per connection, pinned to one CPU.
// python_locks: the first, as if with --lock-hold: Python's GIL, and every kind of lock.
// program: no server; two processes, errors, no messages.
// counted: attached to, somebody else's load, calls only counted.
// waits: as epoll_echo, and with --waits.
// damaged: an open loop in which everything that can be doubted is.
std::vector<NamedRun> recorded_runs();

// Several runs as of --repeat, of which `asked` were asked for.
struct NamedRepeats {
  std::string name;  // of the expected reports
  std::uint64_t asked = 0;
  std::vector<Snapshot> runs;
  std::vector<std::string> failures;  // of each run; empty: none failed
};

inline void PrintTo(const NamedRepeats& repeats, std::ostream* out) {
  *out << repeats.name;
}

// repeats: variations of thread_echo, one of them unfit, one that warns.
// repeats_one: one run, where more were asked for.
// repeats_unfit: none is fit; one has failed.
// repeats_program: no server.
std::vector<NamedRepeats> recorded_repeats();

}  // namespace tr::golden
