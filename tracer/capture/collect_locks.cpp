#include "capture/collect_locks.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

#include "capture/syscall_names.h"

namespace tr::capture {
namespace {

// By enum tr_futex_kind; part of files and reports, never changed.
constexpr std::array<std::string_view, 4> kKinds{"private", "shared", "process", "others"};
static_assert(kKinds.size() == TR_FUTEX_OVERFLOW + 1);

constexpr std::array<std::string_view, TR_FUTEX_OPERATIONS - TR_FUTEX_WAITV> kLaterCalls{
    "futex_waitv", "futex_wait", "futex_wake", "futex_requeue", "unknown"};

BucketList bucket_list(const __u32 (&counts)[TR_LOCK_BUCKETS]) {
  BucketList list;
  for (std::size_t i = 0; i < TR_LOCK_BUCKETS; ++i)
    if (counts[i] != 0) list.push_back({i, counts[i]});
  return list;
}

// What kind of lock it is, and for what it is wanted. The flags: include/trace/events/lock.h.
std::string kind_of(std::uint64_t flags) {
  const bool read = (flags & TR_CONTENTION_READ) != 0;
  const bool write = (flags & TR_CONTENTION_WRITE) != 0;
  const bool spin = (flags & TR_CONTENTION_SPIN) != 0;
  std::string kind = "semaphore";  // kernel/locking/semaphore.c has no flags
  if ((flags & TR_CONTENTION_MUTEX) != 0)
    kind = "mutex";
  else if ((flags & TR_CONTENTION_PERCPU) != 0)
    kind = "percpu-rwsem";
  else if ((flags & TR_CONTENTION_RT) != 0)
    kind = "rtmutex";
  else if (read || write)
    kind = spin ? "rwlock" : "rwsem";
  else if (spin)
    kind = "spinlock";
  if (read) kind += " read";
  if (write) kind += " write";
  return kind;
}

class LockCollector {
 public:
  LockCollector(RawLocks raw, const LockNames& names) : raw_(std::move(raw)), names_(names) {}

  Locks run() {
    for (std::size_t i = 0; i < raw_.threads.size(); ++i) {
      const tr_thread& record = raw_.records[i];
      if (record.serial == 0) continue;
      comms_[record.tid] = record.comm;
      if (record.died_ns == 0 && raw_.threads[i].asleep != 0) close_wait(record, raw_.threads[i]);
    }
    Locks locks;
    for (std::size_t row = 0; row < raw_.futexes.size(); ++row)
      if (is_used(raw_.futexes[row], row))
        locks.futexes.push_back(futex(raw_.futexes[row], static_cast<std::uint32_t>(row)));
    std::ranges::stable_sort(locks.futexes, std::greater(), &Futex::wait_ns);
    if (!raw_.contention_unmeasured.empty()) {
      locks.kernel_unmeasured = raw_.contention_unmeasured;
    } else {
      locks.kernel = kernel_locks();
      // As of the locks that the probe's own map takes.
      if (raw_.missed_contentions > 0)
        locks.kernel_unmeasured =
            std::to_string(raw_.missed_contentions) +
            " beginnings and ends of contentions that came during another run of the same probe";
    }
    if (raw_.has_holds) locks.holds = holds();
    return locks;
  }

 private:
  [[nodiscard]] std::uint64_t inside(std::uint64_t from, std::uint64_t to) const {
    from = std::max(from, raw_.window_open_ns);
    to = std::min(to, raw_.window_close_ns);
    return to > from ? to - from : 0;
  }

  static bool is_used(const tr_futex& futex, std::size_t row) {
    const bool counted = std::ranges::any_of(futex.calls, [](auto calls) { return calls != 0; });
    return (futex.tgid != 0 || row == 0) && (counted || futex.waits + futex.woken > 0);
  }

  // As the probes' lock_woken(), for a thread that is still asleep, or whose wake-up is under way.
  void close_wait(const tr_thread& record, const tr_lock_thread& state) {
    const std::uint64_t close = raw_.window_close_ns;
    if (record.state != TR_STATE_BLOCKED || record.since_ns >= close) return;
    const bool waking = record.waking_ns != 0 && record.waking_ns < close;
    const std::uint64_t to =
        waking ? std::max<std::uint64_t>(record.waking_ns, record.since_ns) : close;
    const std::size_t rows = std::min<std::size_t>(state.waiting, std::size(state.rows));
    for (std::size_t i = 0; i < rows; ++i) {
      tr_futex* futex = &raw_.futexes.at(state.rows[i]);
      std::uint64_t from = record.since_ns;
      if (rows == 1 && futex->waiters <= 0 && futex->requeued_to != 0) {
        const std::uint64_t moved = futex->requeued_at_ns;
        if (moved > from && moved < to) {
          add_wait(*futex, from, moved);
          from = moved;
        }
        futex = &raw_.futexes.at(futex->requeued_to);
      }
      add_wait(*futex, from, to);
      if (waking && state.present != 0 && --futex->waiters == 0)
        futex->busy_ns += static_cast<__s64>(to);
    }
  }

  void add_wait(tr_futex& futex, std::uint64_t from, std::uint64_t to) const {
    if (to <= raw_.window_open_ns) return;
    const std::uint64_t ns = inside(from, to);
    ++futex.waits;
    futex.wait_ns += ns;
    ++futex.wait_buckets[std::min<std::size_t>(kKernelBuckets.index(ns), TR_LOCK_BUCKETS - 1)];
  }

