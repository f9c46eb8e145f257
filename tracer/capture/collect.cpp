#include "capture/collect.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>
#include <tuple>
#include <utility>

namespace tr::capture {
namespace {

// By enum tr_object; part of files and reports, never changed.
constexpr std::array<std::string_view, TR_OBJECTS> kObjectNames{
    "",      "client",  "listener", "socket",   "pipe",     "file", "device",
    "epoll", "eventfd", "timerfd",  "signalfd", "io_uring", "other"};

// By enum tr_waker, then "nobody": asleep when the window closed.
constexpr std::array<std::string_view, TR_WAKERS> kWakerNames{
    "unknown", "server", "load", "other", "kernel", "network", "timer", "interrupt"};
constexpr std::uint32_t kNobody = TR_WAKERS;
static_assert(kNobody < 16);

// One call's figures while they are added up; `latency` by bucket number.
struct CallSum {
  std::uint64_t calls = 0;
  std::uint64_t carried_in = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t errors = 0;
  std::uint64_t total_ns = 0;
  std::uint64_t cpu_ns = 0;
  std::uint64_t returned = 0;
  std::uint64_t empty = 0;
  std::uint64_t in_vain = 0;
  std::map<int, std::uint64_t> errors_by_errno;
  std::map<std::size_t, std::uint64_t> latency;

  [[nodiscard]] bool touched() const { return calls + carried_in + errors + total_ns != 0; }
};

std::string call_name(std::uint32_t number, const Names& names) {
  if (number == TR_CALL_IO_WORKER) return std::string(kIoWorker);
  if (number == TR_CALL_SQPOLL) return std::string(kSqpoll);
  const std::uint32_t plain = number & ~TR_CALL_COMPAT;
  return plain == TR_CALL_OTHER
             ? "(no such call)"
             : names.syscall(static_cast<int>(plain), (number & TR_CALL_COMPAT) != 0);
}

// When the wake-up of a thread that is still asleep, or was about to be woken, had begun; the
// window's close if it had not.
std::uint64_t wake_of(const RawCounts& raw, const tr_thread& record) {
  const bool waking = record.waking_ns != 0 && record.waking_ns < raw.window_close_ns;
  return waking ? std::max<std::uint64_t>(record.waking_ns, record.since_ns) : raw.window_close_ns;
}

struct WaitSum {
  std::uint64_t count = 0;
  std::uint64_t ns = 0;
};

// One thread's figures, or all threads', while they are added up.
struct Sum {
  std::array<std::uint64_t, TR_STATES> state_ns{};
  std::array<std::uint64_t, TR_COUNTERS> counters{};
  std::map<std::uint32_t, CallSum> calls;  // by call number as the probes keep it
  std::map<std::uint32_t, std::uint64_t> futex;
  std::map<std::uint32_t, std::uint64_t> woke_nobody;  // by futex operation, too
  std::map<std::uint32_t, WaitSum> waits;              // by TR_WAIT_KEY
  UringSum uring;

  void add_cell(std::uint32_t key, std::uint64_t count) {
    if (uring.add_cell(key, count)) return;
    const std::uint32_t call = TR_CELL_CALL(key);
    const std::uint32_t value = TR_CELL_VALUE(key);
    switch (TR_CELL_KIND(key)) {
      case TR_CELL_LATENCY:
        calls[call].latency[value] += count;
        break;
      case TR_CELL_ERRNO:
        calls[call].errors_by_errno[static_cast<int>(value)] += count;
        break;
      case TR_CELL_FUTEX:
        futex[value] += count;
        break;
      case TR_CELL_CARRIED_IN:
        calls[call].carried_in += count;
        break;
      case TR_CELL_IN_FLIGHT:
        calls[call].in_flight += count;
        break;
      case TR_CELL_CALLS:
        calls[call].calls += count;
        break;
      case TR_CELL_ERRORS:
        calls[call].errors += count;
        break;
      case TR_CELL_TOTAL_NS:
        calls[call].total_ns += count;
        break;
      case TR_CELL_CPU_NS:
        calls[call].cpu_ns += count;
        break;
      case TR_CELL_RETURNED:
        calls[call].returned += count;
        break;
      case TR_CELL_EMPTY:
        calls[call].empty += count;
        break;
      case TR_CELL_IN_VAIN:
        calls[call].in_vain += count;
        break;
      case TR_CELL_WOKE_NOBODY:
        woke_nobody[value] += count;
        break;
      case TR_CELL_WAITS:
        waits[call << 8 | value].count += count;
        break;
      case TR_CELL_WAIT_NS:
        waits[call << 8 | value].ns += count;
        break;
      default:
        break;
    }
  }

