#include "metrics/waste.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string_view>

#include "snapshot/calls_for_events.h"

namespace tr::metrics {
namespace {

// WAKE, WAKE_OP, WAKE_BITSET, REQUEUE, CMP_REQUEUE, with or without _PRIVATE.
bool wakes(std::string_view operation) {
  return operation.starts_with("WAKE") || operation.starts_with("REQUEUE") ||
         operation.starts_with("CMP_REQUEUE");
}

double share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::optional<Waste> find_waste(const Snapshot& snapshot, std::optional<std::uint64_t> messages) {
  const TaskCounts& total = snapshot.total;
  if (!total.woke_nobody) return std::nullopt;
  Waste waste;
  const auto add = [&](WasteRow::Kind kind, const std::string& call, std::uint64_t count,
                       std::uint64_t of) {
    if (count == 0) return;
    WasteRow row;
    row.kind = kind;
    row.call = call;
    row.count = count;
    if (messages) row.per_message = share_of(count, *messages);
    row.share = share_of(count, of);
    waste.rows.push_back(std::move(row));
  };
  for (const SyscallStats& stats : total.syscalls) {
    if (const auto again = stats.errors_by_errno.find(EAGAIN); again != stats.errors_by_errno.end())
      add(WasteRow::Kind::kAgain, stats.name, again->second, stats.calls);
    add(WasteRow::Kind::kInVain, stats.name, stats.in_vain.value_or(0), stats.calls);
    if (!waits_for_events(stats.name) || stats.calls == 0) continue;
    add(WasteRow::Kind::kEmpty, stats.name, stats.empty.value_or(0), stats.calls);
    if (stats.returned)
      waste.batches.push_back({stats.name, share_of(*stats.returned, stats.calls)});
  }
  std::uint64_t woke_nobody = 0;
  for (const auto& [operation, count] : *total.woke_nobody)
    woke_nobody += count;
  std::uint64_t wake_calls = 0;
  for (const auto& [operation, count] : total.futex)
    if (wakes(operation)) wake_calls += count;
  add(WasteRow::Kind::kWokeNobody, "futex", woke_nobody, wake_calls);
  std::ranges::stable_sort(waste.rows, std::greater(), &WasteRow::count);
  return waste;
}

}  // namespace tr::metrics
