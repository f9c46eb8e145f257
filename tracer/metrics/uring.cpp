#include "metrics/uring.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>

namespace tr::metrics {
namespace {

double average(std::uint64_t sum, std::uint64_t number) {
  return static_cast<double>(sum) / static_cast<double>(number);
}

std::uint64_t less(std::uint64_t whole, std::uint64_t part) {
  return whole > part ? whole - part : 0;
}

UringRow row_of(const UringOperation& counts, std::optional<std::uint64_t> messages) {
  UringRow row;
  row.counts = counts;
  for (const auto& [error, count] : counts.errors_by_errno)
    (error == ECANCELED ? row.cancelled : row.errors) += count;
  row.silent = less(counts.silent, counts.broke_silence);
  if (messages) row.per_message = average(std::max(counts.submitted, counts.completed), *messages);
  if (!counts.latency.empty()) {
    const Histogram latency = to_histogram(counts.latency, kKernelBuckets);
    row.p50_ns = latency.quantile(0.5);
    row.p99_ns = latency.quantile(0.99);
  }
  return row;
}

std::uint64_t enters_of(const TaskCounts& counts) {
  for (const SyscallStats& call : counts.syscalls)
    if (call.name == "io_uring_enter" && !call.compat) return call.calls;
  return 0;
}

std::vector<UringProcess> processes_of(const Snapshot& snapshot) {
  std::map<std::int64_t, UringProcess> processes;
  for (const ThreadCounts& thread : snapshot.threads) {
    if (!thread.counts.uring) continue;
    UringProcess& process = processes[thread.tgid];
    process.tgid = thread.tgid;
    for (const UringOperation& operation : thread.counts.uring->operations) {
      process.submitted += operation.submitted;
      process.completed += operation.completed;
    }
  }
  std::vector<UringProcess> list;
  list.reserve(processes.size());
  for (const auto& [tgid, process] : processes)
    list.push_back(process);
  return list;
}

}  // namespace

std::optional<UringUse> uring_use(const Snapshot& snapshot, std::optional<std::uint64_t> messages) {
  const auto& uring = snapshot.total.uring;
  if (!uring) return std::nullopt;
  UringUse use;
  use.notifications = uring->notifications;
  use.overflowed = uring->overflowed;
  for (const UringOperation& operation : uring->operations) {
    use.rows.push_back(row_of(operation, messages));
    use.submitted += operation.submitted;
    use.by_sqpoll += operation.by_sqpoll;
    use.completed += operation.completed;
    use.outside_calls += operation.outside_calls;
    use.unknown_start += operation.unknown_start;
  }
  std::ranges::stable_sort(use.rows, std::greater(), [](const UringRow& row) {
    return std::max(row.counts.submitted, row.counts.completed);
  });
  use.enters = enters_of(snapshot.total);
  if (use.enters > 0) {
    use.submitted_per_enter = average(less(use.submitted, use.by_sqpoll), use.enters);
    use.completed_per_enter = average(use.completed, use.enters);
  }
  use.processes = processes_of(snapshot);
  return use;
}

bool misses_uring(const Snapshot& snapshot) {
  if (snapshot.total.uring) return false;
  const bool looked_for = !snapshot.unmeasured.contains(Figures::kUring);
  return !looked_for && std::ranges::any_of(snapshot.total.syscalls, [](const auto& call) {
    return call.calls + call.carried_in > 0 && call.name.starts_with("io_uring_");
  });
}

}  // namespace tr::metrics