  void add(const Sum& other) {
    uring.add(other.uring);
    for (std::size_t i = 0; i < state_ns.size(); ++i)
      state_ns[i] += other.state_ns[i];
    for (std::size_t i = 0; i < counters.size(); ++i)
      counters[i] += other.counters[i];
    for (const auto& [operation, count] : other.futex)
      futex[operation] += count;
    for (const auto& [operation, count] : other.woke_nobody)
      woke_nobody[operation] += count;
    for (const auto& [key, theirs] : other.waits) {
      waits[key].count += theirs.count;
      waits[key].ns += theirs.ns;
    }
    for (const auto& [number, theirs] : other.calls) {
      CallSum& ours = calls[number];
      ours.calls += theirs.calls;
      ours.carried_in += theirs.carried_in;
      ours.in_flight += theirs.in_flight;
      ours.errors += theirs.errors;
      ours.total_ns += theirs.total_ns;
      ours.cpu_ns += theirs.cpu_ns;
      ours.returned += theirs.returned;
      ours.empty += theirs.empty;
      ours.in_vain += theirs.in_vain;
      for (const auto& [error, count] : theirs.errors_by_errno)
        ours.errors_by_errno[error] += count;
      for (const auto& [bucket, count] : theirs.latency)
        ours.latency[bucket] += count;
    }
  }
};

class Collector {
 public:
  Collector(const RawCounts& raw, const Names& names) : raw_(raw), names_(names) {}

  Collected run() {
    Collected result;
    Sum total;
    for (const tr_thread& record : raw_.records) {
      if (record.serial == 0) continue;
      const Sum sum = sum_of(record);
      total.add(sum);
      if (touches_window(record)) result.threads.push_back(thread_of(record, sum));
    }
    total.add(folded());
    result.total = task_counts(total);
    result.total.uring = total.uring.result(&raw_.uring_under_way);
    result.folded_threads = raw_.folded.threads;
    result.folded_life_ns = raw_.folded.life_ns;
    if (raw_.budget) result.cpu_time = cpu_time();
    if (raw_.paths) result.message_path = message_path(*raw_.paths);
    if (raw_.hops) result.message_hops = message_hops(raw_, *raw_.hops);
    std::sort(result.threads.begin(), result.threads.end(), [](const auto& a, const auto& b) {
      return std::tie(a.tgid, a.tid) < std::tie(b.tgid, b.tid);
    });
    return result;
  }

 private:
  [[nodiscard]] std::uint64_t inside(std::uint64_t from, std::uint64_t to) const {
    return capture::inside(raw_, from, to);
  }

  [[nodiscard]] std::uint64_t end_of_life(const tr_thread& record) const {
    return record.died_ns == 0 ? raw_.window_close_ns : record.died_ns;
  }

  [[nodiscard]] bool touches_window(const tr_thread& record) const {
    if (raw_.counts_only) return true;
    return record.born_ns != 0 && inside(record.born_ns, end_of_life(record)) > 0;
  }

  // The record's counts, with what it left open closed at the window's end.
  [[nodiscard]] Sum sum_of(const tr_thread& record) const {
    Sum sum;
    std::copy(std::begin(record.state_ns), std::end(record.state_ns), sum.state_ns.begin());
    std::copy(std::begin(record.counters), std::end(record.counters), sum.counters.begin());
    for (const tr_call& slot : record.calls) {
      if (slot.call == 0) continue;
      CallSum& call = sum.calls[slot.call - 1];
      call.calls += slot.calls;
      call.errors += slot.errors;
      call.total_ns += slot.total_ns;
      call.cpu_ns += slot.cpu_ns;
      call.returned += slot.returned;
      call.empty += slot.empty;
      call.in_vain += slot.in_vain;
    }
    for (const tr_wait& slot : record.waits) {
      if (slot.key == 0) continue;
      sum.waits[slot.key - 1].count += slot.count;
      sum.waits[slot.key - 1].ns += slot.ns;
    }
    for (const std::uint64_t cell : record.cells)
      if (cell != 0)
        sum.add_cell(static_cast<std::uint32_t>(cell >> 32), static_cast<std::uint32_t>(cell));
    for (auto it = raw_.spilled.lower_bound({record.serial, 0});
         it != raw_.spilled.end() && it->first.first == record.serial; ++it)
      sum.add_cell(it->first.second, it->second);
    if (!raw_.counts_only && record.died_ns == 0) close_open_ends(sum, record);
    return sum;
  }

