// What did the run cost, per message, per second and in total?
//
// Turns a snapshot's counts into the figures that reports show and explanations compare. Arithmetic
// only: no words for people, no privilege. What the snapshot did not measure is absent here too.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/budget.h"
#include "metrics/locks.h"
#include "metrics/message_hops.h"
#include "metrics/message_path.h"
#include "metrics/profile.h"
#include "metrics/steadiness.h"
#include "metrics/uring.h"
#include "metrics/waits.h"
#include "metrics/waste.h"
#include "snapshot/snapshot.h"

namespace tr::metrics {

// Who counted the messages that the figures are divided by.
enum class MessageSource {
  // Our load generator: whole answers that arrived inside the window. It alone knows what a message
  // is, and that it was answered.
  kLoad,
  // The kernel: receive operations that moved data on connections to the served port. The best that
  // there is when the load is not ours; right if the server reads each message with one call.
  kKernel,
};

struct Messages {
  // What per-message figures are divided by; absent when there were none.
  std::optional<std::uint64_t> count;
  MessageSource source = MessageSource::kLoad;
  std::optional<double> per_second;
  std::optional<std::uint64_t> by_load;  // absent where our load did not run
  // Where our load ran: bytes received on connections to the served port, in messages of the size
  // that the load sent. Else: receive operations there.
  std::optional<std::uint64_t> by_kernel;
  // |by_kernel - by_load| / by_load, from bytes; absent without both. Messages that are under way
  // at the window's edges are in one count and not yet in the other.
  std::optional<double> disagreement;
};

// What a unit (a message, a second, the window) costs on average. Whole-window counts are exact as
// doubles up to 2^53.
struct Costs {
  // All system calls, and those of the futex family (futex, futex_waitv, futex_wait, futex_wake,
  // futex_requeue).
  double syscalls = 0;
  double futex = 0;
  // Scheduling.
  std::optional<double> context_switches;  // voluntary and involuntary
  std::optional<double> voluntary_switches;
  std::optional<double> involuntary_switches;
  std::optional<double> migrations;
  std::optional<double> wakeups;
  std::optional<double> cpu_ns;  // user and system
  std::optional<double> user_ns;
  std::optional<double> system_ns;
  std::optional<double> runqueue_ns;
  std::optional<double> blocked_ns;
  // Socket operations that moved data, whatever call carried them.
  std::optional<double> receives;
  std::optional<double> received_bytes;
  std::optional<double> sends;
  std::optional<double>
      inter_server;  // of the sends: to ports of its own; absent if there are none
  std::optional<double> sent_bytes;
};

// What is known of a syscall's calls beyond their number.
struct SyscallResults {
  std::uint64_t errors = 0;
  std::map<int, std::uint64_t> errors_by_errno;
  std::uint64_t carried_in = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t total_ns = 0;
  std::optional<std::uint64_t> cpu_ns;  // as in SyscallStats, here and below
  std::optional<std::uint64_t> returned;
  std::optional<std::uint64_t> empty;
  std::optional<std::uint64_t> in_vain;
  // Within 6.25 %: middles of kKernelBuckets. Absent when no call ended or was cut.
  std::optional<std::uint64_t> p50_ns;
  std::optional<std::uint64_t> p99_ns;
};

struct SyscallRow {
  std::string name;  // a 32-bit call on a 64-bit kernel: "read (32-bit)"
  std::uint64_t calls = 0;
  std::optional<double> per_message;
  std::optional<double> per_second;
  std::optional<SyscallResults> results;  // absent where only calls were counted
};

// A thread's figures, or the sums over several threads. Those of an unmeasured group are 0.
struct ThreadRow {
  std::int64_t tid = 0;
  std::int64_t tgid = 0;
  std::string comm;
  bool exited = false;
  std::uint64_t life_ns = 0;
  std::uint64_t user_ns = 0;
  std::uint64_t system_ns = 0;
  std::uint64_t runqueue_ns = 0;
  std::uint64_t blocked_ns = 0;
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
  std::uint64_t migrations = 0;
  std::uint64_t wakeups = 0;
  std::uint64_t syscalls = 0;
  std::uint64_t futex = 0;
  std::uint64_t received_messages = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_messages = 0;
  std::uint64_t sent_bytes = 0;