  [[nodiscard]] Futex futex(const tr_futex& row, std::uint32_t number) const {
    Futex futex;
    futex.kind = number == 0 ? kKinds[TR_FUTEX_OVERFLOW] : kKinds.at(row.kind);
    if (number != 0) {
      futex.pid = row.tgid;
      futex.address = row.address;
      futex.place = names_.place(futex.pid, futex.address);
    }
    futex.several_processes = row.several != 0;
    for (std::uint32_t i = 0; i < TR_FUTEX_OPERATIONS; ++i)
      if (row.calls[i] != 0) futex.operations[futex_call_name(i)] = row.calls[i];
    futex.waits = row.waits;
    futex.wait_ns = row.wait_ns;
    futex.changed = row.changed;
    futex.timeouts = row.timeouts;
    futex.interrupted = row.interrupted;
    futex.woken = row.woken;
    futex.woke_nobody = row.woke_nobody;
    futex.requeued = row.requeued;
    futex.requeued_in = row.requeued_in;
    futex.handoffs = row.handoffs;
    futex.handoff_ns = row.handoff_ns;
    futex.woken_by_others = row.woken_by_others;
    futex.holds = row.holds;
    futex.hold_ns = row.hold_ns;
    // At the close nobody may have come or gone for long.
    futex.most_waiters =
        static_cast<std::uint64_t>(std::max<__s64>(std::max(row.most_waiters, row.waiters), 0));
    futex.waited_ns = waited_ns(row);
    futex.wait = bucket_list(row.wait_buckets);
    futex.handoff = bucket_list(row.handoff_buckets);
    futex.handoffs_by_name = handoffs_of(number);
    return futex;
  }

  // The moments at which the last waiter left less those at which the first came; who came before
  // the window opened came when it did, and who has not left leaves when it closes.
  [[nodiscard]] std::uint64_t waited_ns(const tr_futex& row) const {
    auto sum = static_cast<std::uint64_t>(row.busy_ns);
    sum -= static_cast<std::uint64_t>(row.busy_before) * raw_.window_open_ns;
    if (row.waiters > 0) sum += raw_.window_close_ns;
    const auto ns = static_cast<std::int64_t>(sum);
    return std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0)),
                    raw_.window_close_ns - raw_.window_open_ns);
  }

  [[nodiscard]] std::string comm_of(std::uint32_t tid) const {
    const auto known = comms_.find(tid);
    return known == comms_.end() ? "(exited)" : known->second;
  }

  [[nodiscard]] std::vector<LockHandoffs> handoffs_of(std::uint32_t row) const {
    std::map<std::pair<std::string, std::string>, LockHandoffs> by_name;
    for (auto it = raw_.handoffs.lower_bound({row, 0, 0});
         it != raw_.handoffs.end() && std::get<0>(it->first) == row; ++it) {
      const auto& [ignored, waker, woken] = it->first;
      LockHandoffs& sum = by_name[{comm_of(waker), comm_of(woken)}];
      sum.count += it->second;
      ++sum.pairs;
    }
    std::vector<LockHandoffs> list;
    for (auto& [names, sum] : by_name) {
      std::tie(sum.waker, sum.woken) = names;
      list.push_back(std::move(sum));
    }
    std::ranges::stable_sort(list, std::greater(), &LockHandoffs::count);
    return list;
  }

  [[nodiscard]] std::vector<KernelLock> kernel_locks() const {
    std::vector<KernelLock> list;
    for (const auto& [key, row] : raw_.kernel) {
      if (row.count == 0) continue;
      const bool told_apart = key.lock != 0;
      KernelLock lock;
      lock.kind = kind_of(key.flags);
      lock.mmap_lock = (key.flags & TR_CONTENTION_MMAP_LOCK) != 0;
      lock.in_interrupt = (key.flags & TR_CONTENTION_IN_INTERRUPT) != 0;
      if (told_apart) lock.symbol = names_.kernel(key.lock);
      const auto same = std::ranges::find_if(list, [&](const KernelLock& known) {
        return known.kind == lock.kind && known.symbol == lock.symbol &&
               known.mmap_lock == lock.mmap_lock && known.in_interrupt == lock.in_interrupt &&
               (known.locks != 0) == told_apart;
      });
      KernelLock& sum = same == list.end() ? list.emplace_back(std::move(lock)) : *same;
      if (told_apart) ++sum.locks;
      sum.count += row.count;
      sum.ns += row.ns;
      sum.longest_ns = std::max<std::uint64_t>(sum.longest_ns, row.longest_ns);
    }
    std::ranges::stable_sort(list, std::greater(), &KernelLock::ns);
    return list;
  }

  [[nodiscard]] std::vector<MutexHold> holds() const {
    std::vector<MutexHold> list;
    for (const auto& [key, row] : raw_.mutexes) {
      if (row.holds == 0) continue;
      MutexHold mutex;
      mutex.pid = key.tgid;
      mutex.address = key.address;
      if (key.address != 0) mutex.place = names_.place(mutex.pid, mutex.address);
      mutex.holds = row.holds;
      mutex.hold_ns = row.hold_ns;
      mutex.longest_ns = row.longest_ns;
      mutex.hold = bucket_list(row.buckets);
      list.push_back(std::move(mutex));
    }
    std::ranges::stable_sort(list, std::greater(), &MutexHold::hold_ns);
    return list;
  }

  RawLocks raw_;
  const LockNames& names_;
  std::map<std::uint32_t, std::string> comms_;  // by thread id
};

}  // namespace

std::string futex_call_name(std::uint32_t operation) {
  if (operation < TR_FUTEX_WAITV) return futex_operation_name(operation);
  return std::string(kLaterCalls.at(operation - TR_FUTEX_WAITV));
}

Locks collect_locks(RawLocks raw, const LockNames& names) {
  return LockCollector(std::move(raw), names).run();
}

}  // namespace tr::capture