  void close_open_ends(Sum& sum, const tr_thread& record) const {
    const std::uint64_t rest = inside(record.since_ns, raw_.window_close_ns);
    if (record.state == TR_STATE_BLOCKED)
      close_wait(sum, record);
    else if (record.state < TR_STATES)
      sum.state_ns[record.state] += rest;
    close_call(sum, record.call, record.call_since_ns,
               record.call_cpu_ns + (record.state == TR_STATE_SYSTEM ? rest : 0));
    close_call(sum, record.restarted_call, record.restarted_since_ns, record.restarted_cpu_ns);
  }

  // As the probes' woken_up(), for a thread that is still asleep, or whose wake-up is under way.
  void close_wait(Sum& sum, const tr_thread& record) const {
    const std::uint64_t close = raw_.window_close_ns;
    if (record.since_ns >= close) return;
    const std::uint64_t woken = wake_of(raw_, record);
    sum.state_ns[TR_STATE_BLOCKED] += inside(record.since_ns, woken);
    sum.state_ns[TR_STATE_WAKING] += inside(woken, close);
    if (const auto open = open_wait(raw_, record)) {
      WaitSum& wait = sum.waits[open->cause];
      ++wait.count;
      wait.ns += open->ns;
    }
  }

  // A CPU's time since its last switch is that of who runs there still.
  [[nodiscard]] CpuTime cpu_time() const {
    CpuTime time;
    std::array<std::uint64_t, TR_OWNERS> ns{};
    const std::uint64_t window_ns = raw_.window_close_ns - raw_.window_open_ns;
    for (const tr_cpu& cpu : raw_.cpus) {
      std::array<std::uint64_t, TR_OWNERS> own{};
      for (std::size_t owner = 0; owner < own.size(); ++owner)
        own[owner] = cpu.owner_ns[owner];
      own.at(cpu.owner) += inside(cpu.since_ns, raw_.window_close_ns);
      // Where the last thread's end closes the window, another CPU may switch before it hears of
      // that, some hundred ns behind the close. They are no thread's of the tree: it has ended.
      const std::uint64_t all = std::accumulate(own.begin(), own.end(), std::uint64_t{0});
      if (all > window_ns) {
        own[TR_OWNER_TREE] = 0;
        std::uint64_t& longest = *std::max_element(own.begin(), own.end());
        longest -= std::min(longest, all - window_ns);
        own[TR_OWNER_TREE] = cpu.owner_ns[TR_OWNER_TREE];
        if (cpu.owner == TR_OWNER_TREE)
          own[TR_OWNER_TREE] += inside(cpu.since_ns, raw_.window_close_ns);
      }
      for (std::size_t owner = 0; owner < own.size(); ++owner)
        ns[owner] += own[owner];
    }
    time.cpus = raw_.cpus.size();
    time.server_ns = ns[TR_OWNER_TREE];
    time.load_ns = ns[TR_OWNER_LOAD];
    time.other_ns = ns[TR_OWNER_OTHER];
    time.kernel_ns = ns[TR_OWNER_KERNEL];
    time.idle_ns = ns[TR_OWNER_IDLE];
    time.unknown_ns = ns[TR_OWNER_UNKNOWN];
    return time;
  }

