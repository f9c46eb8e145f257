// Which locks do threads wait at, how are they handed over, and does one of them hold everything
// up?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/snapshot.h"

namespace tr::metrics {

// What a lock is, as far as its place tells.
enum class LockIdentity {
  kPlain,        // what its place says
  kGil,          // Python's global interpreter lock
  kNearGil,      // in _PyRuntime of a Python whose layout is not known here
  kMallocArena,  // glibc's malloc
  kStdio,        // a FILE of libc
  kThreadEnd,    // where pthread_join waits for a thread's end
  kOthers,       // all that were not told apart
};

// Durations of one kind.
struct LockTimes {
  std::uint64_t count = 0;
  double mean_ns = 0;
  std::uint64_t p50_ns = 0;  // within 6.25 %, as all percentiles of kKernelBuckets
  std::uint64_t p99_ns = 0;
};

// A convoy (Blasgen, Gray, Mitoma, Price: The Convoy Phenomenon, Operating Systems Review 13(2),
// 1979): a lock at which somebody waits nearly always, so that each who takes it has slept for it,
// and its hand-over through the scheduler takes longer than the work that it protects. Here, all
// of:
//  - it is a lock: who has waited there wakes there in turn, at least for half of the hand-offs;
//  - it is a part of the work: at least kConvoyWaits waits per message; without messages, at least
//    kConvoyWaitsPerSecond;
//  - at least one thread sleeps there for more than half of the window;
//  - on average a hand-off, from wake to running, takes longer than a hold.
struct Convoy {
  double handoff_ns = 0;       // mean
  double hold_ns = 0;          // mean
  bool hold_measured = false;  // by --lock-hold; else estimated from those that had to wait
};
inline constexpr double kConvoyWaits = 0.5;
inline constexpr double kConvoyWaitsPerSecond = 100;
inline constexpr double kConvoyWaited = 0.5;

struct LockRow {
  LockIdentity identity = LockIdentity::kPlain;
  // Of Python's GIL there are several: a condition variable alone has two. The longest waited for
  // first.
  std::vector<const Futex*> futexes;
  std::uint64_t calls = 0;
  std::uint64_t waits = 0;
  std::uint64_t wait_ns = 0;
  std::optional<double> waits_per_message;
  std::optional<double> wait_ns_per_message;
  LockTimes wait;
  LockTimes handoff;
  // While it was held: measured, or estimated, see Futex::holds.
  std::optional<double> hold_ns;
  bool hold_measured = false;
  double mean_waiters = 0;  // over the window
  // Of several futexes: the most of one, so at least this.
  std::uint64_t most_waiters = 0;
  double waited_share = 0;  // of the window: somebody slept there
  std::uint64_t woken = 0;
  std::uint64_t woke_nobody = 0;
  std::uint64_t changed = 0;
  std::uint64_t timeouts = 0;
  std::vector<LockHandoffs> handoffs;  // by name, the most frequent first
  std::optional<Convoy> convoy;
};

struct KernelLockRow {
  const KernelLock* lock = nullptr;
  std::optional<double> ns_per_message;
};

struct HoldRow {
  const MutexHold* mutex = nullptr;
  LockTimes hold;
  std::optional<double> holds_per_message;
};

struct LockMetrics {
  std::vector<LockRow> rows;  // the longest waited for first
  std::vector<KernelLockRow> kernel;
  std::vector<HoldRow> holds;
};

// What a futex there is.
LockIdentity identify(const Futex& futex);
// As far as the place alone tells.
LockIdentity identify(const DataPlace& place);

// Absent where locks were not followed. Points into the snapshot.
std::optional<LockMetrics> lock_metrics(const Snapshot& snapshot,
                                        std::optional<std::uint64_t> messages);

}  // namespace tr::metrics
