// What exactly did each wait of the threads wait for, who exactly ended it, and how long was then
// the way to a CPU? Finer than the waits of a Budget, which these add up to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/bucket_list.h"
#include "snapshot/data_place.h"

namespace tr {

struct Durations {
  std::uint64_t count = 0;
  std::uint64_t ns = 0;  // inside the window, here and below
  std::uint64_t max_ns = 0;
  BucketList buckets;  // in kKernelBuckets; all above 73 minutes is in the one below

  friend bool operator==(const Durations&, const Durations&) = default;
};

// Waits of all threads with the same cause.
struct WaitCause {
  std::string call;  // these three as in Wait
  std::string object;
  std::string waker;
  // Which object, by kPlaceNames in capture/collect_waits.cpp: a futex by its "address"; an IP
  // socket by its "ports"; a pipe, file or other socket by its "inode"; an epoll instance, eventfd
  // and the like by its "descriptor"; of poll and select the "count" of descriptors; or empty.
  std::string place;
  std::uint64_t which = 0;  // of "ports" the own one; 0: one that the kernel chose, here and below
  std::uint64_t far_port = 0;        // of "ports"
  std::int64_t tgid = 0;             // the process whose address or descriptor it is; else 0
  std::optional<DataPlace> lies_in;  // of "address"
  // The thread that ended the wait: its name; empty where none did, or the load.
  std::string waker_name;
  std::uint64_t waker_tid = 0;  // 0: none, or not always the same
  Durations waits;
  Durations run_queue;  // after these waits, from the wake-up until the thread ran

  friend bool operator==(const WaitCause&, const WaitCause&) = default;
};

// How often one thread of the tree ended another one's wait.
struct Handoff {
  std::uint64_t waker_tid = 0;
  std::uint64_t sleeper_tid = 0;
  std::string waker;
  std::string sleeper;
  std::uint64_t count = 0;

  friend bool operator==(const Handoff&, const Handoff&) = default;
};

// Connections that arrived at a listening port, and the threads that they woke out of a wait for
// events or connections.
struct Arrivals {
  std::uint64_t port = 0;
  std::uint64_t connections = 0;
  std::uint64_t woken = 0;     // threads of the tree
  std::uint64_t herds = 0;     // connections that woke more than one
  std::uint64_t too_many = 0;  // threads beyond the first of each connection

  friend bool operator==(const Arrivals&, const Arrivals&) = default;
};

struct Waits {
  std::vector<WaitCause> causes;  // longest first
  // Of causes for which there was no room: of all calls, objects and wakers.
  Durations other_waits;
  Durations other_run_queue;
  std::vector<Handoff> handoffs;     // most frequent first
  std::uint64_t other_handoffs = 0;  // between pairs for which there was no room
  // Ports at which a connection woke a thread of the tree. Absent: this kernel does not show them.
  std::optional<std::vector<Arrivals>> arrivals;

  friend bool operator==(const Waits&, const Waits&) = default;
};

}  // namespace tr
