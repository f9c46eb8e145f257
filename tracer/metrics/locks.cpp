#include "metrics/locks.h"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "snapshot/histogram.h"
#include "util/text.h"

namespace tr::metrics {
namespace {

// The minor version in "/usr/bin/python3.11" or "libpython3.9.so.1.0"; absent in other names.
std::optional<std::uint64_t> python_minor(std::string_view module) {
  const std::string_view name = module.substr(module.rfind('/') + 1);
  constexpr std::string_view kPython = "python3.";
  const std::size_t at = name.find(kPython);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = name.substr(at + kPython.size());
  return parse_u64(rest.substr(0, rest.find_first_not_of("0123456789")));
}

bool is_futex_of_thread_end(const Futex& futex) {
  // Handed over, and yet nobody has called WAKE: the kernel wakes when the thread has gone
  // (CLONE_CHILD_CLEARTID, mm_release() in kernel/fork.c), and pthread_join waits for that.
  if (futex.handoffs == 0 || futex.woken + futex.requeued_in > 0) return false;
  const bool only_waits = std::ranges::all_of(futex.operations, [](const auto& operation) {
    return operation.first == "WAIT" || operation.first == "WAIT_BITSET";
  });
  const bool in_stack = futex.place.name == "[anonymous]" || futex.place.name == "[stack]";
  return only_waits && in_stack;
}

LockTimes times_of(const Histogram& values, std::uint64_t ns) {
  LockTimes times;
  times.count = values.count();
  if (times.count == 0) return times;
  times.mean_ns = static_cast<double>(ns) / static_cast<double>(times.count);
  times.p50_ns = values.quantile(0.5);
  times.p99_ns = values.quantile(0.99);
  return times;
}

std::optional<double> each(std::uint64_t number, std::optional<std::uint64_t> messages) {
  if (!messages || *messages == 0) return std::nullopt;
  return static_cast<double>(number) / static_cast<double>(*messages);
}

class LockRows {
 public:
  LockRows(const Snapshot& snapshot, std::optional<std::uint64_t> messages)
      : snapshot_(snapshot), locks_(*snapshot.locks), messages_(messages) {}

  std::vector<LockRow> build() {
    // All of one process's GIL is one lock; else each futex is.
    std::map<std::int64_t, LockRow> gils;
    std::vector<LockRow> rows;
    for (const Futex& futex : locks_.futexes) {
      const LockIdentity identity = identify(futex);
      const bool of_gil = identity == LockIdentity::kGil || identity == LockIdentity::kNearGil;
      LockRow& row = of_gil ? gils[futex.pid] : rows.emplace_back();
      row.identity = identity;
      row.futexes.push_back(&futex);
    }
    for (auto& [pid, row] : gils)
      rows.push_back(std::move(row));
    for (LockRow& row : rows)
      fill(row);
    std::ranges::stable_sort(rows, std::greater(), &LockRow::wait_ns);
    return rows;
  }

 private:
  void fill(LockRow& row) const {
    Histogram wait(kKernelBuckets);
    Histogram handoff(kKernelBuckets);
    std::uint64_t handoff_ns = 0;
    std::map<std::pair<std::string, std::string>, LockHandoffs> by_name;
    for (const Futex* futex : row.futexes) {
      for (const auto& [operation, count] : futex->operations)
        row.calls += count;
      row.waits += futex->waits;
      row.wait_ns += futex->wait_ns;
      row.woken += futex->woken;
      row.woke_nobody += futex->woke_nobody;
      row.changed += futex->changed;
      row.timeouts += futex->timeouts;
      row.most_waiters = std::max(row.most_waiters, futex->most_waiters);
      row.waited_share = std::max(row.waited_share, of_window(futex->waited_ns));
      handoff_ns += futex->handoff_ns;
      wait.merge(to_histogram(futex->wait, kKernelBuckets));
      handoff.merge(to_histogram(futex->handoff, kKernelBuckets));
      for (const LockHandoffs& handoffs : futex->handoffs_by_name) {
        LockHandoffs& sum = by_name[{handoffs.waker, handoffs.woken}];
        sum.waker = handoffs.waker;
        sum.woken = handoffs.woken;
        sum.count += handoffs.count;
        sum.pairs = std::max(sum.pairs, handoffs.pairs);
      }
    }
    row.waits_per_message = each(row.waits, messages_);
    row.wait_ns_per_message = each(row.wait_ns, messages_);
    row.wait = times_of(wait, row.wait_ns);
    row.handoff = times_of(handoff, handoff_ns);
    row.mean_waiters = of_window(row.wait_ns);
    for (auto& [names, handoffs] : by_name)
      row.handoffs.push_back(std::move(handoffs));
    std::ranges::stable_sort(row.handoffs, std::greater(), &LockHandoffs::count);
    find_hold(row);
    judge(row);
  }

