#include "metrics/budget.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "snapshot/calls_for_events.h"

namespace tr::metrics {
namespace {

// Like those that wait for events, they return when there is something to do.
constexpr std::array<std::string_view, 3> kWaitForWork{"accept", "accept4", "io_uring_enter"};
constexpr std::array<std::string_view, 5> kReceive{"read", "readv", "recvfrom", "recvmmsg",
                                                   "recvmsg"};

std::uint64_t less(std::uint64_t whole, std::uint64_t part) {
  return whole > part ? whole - part : 0;
}

TimeRow row_of(TimeState state, std::uint64_t ns, std::string call = {}, std::string object = {}) {
  TimeRow row;
  row.state = state;
  row.call = std::move(call);
  row.object = std::move(object);
  row.ns = ns;
  return row;
}

void add_waits(const Budget& budget, std::uint64_t blocked_ns, std::vector<TimeRow>& rows) {
  std::uint64_t known_ns = 0;
  for (const Wait& wait : budget.waits) {
    const TimeState state = waits_for_work(wait) ? TimeState::kIdle : TimeState::kBlocked;
    const auto same = [&](const TimeRow& row) {
      return row.state == state && row.call == wait.call && row.object == wait.object;
    };
    auto row = std::find_if(rows.begin(), rows.end(), same);
    if (row == rows.end()) row = rows.insert(row, row_of(state, 0, wait.call, wait.object));
    row->ns += wait.ns;
    row->times += wait.count;
    row->wakers.push_back(wait);
    known_ns += wait.ns;
  }
  if (blocked_ns > known_ns) rows.push_back(row_of(TimeState::kBlocked, blocked_ns - known_ns));
  for (TimeRow& row : rows)
    std::ranges::sort(row.wakers, std::greater(), &Wait::ns);
}

// The lines of one thread's budget, or of all threads'.
std::vector<TimeRow> rows_of(const TaskCounts& counts) {
  const Budget& budget = *counts.budget;
  std::vector<TimeRow> rows{row_of(TimeState::kUser, counts.user_ns),
                            row_of(TimeState::kDelivery, budget.delivery_ns),
                            row_of(TimeState::kInterrupt, budget.interrupt_ns),
                            row_of(TimeState::kWaking, budget.waking_ns),
                            row_of(TimeState::kWoken, budget.woken_ns),
                            row_of(TimeState::kPreempted, budget.preempted_ns)};
  std::uint64_t calls_ns = less(counts.system_ns, budget.delivery_ns + budget.interrupt_ns);
  for (const SyscallStats& call : counts.syscalls) {
    if (call.cpu_ns.value_or(0) == 0) continue;
    rows.push_back(row_of(TimeState::kSystem, *call.cpu_ns,
                          call.compat ? call.name + " (32-bit)" : call.name));
    calls_ns = less(calls_ns, *call.cpu_ns);
  }
  const auto add_worker = [&](std::string_view kind, std::optional<std::uint64_t> ns) {
    if (ns.value_or(0) == 0) return;
    rows.push_back(row_of(TimeState::kSystem, *ns, std::string(kind)));
    calls_ns = less(calls_ns, *ns);
  };
  add_worker(kIoWorker, budget.io_worker_ns);
  add_worker(kSqpoll, budget.sqpoll_ns);
  // Two interrupted calls of a thread, one inside the other's signal handler: one of them is known.
  if (calls_ns > 0) rows.push_back(row_of(TimeState::kSystem, calls_ns));
  add_waits(budget, less(counts.blocked_ns, budget.waking_ns), rows);
  std::ranges::stable_sort(rows, [](const TimeRow& a, const TimeRow& b) {
    return std::tie(a.state, b.ns) < std::tie(b.state, a.ns);
  });
  return rows;
}

std::uint64_t sum_of(const std::vector<TimeRow>& rows) {
  std::uint64_t ns = 0;
  for (const TimeRow& row : rows)
    ns += row.ns;
  return ns;
}

std::uint64_t apart(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : b - a;
}

}  // namespace

bool waits_for_work(const Wait& wait) {
  if (waits_for_events(wait.call) ||
      std::ranges::find(kWaitForWork, wait.call) != kWaitForWork.end())
    return true;
  if (wait.call == kIoWorker || wait.call == kSqpoll) return wait.object == "io_uring";
  const bool receives = std::ranges::find(kReceive, wait.call) != kReceive.end();
  return receives && (wait.object == "client" || wait.object == "epoll");
}

std::string state_name(const TimeRow& row) {
  const std::string call = row.call.empty() ? "unknown" : row.call;
  switch (row.state) {
    case TimeState::kUser:
      return "user";
    case TimeState::kSystem:
      return "system:" + call;
    case TimeState::kDelivery:
      return "delivery";
    case TimeState::kInterrupt:
      return "interrupt";
    case TimeState::kWaking:
      return "waking";
    case TimeState::kWoken:
      return "runqueue:woken";
    case TimeState::kPreempted:
      return "runqueue:preempted";
    case TimeState::kBlocked:
    case TimeState::kIdle:
      break;
  }
  const char* kind = row.state == TimeState::kIdle ? "idle:" : "blocked:";
  const std::string outside = row.wakers.empty() ? "unknown" : "none";
  return kind + (row.call.empty() ? outside : row.call) +
         (row.object.empty() ? "" : ":" + row.object);
}

std::uint64_t TimeBudget::sum(TimeState state) const {
  std::uint64_t ns = 0;
  for (const TimeRow& row : rows)
    if (row.state == state) ns += row.ns;
  return ns;
}

std::optional<TimeBudget> time_budget(const Snapshot& snapshot) {
  if (!snapshot.total.budget) return std::nullopt;
  TimeBudget budget;
  budget.rows = rows_of(snapshot.total);
  budget.cpus = snapshot.cpu_time;
  std::uint64_t kept_ns = 0;
  for (const ThreadCounts& thread : snapshot.threads) {
    budget.life_ns += thread.life_ns;
    if (!thread.counts.budget) continue;
    ThreadTime time;
    time.tid = thread.tid;
    time.comm = thread.comm;
    time.life_ns = thread.life_ns;
    time.rows = rows_of(thread.counts);
    const std::uint64_t spent = sum_of(time.rows);
    kept_ns += spent;
    time.residual_ns = static_cast<std::int64_t>(thread.life_ns - spent);
    budget.residual_ns += apart(thread.life_ns, spent);
    budget.threads.push_back(std::move(time));
  }
  const std::uint64_t folded_ns = snapshot.folded_life_ns.value_or(0);
  budget.life_ns += folded_ns;
  budget.residual_ns += apart(folded_ns, less(sum_of(budget.rows), kept_ns));
  return budget;
}

}  // namespace tr::metrics
