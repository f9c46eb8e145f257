// Under which keys are the locks kept in a snapshot's file? As snapshot_fields.h.
#pragma once

#include "snapshot/data_place_fields.h"
#include "snapshot/fields.h"
#include "snapshot/locks.h"

namespace tr {

template <MaybeConst<LockHandoffs> S, class Field>
void visit_fields(S& handoffs, Field&& field) {
  field("waker", handoffs.waker);
  field("woken", handoffs.woken);
  field("count", handoffs.count);
  field("pairs", handoffs.pairs);
}

template <MaybeConst<Futex> S, class Field>
void visit_fields(S& futex, Field&& field) {
  field("kind", futex.kind);
  field("pid", futex.pid);
  field("address", futex.address);
  field("several_processes", futex.several_processes);
  field("place", futex.place);
  field("operations", futex.operations);
  field("waits", futex.waits);
  field("wait_ns", futex.wait_ns);
  field("changed", futex.changed);
  field("timeouts", futex.timeouts);
  field("interrupted", futex.interrupted);
  field("woken", futex.woken);
  field("woke_nobody", futex.woke_nobody);
  field("requeued", futex.requeued);
  field("requeued_in", futex.requeued_in);
  field("handoffs", futex.handoffs);
  field("handoff_ns", futex.handoff_ns);
  field("woken_by_others", futex.woken_by_others);
  field("holds", futex.holds);
  field("hold_ns", futex.hold_ns);
  field("most_waiters", futex.most_waiters);
  field("waited_ns", futex.waited_ns);
  field("wait", futex.wait);
  field("handoff", futex.handoff);
  field("handoffs_by_name", futex.handoffs_by_name);
}

template <MaybeConst<KernelLock> S, class Field>
void visit_fields(S& lock, Field&& field) {
  field("kind", lock.kind);
  field("mmap_lock", lock.mmap_lock);
  field("in_interrupt", lock.in_interrupt);
  field("symbol", lock.symbol);
  field("locks", lock.locks);
  field("count", lock.count);
  field("ns", lock.ns);
  field("longest_ns", lock.longest_ns);
}

template <MaybeConst<MutexHold> S, class Field>
void visit_fields(S& mutex, Field&& field) {
  field("pid", mutex.pid);
  field("address", mutex.address);
  field("place", mutex.place);
  field("holds", mutex.holds);
  field("hold_ns", mutex.hold_ns);
  field("longest_ns", mutex.longest_ns);
  field("hold", mutex.hold);
}

template <MaybeConst<Locks> S, class Field>
void visit_fields(S& locks, Field&& field) {
  field("futexes", locks.futexes);
  field("kernel_locks", locks.kernel);
  field("kernel_unmeasured", locks.kernel_unmeasured);
  field("mutex_holds", locks.holds);
  field("holds_unmeasured", locks.holds_unmeasured);
  field("trap_ns_per_pair", locks.trap_ns_per_pair);
}

}  // namespace tr