  [[nodiscard]] double of_window(std::uint64_t ns) const {
    const std::uint64_t window = snapshot_.window_ns();
    return window == 0 ? 0 : static_cast<double>(ns) / static_cast<double>(window);
  }

  // What --lock-hold measured of the mutex at this address goes before what was estimated.
  void find_hold(LockRow& row) const {
    std::uint64_t holds = 0;
    std::uint64_t ns = 0;
    if (locks_.holds && row.futexes.size() == 1 && row.identity == LockIdentity::kPlain)
      for (const MutexHold& mutex : *locks_.holds)
        if (mutex.pid == row.futexes.front()->pid &&
            mutex.address == row.futexes.front()->address) {
          holds = mutex.holds;
          ns = mutex.hold_ns;
          row.hold_measured = true;
        }
    if (holds == 0)
      for (const Futex* futex : row.futexes) {
        holds += futex->holds;
        ns += futex->hold_ns;
      }
    if (holds > 0) row.hold_ns = static_cast<double>(ns) / static_cast<double>(holds);
  }

  void judge(LockRow& row) const {
    std::uint64_t holds = 0;
    for (const Futex* futex : row.futexes)
      holds += futex->holds;
    const bool is_lock = row.handoff.count > 0 && holds * 2 >= row.handoff.count;
    const double window_s = static_cast<double>(snapshot_.window_ns()) / 1e9;
    const bool is_frequent =
        row.waits_per_message ? *row.waits_per_message >= kConvoyWaits
                              : static_cast<double>(row.waits) >= kConvoyWaitsPerSecond * window_s;
    if (row.identity == LockIdentity::kOthers || !is_lock || !is_frequent || !row.hold_ns ||
        row.waited_share <= kConvoyWaited || row.handoff.mean_ns <= *row.hold_ns)
      return;
    row.convoy = Convoy{row.handoff.mean_ns, *row.hold_ns, row.hold_measured};
  }

  const Snapshot& snapshot_;
  const Locks& locks_;
  std::optional<std::uint64_t> messages_;
};

}  // namespace

LockIdentity identify(const DataPlace& place) {
  if (place.name == "_PyRuntime") {
    // From 3.7 to 3.12 the only pthread objects that _PyRuntime holds by value, not by pointer, are
    // the GIL's two mutexes and condition variables (CPython, Include/internal/pycore_gil.h; since
    // 3.12 in the main interpreter, which is a part of it). 3.13 has other locks there too.
    const auto minor = python_minor(place.module);
    return minor && *minor >= 7 && *minor <= 12 ? LockIdentity::kGil : LockIdentity::kNearGil;
  }
  if (place.name == "main_arena") return LockIdentity::kMallocArena;
  if (place.name.starts_with("_IO_stdfile_") || place.name.starts_with("_IO_lock"))
    return LockIdentity::kStdio;
  return LockIdentity::kPlain;
}

LockIdentity identify(const Futex& futex) {
  if (futex.kind == "others") return LockIdentity::kOthers;
  const LockIdentity identity = identify(futex.place);
  return identity == LockIdentity::kPlain && is_futex_of_thread_end(futex)
             ? LockIdentity::kThreadEnd
             : identity;
}

std::optional<LockMetrics> lock_metrics(const Snapshot& snapshot,
                                        std::optional<std::uint64_t> messages) {
  if (!snapshot.locks) return std::nullopt;
  LockMetrics metrics;
  metrics.rows = LockRows(snapshot, messages).build();
  if (snapshot.locks->kernel)
    for (const KernelLock& lock : *snapshot.locks->kernel)
      metrics.kernel.push_back({&lock, each(lock.ns, messages)});
  if (snapshot.locks->holds)
    for (const MutexHold& mutex : *snapshot.locks->holds)
      metrics.holds.push_back({&mutex,
                               times_of(to_histogram(mutex.hold, kKernelBuckets), mutex.hold_ns),
                               each(mutex.holds, messages)});
  return metrics;
}

}  // namespace tr::metrics
