#include <utility>

#include "report/json_parts.h"
#include "report/lock_names.h"

namespace tr::report {
namespace {

Json times(const metrics::LockTimes& times) {
  if (times.count == 0) return {};
  return {{"count", times.count},
          {"mean_ns", times.mean_ns},
          {"p50_ns", times.p50_ns},
          {"p99_ns", times.p99_ns}};
}

Json futex(const Futex& futex) {
  return {{"kind", futex.kind},
          {"pid", futex.pid},
          {"address", futex.address},
          {"several_processes", futex.several_processes},
          {"place", place_json(futex.place)},
          {"operations", futex.operations},
          {"waits", futex.waits},
          {"wait_ns", futex.wait_ns},
          {"changed", futex.changed},
          {"timeouts", futex.timeouts},
          {"interrupted", futex.interrupted},
          {"woken", futex.woken},
          {"woke_nobody", futex.woke_nobody},
          {"requeued", futex.requeued},
          {"requeued_in", futex.requeued_in},
          {"handoffs", futex.handoffs},
          {"handoff_ns", futex.handoff_ns},
          {"woken_by_others", futex.woken_by_others},
          {"holds", futex.holds},
          {"hold_ns", futex.hold_ns},
          {"most_waiters", futex.most_waiters},
          {"waited_ns", futex.waited_ns}};
}

Json lock(const metrics::LockRow& row) {
  Json futexes = Json::array();
  for (const Futex* one : row.futexes)
    futexes.push_back(futex(*one));
  Json handoffs = Json::array();
  for (const LockHandoffs& one : row.handoffs)
    handoffs.push_back(
        {{"waker", one.waker}, {"woken", one.woken}, {"count", one.count}, {"pairs", one.pairs}});
  Json convoy;
  if (row.convoy)
    convoy = {{"handoff_ns", row.convoy->handoff_ns},
              {"hold_ns", row.convoy->hold_ns},
              {"hold_measured", row.convoy->hold_measured}};
  return {{"name", lock_name(row)},
          {"identity", identity_name(row.identity)},
          {"waits", row.waits},
          {"wait_ns", row.wait_ns},
          {"waits_per_message", maybe(row.waits_per_message)},
          {"wait_ns_per_message", maybe(row.wait_ns_per_message)},
          {"wait", times(row.wait)},
          {"handoff", times(row.handoff)},
          {"hold_ns", maybe(row.hold_ns)},
          {"hold_measured", row.hold_measured},
          {"mean_waiters", row.mean_waiters},
          {"most_waiters", row.most_waiters},
          {"waited_share", row.waited_share},
          {"convoy", std::move(convoy)},
          {"handoffs", std::move(handoffs)},
          {"futexes", std::move(futexes)}};
}

Json kernel(const JudgedRun& run) {
  if (!run.snapshot.locks->kernel) return {};
  Json list = Json::array();
  for (const metrics::KernelLockRow& row : run.metrics.locks->kernel)
    list.push_back({{"kind", row.lock->kind},
                    {"mmap_lock", row.lock->mmap_lock},
                    {"in_interrupt", row.lock->in_interrupt},
                    {"symbol", maybe(row.lock->symbol)},
                    {"locks", row.lock->locks},
                    {"count", row.lock->count},
                    {"ns", row.lock->ns},
                    {"ns_per_message", maybe(row.ns_per_message)},
                    {"longest_ns", row.lock->longest_ns}});
  return list;
}

Json holds(const JudgedRun& run) {
  if (!run.snapshot.locks->holds) return {};
  Json list = Json::array();
  for (const metrics::HoldRow& row : run.metrics.locks->holds)
    list.push_back({{"name", place_name(row.mutex->place, row.mutex->address)},
                    {"pid", row.mutex->pid},
                    {"address", row.mutex->address},
                    {"place", place_json(row.mutex->place)},
                    {"holds", row.mutex->holds},
                    {"holds_per_message", maybe(row.holds_per_message)},
                    {"hold_ns", row.mutex->hold_ns},
                    {"longest_ns", row.mutex->longest_ns},
                    {"hold", times(row.hold)}});
  return list;
}

}  // namespace

Json place_json(const DataPlace& place) {
  return {{"name", maybe(place.name)}, {"module", maybe(place.module)}, {"offset", place.offset}};
}

Json locks_json(const JudgedRun& run) {
  if (!run.metrics.locks) return {};
  Json locks = Json::array();
  for (const metrics::LockRow& row : run.metrics.locks->rows)
    locks.push_back(lock(row));
  const Locks& taken = *run.snapshot.locks;
  return {{"locks", std::move(locks)},
          {"kernel", kernel(run)},
          {"kernel_unmeasured", maybe(taken.kernel_unmeasured)},
          {"holds", holds(run)},
          {"holds_unmeasured", maybe(taken.holds_unmeasured)},
          {"trap_ns_per_pair", maybe(taken.trap_ns_per_pair)}};
}

}  // namespace tr::report