  // As the probes' close_call(), for a call that is still under way.
  void close_call(Sum& sum, std::uint32_t call, std::uint64_t since, std::uint64_t cpu_ns) const {
    if (call == TR_NO_CALL || since >= raw_.window_close_ns) return;
    const std::uint64_t duration = inside(since, raw_.window_close_ns);
    CallSum& entry = sum.calls[call];
    entry.total_ns += duration;
    entry.cpu_ns += cpu_ns;
    ++entry.latency[kKernelBuckets.index(duration)];
    ++entry.in_flight;
    if (since < raw_.window_open_ns) ++entry.carried_in;
  }

  [[nodiscard]] Sum folded() const {
    Sum sum;
    std::copy(std::begin(raw_.folded.state_ns), std::end(raw_.folded.state_ns),
              sum.state_ns.begin());
    std::copy(std::begin(raw_.folded.counters), std::end(raw_.folded.counters),
              sum.counters.begin());
    // Serial 0 holds their tables; a folded thread's own spill stays under its own serial.
    std::vector<std::uint32_t> alive;
    for (const tr_thread& record : raw_.records)
      if (record.serial != 0) alive.push_back(record.serial);
    std::sort(alive.begin(), alive.end());
    for (const auto& [key, count] : raw_.spilled)
      if (!std::binary_search(alive.begin(), alive.end(), key.first))
        sum.add_cell(key.second, count);
    return sum;
  }

  [[nodiscard]] ThreadCounts thread_of(const tr_thread& record, const Sum& sum) const {
    ThreadCounts thread;
    thread.tid = record.tid;
    thread.tgid = record.tgid;
    const char* const end = std::find(std::begin(record.comm), std::end(record.comm), '\0');
    thread.comm.assign(std::begin(record.comm), end);
    thread.life_ns = record.born_ns == 0 ? 0 : inside(record.born_ns, end_of_life(record));
    thread.exited = record.died_ns != 0 && record.died_ns <= raw_.window_close_ns;
    thread.counts = task_counts(sum);
    return thread;
  }

