#include "metrics/waits.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "metrics/budget.h"

namespace tr::metrics {
namespace {

void add(Durations& sum, const Durations& more) {
  Histogram all = to_histogram(sum.buckets, kKernelBuckets);
  all.merge(to_histogram(more.buckets, kKernelBuckets));
  sum.buckets = all.buckets();
  sum.count += more.count;
  sum.ns += more.ns;
  sum.max_ns = std::max(sum.max_ns, more.max_ns);
}

bool is_idle(const WaitCause& cause) {
  Wait wait;
  wait.call = cause.call;
  wait.object = cause.object;
  return waits_for_work(wait);
}

// A group while it grows; in maps, because a file may hold any number of causes.
struct GroupSum {
  WaitGroup group;
  std::set<std::int64_t> processes;
  std::map<std::pair<std::string, std::string>, WaitCause> wakers;  // by kind and name
};

void add(GroupSum& sum, const WaitCause& cause) {
  WaitGroup& group = sum.group;
  if (sum.wakers.empty()) {
    group.at = cause;
    group.idle = is_idle(cause);
  }
  sum.processes.insert(cause.tgid);
  add(group.waits, cause.waits);
  add(group.run_queue, cause.run_queue);
  const auto [waker, fresh] = sum.wakers.try_emplace({cause.waker, cause.waker_name}, cause);
  if (fresh) return;
  add(waker->second.waits, cause.waits);
  add(waker->second.run_queue, cause.run_queue);
}

WaitGroup finished(GroupSum sum) {
  WaitGroup group = std::move(sum.group);
  group.processes = sum.processes.size();
  for (auto& [name, waker] : sum.wakers)
    group.wakers.push_back(std::move(waker));
  std::ranges::stable_sort(group.wakers, std::greater(),
                           [](const WaitCause& cause) { return cause.waits.ns; });
  return group;
}

std::vector<HandoffRow> rows_of(const std::vector<Handoff>& handoffs) {
  std::map<std::pair<std::string, std::string>, HandoffRow> sums;
  for (const Handoff& handoff : handoffs) {
    HandoffRow& row = sums[{handoff.waker, handoff.sleeper}];
    row.waker = handoff.waker;
    row.sleeper = handoff.sleeper;
    row.count += handoff.count;
    ++row.pairs;
  }
  std::vector<HandoffRow> rows;
  for (auto& [names, row] : sums)
    rows.push_back(std::move(row));
  std::ranges::stable_sort(rows, std::greater(), &HandoffRow::count);
  return rows;
}

}  // namespace

Spread spread_of(const Durations& durations) {
  Spread spread;
  spread.count = durations.count;
  spread.ns = durations.ns;
  spread.max_ns = durations.max_ns;
  const std::vector<Histogram::Bucket> buckets(durations.buckets.begin(), durations.buckets.end());
  const Histogram histogram(kKernelBuckets, buckets, durations.ns, durations.max_ns);
  if (durations.count == 0 || histogram.count() != durations.count) return spread;
  spread.p50_ns = histogram.quantile(0.5);
  spread.p90_ns = histogram.quantile(0.9);
  spread.p99_ns = histogram.quantile(0.99);
  return spread;
}

std::optional<WaitFigures> wait_figures(const Snapshot& snapshot) {
  if (!snapshot.waits) return std::nullopt;
  using Place = std::tuple<std::string, std::string, std::string, std::uint64_t, std::uint64_t>;
  std::map<Place, GroupSum> sums;
  for (const WaitCause& cause : snapshot.waits->causes)
    add(sums[{cause.call, cause.object, cause.place, cause.which, cause.far_port}], cause);
  WaitFigures figures;
  for (auto& [place, sum] : sums)
    figures.groups.push_back(finished(std::move(sum)));
  std::ranges::stable_sort(figures.groups, std::greater(),
                           [](const WaitGroup& group) { return group.waits.ns; });
  figures.handoffs = rows_of(snapshot.waits->handoffs);
  return figures;
}

}  // namespace tr::metrics
