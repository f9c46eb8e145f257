// What does it take to name a program's locks, and to watch its mutexes? The side of --locks that
// lives as long as the program does: its memory is learnt while it is there.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <sys/types.h>
#include <utility>

#include "capture/probes.h"
#include "snapshot/locks.h"
#include "symbols/symbols.h"
#include "util/result.h"

namespace tr::capture {

// What the process has at this address: as it was when it was learnt last.
DataPlace data_place(symbols::Symbols& symbols, std::int64_t pid, std::uint64_t address);

class WatchLocks {
 public:
  // The probes, loaded with ProbeOptions::locks, must outlive this,
  // as must the symbols, of all that watch this program.
  WatchLocks(Probes& probes, symbols::Symbols& symbols, bool holds)
      : probes_(probes), symbols_(symbols), holds_(holds) {}

  // Before anything is started: watches the mutexes of the system's libc, so that nothing is missed
  // of a program that uses it, and measures what that costs. Where the kernel does not allow it,
  // how long mutexes are held is unmeasured.
  void prepare();
  // What one uprobe adds to the program; absent without them.
  [[nodiscard]] std::optional<double> trap_ns_per_run() const;

  // Reads what these processes have mapped now. Another libc of theirs is watched from here on.
  void learn(std::span<const pid_t> processes);

  // After Probes::detach().
  Result<Locks> take();

 private:
  Status watch_own_libc();
  Status watch(pid_t process, const std::string& libc);
  void look_for_libc(pid_t process);

  Probes& probes_;
  symbols::Symbols& symbols_;
  bool holds_;
  std::optional<double> pair_ns_;
  std::set<std::pair<dev_t, ino_t>> watched_;
  std::set<pid_t> with_libc_;
  std::set<pid_t> without_libc_;
  std::string refused_;  // why no mutex is watched
  std::string late_;     // watched when it ran already, or not at all, and why
};

}  // namespace tr::capture
