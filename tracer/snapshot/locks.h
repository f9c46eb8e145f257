// What threads did with locks in the window: with --locks alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/bucket_list.h"
#include "snapshot/data_place.h"

namespace tr {

// Threads of one name that woke threads of another at a futex.
struct LockHandoffs {
  std::string waker;
  std::string woken;
  std::uint64_t count = 0;
  std::uint64_t pairs = 0;  // of threads

  friend bool operator==(const LockHandoffs&, const LockHandoffs&) = default;
};

struct Futex {
  // "private": of one process; "shared": by its place in a shared mapping, so that all its
  // processes are in here; "process": shared, but what is mapped there could not be told, so this
  // is one process's part; "others": all beyond those that were told apart.
  std::string kind;
  std::int64_t pid = 0;  // the first that used it
  std::uint64_t address = 0;
  bool several_processes = false;
  DataPlace place;
  std::map<std::string, std::uint64_t> operations;  // calls entered, by operation: "WAIT"
  std::uint64_t waits = 0;                          // times asleep; one that was moved counts twice
  std::uint64_t wait_ns = 0;
  std::uint64_t changed = 0;  // calls that did not wait: the value was another already (EAGAIN)
  std::uint64_t timeouts = 0;
  std::uint64_t interrupted = 0;
  std::uint64_t woken = 0;        // threads, by what the waking calls returned
  std::uint64_t woke_nobody = 0;  // waking calls
  std::uint64_t requeued = 0;     // threads moved from here to another futex
  std::uint64_t requeued_in = 0;
  std::uint64_t handoffs = 0;  // woken by a thread of the tree at this futex, after a sleep
  std::uint64_t handoff_ns = 0;
  std::uint64_t woken_by_others = 0;  // by a wake from outside the tree
  // From the end of a wait to the same thread's next wake here: how long it held the lock, if it is
  // one. Only of those that had to wait for it, and slept in no other call meanwhile.
  std::uint64_t holds = 0;
  std::uint64_t hold_ns = 0;
  std::uint64_t most_waiters = 0;  // asleep at once
  std::uint64_t waited_ns = 0;     // of the window: at least one slept here
  // Durations in kKernelBuckets, up to 2^40 ns; the last bucket holds longer ones too.
  BucketList wait;
  BucketList handoff;
  std::vector<LockHandoffs> handoffs_by_name;  // the most frequent first

  friend bool operator==(const Futex&, const Futex&) = default;
};

// Waits of the tree's threads for a lock of the kernel: a part of their time in the kernel, on a
// CPU or blocked, not an addition to it.
struct KernelLock {
  std::string kind;  // "spinlock", "mutex", "rwsem read", "rwsem write", ..., see collect_locks.cpp
  bool mmap_lock = false;     // of the thread's own address space
  bool in_interrupt = false;  // an interrupt waited, on the thread's CPU
  std::string symbol;         // of a static one
  std::uint64_t locks = 0;    // how many locks are summed up here; 0: not told apart
  std::uint64_t count = 0;
  std::uint64_t ns = 0;
  std::uint64_t longest_ns = 0;

  friend bool operator==(const KernelLock&, const KernelLock&) = default;
};

// How long a pthread mutex or rwlock was held.
struct MutexHold {
  std::int64_t pid = 0;
  std::uint64_t address = 0;  // 0: all beyond those that were told apart
  DataPlace place;
  std::uint64_t holds = 0;  // that ended inside the window
  std::uint64_t hold_ns = 0;
  std::uint64_t longest_ns = 0;
  BucketList hold;  // as Futex::wait

  friend bool operator==(const MutexHold&, const MutexHold&) = default;
};

struct Locks {
  std::vector<Futex> futexes;                     // the longest waited for first
  std::optional<std::vector<KernelLock>> kernel;  // the longest first
  std::string kernel_unmeasured;                // why `kernel` is absent, or what is missing in it
  std::optional<std::vector<MutexHold>> holds;  // the longest first; with --lock-hold
  std::string holds_unmeasured;                 // with --lock-hold: of whom not, and why
  // What the uprobes add to a lock and its unlock, without the probes' own work.
  std::optional<double> trap_ns_per_pair;

  friend bool operator==(const Locks&, const Locks&) = default;
};

}  // namespace tr