  [[nodiscard]] std::uint64_t cpu_ns() const { return user_ns + system_ns; }
};

struct Latency {
  std::uint64_t count = 0;
  std::uint64_t p50_ns = 0;
  std::uint64_t p90_ns = 0;
  std::uint64_t p99_ns = 0;
  std::uint64_t p999_ns = 0;
  std::uint64_t max_ns = 0;
  double mean_ns = 0;
};

// One quantity counted twice: by our probes, and by somebody else.
struct CrossCheck {
  enum class Quantity { kContextSwitches, kMigrations, kCpuTime, kRunQueueTime, kMessages };
  enum class Witness { kPerf, kSchedstat, kLoad };
  Quantity quantity = Quantity::kContextSwitches;
  Witness witness = Witness::kPerf;
  std::string event;         // of perf, as it was asked for
  std::uint64_t probes = 0;  // times: nanoseconds, here and below
  std::uint64_t other = 0;
  std::int64_t difference = 0;  // other - probes
  // |difference| / other; absent when the other counted none and we did.
  std::optional<double> share;

  [[nodiscard]] bool is_time() const {
    return quantity == Quantity::kCpuTime || quantity == Quantity::kRunQueueTime;
  }
};

struct PerfRow {
  PerfCount count;
  std::optional<double> per_message;
  std::optional<double> per_second;
  // running / enabled: below 1 the event had to share a counter. Absent when it never was enabled.
  std::optional<double> running_share;
};

// Does every thread's time add up? life_ns against user, system, run queue and blocked.
struct LifeBudget {
  std::uint64_t life_ns = 0;
  std::int64_t residual_ns = 0;        // life less the four, summed over the threads; 0 when sound
  std::int64_t worst_residual_ns = 0;  // of the thread that is furthest off
  std::int64_t worst_tid = 0;
};

struct Metrics {
  double window_s = 0;
  Messages messages;
  Costs total;
  std::optional<Costs> per_second;   // absent for an empty window
  std::optional<Costs> per_message;  // absent without messages
  std::optional<Latency> latency;    // absent without answers; in open loop from the planned send
  std::optional<Latency> service_latency;  // open loop only: from the actual send
  std::optional<double> load_cpu_share;    // of the CPUs the load generator could use
  // Of the CPU time that the server's threads could get on the CPUs they may run on: what they ran
  // or waited to run. Near 1: it was at its own limit. Absent without scheduling figures.
  std::optional<double> server_awake_share;
  std::optional<Steadiness> steadiness;
  // Of the time of all CPUs: other programs', trace-run among them; other machines'.
  std::optional<double> foreign_share;
  std::optional<double> steal_share;
  std::vector<SyscallRow> syscalls;  // those that were called, by name
  std::vector<ThreadRow> threads;    // by CPU time, then calls, then id
  // The threads that have ended and were not kept one by one: what `total` holds beyond `threads`.
  std::uint64_t folded_threads = 0;
  ThreadRow folded;
  std::uint64_t processes = 0;
  std::vector<PerfRow> perf;
  std::vector<CrossCheck> cross_checks;
  std::optional<LifeBudget> life;  // absent without scheduling figures
  std::optional<TimeBudget> budget;
  std::optional<Waste> waste;
  std::optional<LockMetrics> locks;
  std::optional<PathFigures> message_path;
  std::optional<HopsFigures> message_hops;
  std::optional<StackFigures> stacks;
  std::optional<WaitFigures> waits;
  std::optional<UringUse> uring;  // absent where there was nothing of it
  bool misses_uring = false;      // ... though its calls were made
  // By how much one connection made the server's memory grow, page tables included; absent unless
  // the server served them all, to the end. Below 0 if it shrank.
  std::optional<double> memory_per_connection;
  std::optional<double> probe_ns_per_message;
  // CPU time per message without probes (BareRun), and what there was more of it with them; by
  // chance that may be below 0.
  std::optional<double> bare_cpu_ns;
  std::optional<double> tracing_ns;
  // What the probes cost all threads outside the traced tree, the load generator's first, if a run
  // costs the same there.
  std::optional<double> others_probe_ns;

  // per_message of one syscall, by name; 0 where it was never called.
  [[nodiscard]] double calls_per_message(std::string_view syscall) const;
};

Metrics compute(const Snapshot& snapshot);

enum class SyscallOrder { kByTime, kByCalls };
// Largest first; by calls where times were not measured.
std::vector<SyscallRow> sorted(std::vector<SyscallRow> rows, SyscallOrder order);

// The sum over threads[from..] and the folded threads.
ThreadRow sum_of_rest(const Metrics& metrics, std::size_t from);

}  // namespace tr::metrics