  [[nodiscard]] TaskCounts task_counts(const Sum& sum) const {
    TaskCounts counts;
    counts.voluntary_switches = sum.counters[TR_VOLUNTARY_SWITCHES];
    counts.involuntary_switches = sum.counters[TR_INVOLUNTARY_SWITCHES];
    counts.migrations = sum.counters[TR_MIGRATIONS];
    counts.wakeups = sum.counters[TR_WAKEUPS];
    counts.user_ns = sum.state_ns[TR_STATE_USER];
    counts.system_ns = sum.state_ns[TR_STATE_SYSTEM] + sum.state_ns[TR_STATE_DELIVERY] +
                       sum.state_ns[TR_STATE_INTERRUPT];
    counts.runqueue_ns = sum.state_ns[TR_STATE_WOKEN] + sum.state_ns[TR_STATE_PREEMPTED];
    counts.blocked_ns = sum.state_ns[TR_STATE_BLOCKED] + sum.state_ns[TR_STATE_WAKING];
    if (raw_.budget) counts.budget = budget(sum);
    counts.received_messages = sum.counters[TR_RECEIVED_MESSAGES];
    counts.received_bytes = sum.counters[TR_RECEIVED_BYTES];
    counts.sent_messages = sum.counters[TR_SENT_MESSAGES];
    counts.sent_bytes = sum.counters[TR_SENT_BYTES];
    counts.served_messages = sum.counters[TR_SERVED_MESSAGES];
    counts.served_bytes = sum.counters[TR_SERVED_BYTES];
    counts.inter_server_messages = sum.counters[TR_INTER_SERVER_MESSAGES];
    for (const auto& [operation, count] : sum.futex)
      counts.futex[names_.futex(operation)] += count;
    if (!raw_.counts_only) counts.woke_nobody.emplace();
    for (const auto& [operation, count] : sum.woke_nobody)
      (*counts.woke_nobody)[names_.futex(operation)] += count;
    for (const auto& [number, call] : sum.calls)
      if (call.touched() && !is_kernel_worker(number))
        counts.syscalls.push_back(syscall_stats(number, call));
    std::sort(counts.syscalls.begin(), counts.syscalls.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    counts.uring = sum.uring.result();
    return counts;
  }

  // What threads do that never leave the kernel is kept as a call, and is none.
  static bool is_kernel_worker(std::uint32_t call) {
    return call == TR_CALL_IO_WORKER || call == TR_CALL_SQPOLL;
  }

  static std::optional<std::uint64_t> worker_ns(const Sum& sum, std::uint32_t kind) {
    const auto found = sum.calls.find(kind);
    if (found == sum.calls.end()) return std::nullopt;
    return found->second.cpu_ns;
  }

  [[nodiscard]] Budget budget(const Sum& sum) const {
    Budget budget;
    budget.delivery_ns = sum.state_ns[TR_STATE_DELIVERY];
    budget.interrupt_ns = sum.state_ns[TR_STATE_INTERRUPT];
    budget.woken_ns = sum.state_ns[TR_STATE_WOKEN];
    budget.preempted_ns = sum.state_ns[TR_STATE_PREEMPTED];
    budget.waking_ns = sum.state_ns[TR_STATE_WAKING];
    budget.io_worker_ns = worker_ns(sum, TR_CALL_IO_WORKER);
    budget.sqpoll_ns = worker_ns(sum, TR_CALL_SQPOLL);
    for (const auto& [key, sums] : sum.waits) {
      Wait wait = name_cause(key, names_);
      wait.count = sums.count;
      wait.ns = sums.ns;
      budget.waits.push_back(std::move(wait));
    }
    std::sort(budget.waits.begin(), budget.waits.end(), [](const Wait& a, const Wait& b) {
      return std::tie(a.call, a.object, a.waker) < std::tie(b.call, b.object, b.waker);
    });
    return budget;
  }

  [[nodiscard]] SyscallStats syscall_stats(std::uint32_t number, const CallSum& call) const {
    SyscallStats stats;
    stats.compat = (number & TR_CALL_COMPAT) != 0;
    const std::uint32_t plain = number & ~TR_CALL_COMPAT;
    stats.number = plain == TR_CALL_OTHER ? -1 : static_cast<int>(plain);
    stats.name = call_name(number, names_);
    stats.calls = call.calls;
    stats.carried_in = call.carried_in;
    stats.in_flight = call.in_flight;
    stats.errors = call.errors;
    stats.total_ns = call.total_ns;
    if (raw_.budget) stats.cpu_ns = call.cpu_ns;
    if (raw_.counts_only) return stats;
    stats.returned = call.returned;
    stats.empty = call.empty;
    if (raw_.budget) stats.in_vain = call.in_vain;
    stats.errors_by_errno = call.errors_by_errno;
    for (const auto& [bucket, count] : call.latency)
      stats.latency.push_back({bucket, count});
    return stats;
  }

  const RawCounts& raw_;
  const Names& names_;
};

}  // namespace

std::uint64_t inside(const RawCounts& raw, std::uint64_t from, std::uint64_t to) {
  from = std::max(from, raw.window_open_ns);
  to = std::min(to, raw.window_close_ns);
  return to > from ? to - from : 0;
}

std::optional<OpenWait> open_wait(const RawCounts& raw, const tr_thread& record) {
  if (!raw.budget || record.serial == 0 || record.died_ns != 0 ||
      record.state != TR_STATE_BLOCKED || record.since_ns >= raw.window_close_ns)
    return std::nullopt;
  const std::uint64_t woken = wake_of(raw, record);
  if (woken <= raw.window_open_ns) return std::nullopt;
  const std::uint32_t call = record.call == TR_NO_CALL ? TR_CALL_NONE : record.call;
  const std::uint32_t waker = woken < raw.window_close_ns ? record.waker : kNobody;
  return OpenWait{.cause = TR_WAIT_KEY(call, record.object, waker),
                  .ns = inside(raw, record.since_ns, woken)};
}

Wait name_cause(std::uint32_t wait_key, const Names& names) {
  const std::uint32_t object = wait_key >> 4 & 15;
  const std::uint32_t waker = wait_key & 15;
  Wait wait;
  if (wait_key >> 8 != TR_CALL_NONE) wait.call = call_name(wait_key >> 8, names);
  if (object < kObjectNames.size()) wait.object = kObjectNames[object];
  wait.waker = waker < kWakerNames.size() ? kWakerNames[waker] : "nobody";
  return wait;
}

Collected collect(const RawCounts& raw, const Names& names) {
  return Collector(raw, names).run();
}

}  // namespace tr::capture
