// What was measured in one run: plain values, fixed once taken.
//
// The snapshot is the hinge of the tracer: everything that makes one needs the kernel, everything
// that reads one runs anywhere, without privilege, on recorded files. Counts are exact; what could
// not be measured is absent (std::nullopt, or a reason in words), never 0. All times are in
// nanoseconds; all points in time are on CLOCK_MONOTONIC.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "snapshot/bucket_list.h"
#include "snapshot/delay.h"
#include "snapshot/histogram.h"
#include "snapshot/locks.h"
#include "snapshot/message_hops.h"
#include "snapshot/message_path.h"
#include "snapshot/stacks.h"
#include "snapshot/uring.h"
#include "snapshot/waits.h"

namespace tr {

// Raised when a reader of the version before would misread the file.
inline constexpr int kSnapshotVersion = 1;

// The machine, as far as it explains the figures.
struct Environment {
  std::string tool_version;
  std::string date;          // UTC, ISO 8601
  std::string kernel;        // uname release
  std::string architecture;  // uname machine
  std::string cpu_model;
  std::string cpus;  // the usable ones, as a CPU list
  std::string clocksource;
  std::uint64_t memory_bytes = 0;
  std::string virtualization;  // hypervisor's name, or empty
  // What two threads need to hand a byte to each other through pipes on one of the server's CPUs: a
  // write, a read that sleeps, a switch. Measured before anything was traced; absent without a
  // load.
  std::optional<double> switch_ns;

  friend bool operator==(const Environment&, const Environment&) = default;
};

// What was asked for.
struct RunConfig {
  std::string server;             // as the user named it
  std::vector<std::string> argv;  // what was executed
  std::int64_t attached_pid = 0;  // with --pid; else 0
  std::string mode;               // "default" or "count"
  std::string pin;                // CPU list, empty: not pinned
  std::string pin_load;
  std::string load;  // "echo", "http" or "herd" (built in), "none", or the user's command
  std::uint16_t port = 0;
  std::uint64_t connections = 0;
  std::uint64_t size = 0;           // bytes per message; of http, per request; 0: they differ
  std::optional<std::string> path;  // of http: what was asked for
  std::uint64_t pipeline = 1;       // messages under way per connection
  std::optional<bool> close;        // of our load: each message on a connection of its own
  double duration_s = 0;
  double warmup_s = 0;
  double rate = 0;                    // messages per second over all connections; 0: closed loop
  std::string rate_shape;             // "poisson" or "fixed"; empty in closed loop
  std::optional<DelaySetting> delay;  // the server was slowed on purpose

  friend bool operator==(const RunConfig&, const RunConfig&) = default;
};

// When the answers came: in equal bins of time from the window's opening on.
struct AnswerBins {
  std::uint64_t bin_ns = 0;
  std::vector<std::uint64_t> answers;  // the close may cut the last bin short

  friend bool operator==(const AnswerBins&, const AnswerBins&) = default;
};

// What the load generator saw in the window. Absent where the load was not ours.
struct LoadResult {
  std::uint64_t connections = 0;       // established
  std::uint64_t connect_failures = 0;  // could not be established
  std::uint64_t messages = 0;          // whole answers that arrived inside the window
  std::uint64_t bytes = 0;             // of those answers
  std::uint64_t sent = 0;              // messages whose first byte was sent inside the window
  std::uint64_t wrong_answers = 0;     // differed from what was sent; the first ends the run
  std::uint64_t broken_connections = 0;
  std::uint64_t silent_connections = 0;  // had no whole answer in the window
  // Ended by the server with an answer, and opened anew.
  std::optional<std::uint64_t> reopened;
  std::string first_failure;  // in words; empty when none
  // From the planned (open loop) or actual (closed loop) send to the last byte of the answer: to
  // its arrival in the kernel (open loop), or to its being read (closed loop).
  Histogram latency{kLoadBuckets};
  Histogram service{kLoadBuckets};  // open loop: from the actual send; else empty
  std::optional<AnswerBins> bins;   // of `messages`; absent in older files
  // Sent, or in an open loop planned, before the close and not wholly answered by it: in none of
  // the histograms. A server that hangs at the end shows here alone.
  std::uint64_t unanswered = 0;
  std::uint64_t longest_unanswered_ns = 0;  // how long the oldest of them had been waiting
  // Messages per connection.
  double fairness_p5 = 0;
  double fairness_p50 = 0;
  double fairness_p95 = 0;
  double fairness_jain = 0;   // (sum x)^2 / (n sum x^2): 1 is even, 1/n is one takes all
  std::uint64_t user_ns = 0;  // the load generator's own CPU time inside the window
  std::uint64_t system_ns = 0;
  std::optional<std::uint64_t> runqueue_ns;  // its threads' time waiting for a CPU
  std::uint64_t cpus = 0;                    // how many it could use at once
  std::uint64_t late_sends = 0;  // open loop: sent over 1 ms after the planned time, why ever
  bool saturated = false;        // it was itself the limit
  std::string saturation;        // why that is said, with its figure; empty when not saturated

  friend bool operator==(const LoadResult&, const LoadResult&) = default;
};

// One syscall of one thread, or of a sum of threads.
struct SyscallStats {
  int number = 0;
  bool compat = false;  // a 32-bit call on a 64-bit kernel: other numbers
  std::string name;
  std::uint64_t calls = 0;       // entered inside the window
  std::uint64_t carried_in = 0;  // under way when the window opened
  std::uint64_t in_flight = 0;   // under way when it closed
  std::uint64_t errors = 0;
  std::uint64_t total_ns = 0;  // wall time inside the window; cut at its edges
  std::map<int, std::uint64_t> errors_by_errno;
  // One value per call that touched the window (calls + carried_in), as long as the part of it
  // inside. Empty where only counts were taken.
  BucketList latency;  // in kKernelBuckets
  // Of total_ns, on a CPU, working for the call: without Budget's delivery_ns and interrupt_ns.
  std::optional<std::uint64_t> cpu_ns;
  // Of the calls that ended inside the window:
  std::optional<std::uint64_t> returned;  // the sum of what they returned: bytes, events, threads
  std::optional<std::uint64_t> empty;     // returned 0
  // Times that one was woken from its sleep, by no timer, and found nothing: it ended so or, where
  // it waits for events, slept on.
  std::optional<std::uint64_t> in_vain;

  friend bool operator==(const SyscallStats&, const SyscallStats&) = default;
};

// What stands in place of a call for threads of io_uring, which never leave the kernel: workers,
// and those that submit (IORING_SETUP_SQPOLL). Asleep at "io_uring" they wait for something to do.
inline constexpr std::string_view kIoWorker = "io_uring worker";
inline constexpr std::string_view kSqpoll = "io_uring sqpoll";

// Waits with the same cause: time in TaskCounts::blocked_ns, without the wake-ups.
struct Wait {
  std::string call;    // the syscall that blocked; empty: none, as in a page fault
  std::string object;  // what it waited at, see kObjectNames in capture/collect.cpp; or empty
  std::string waker;   // who ended it, see kWakerNames there
  std::uint64_t count = 0;
  std::uint64_t ns = 0;

  friend bool operator==(const Wait&, const Wait&) = default;
};

// What the four times of TaskCounts are made of. The rest of system_ns is that of the calls.
struct Budget {
  std::uint64_t delivery_ns = 0;   // of system_ns: softirq NET_RX inside a call of its own
  std::uint64_t interrupt_ns = 0;  // of system_ns: interrupts, and the softirqs that follow them
  std::uint64_t woken_ns = 0;      // of runqueue_ns: after a wake-up
  std::uint64_t preempted_ns = 0;  // of runqueue_ns: another got the CPU
  std::uint64_t waking_ns = 0;     // of blocked_ns: sched_waking to sched_wakeup
  std::vector<Wait> waits;         // of blocked_ns, the rest; by call, object, waker
  // Of system_ns, those of kIoWorker and kSqpoll; absent without such threads.
  std::optional<std::uint64_t> io_worker_ns;
  std::optional<std::uint64_t> sqpoll_ns;

  friend bool operator==(const Budget&, const Budget&) = default;
};

// Whose were the CPUs? An interrupt's time is that of whom it interrupted.
struct CpuTime {
  std::uint64_t cpus = 0;
  std::uint64_t server_ns = 0;  // the traced tree
  std::uint64_t load_ns = 0;
  std::uint64_t other_ns = 0;   // other programs, trace-run among them
  std::uint64_t kernel_ns = 0;  // kernel threads
  std::uint64_t idle_ns = 0;
  std::uint64_t unknown_ns = 0;  // CPUs of which no switch was seen

  friend bool operator==(const CpuTime&, const CpuTime&) = default;
};

// CPU time that the hypervisor gave to other machines while this one wanted it, near the window's
// edges: in none of the states above.
struct Steal {
  std::uint64_t ns = 0;  // of all CPUs
  std::uint64_t cpus = 0;

  friend bool operator==(const Steal&, const Steal&) = default;
};

// What the scheduler and the sockets did for one thread, or a sum of threads, inside the window.
struct TaskCounts {
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
  std::uint64_t migrations = 0;
  std::uint64_t wakeups = 0;
  // Each nanosecond of a thread's life inside the window is in exactly one of these.
  std::uint64_t user_ns = 0;      // on a CPU, outside syscalls
  std::uint64_t system_ns = 0;    // on a CPU, inside a syscall, or in an interrupt
  std::uint64_t runqueue_ns = 0;  // runnable, waiting for a CPU
  std::uint64_t blocked_ns = 0;
  // Per socket operation that moved data, whatever syscall carried it.
  std::uint64_t received_messages = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_messages = 0;
  std::uint64_t sent_bytes = 0;
  // Of the received ones, those from clients, on connections to a served port.
  std::uint64_t served_messages = 0;
  std::uint64_t served_bytes = 0;
  // Of the sent ones, those to a port that the tree serves itself.
  std::optional<std::uint64_t> inter_server_messages;
  std::map<std::string, std::uint64_t> futex;  // by operation: "WAIT", "WAKE_PRIVATE"
  // Of those that wake: woke nobody. Only operations that did so.
  std::optional<std::map<std::string, std::uint64_t>> woke_nobody;
  std::vector<SyscallStats> syscalls;  // by name, ascending
  std::optional<Budget> budget;
  std::optional<Uring> uring;  // absent where there was nothing of it, or it was not looked for

  friend bool operator==(const TaskCounts&, const TaskCounts&) = default;
};

// What the scheduler says of a thread, from near the window's opening to near its close.
struct Schedstat {
  std::uint64_t cpu_ns = 0;
  std::uint64_t runqueue_ns = 0;

  friend bool operator==(const Schedstat&, const Schedstat&) = default;
};

struct ThreadCounts {
  std::int64_t tid = 0;
  std::int64_t tgid = 0;
  std::string comm;
  std::uint64_t life_ns = 0;  // of its life, the part inside the window
  bool exited = false;        // before the window closed
  TaskCounts counts;
  std::optional<Schedstat> schedstat;  // where it was asked for, of those alive at the close

  friend bool operator==(const ThreadCounts&, const ThreadCounts&) = default;
};

// A perf event: its count, or why there is none.
struct PerfCount {
  std::string event;
  std::uint64_t value = 0;
  std::uint64_t enabled_ns = 0;
  std::uint64_t running_ns = 0;  // below enabled_ns: the event was multiplexed, value not scaled
  std::string unsupported;       // not empty: not counted, and this is why

  friend bool operator==(const PerfCount&, const PerfCount&) = default;
};

// What the program held at one moment, over all its processes. Without what the kernel holds for
// it: socket buffers, and a stack per thread.
struct MemoryReading {
  std::uint64_t pss_bytes = 0;         // resident; of a page that n processes share, 1/n in each
  std::uint64_t page_table_bytes = 0;  // VmPTE
  std::uint64_t processes = 0;
  std::uint64_t threads = 0;
  // Of the PSS, what no file backs. The rest also shrinks when a stranger, such as the load, comes
  // to share its libraries. Linux 5.3 and newer.
  std::optional<std::uint64_t> anonymous_bytes;

  friend bool operator==(const MemoryReading&, const MemoryReading&) = default;
};

struct Memory {
  std::optional<MemoryReading> before_load;  // when it listened, and no client had come
  // When the window had closed: under the built-in load with all connections still open.
  std::optional<MemoryReading> at_close;

  friend bool operator==(const Memory&, const Memory&) = default;
};

// How the server ended.
struct ServerExit {
  bool exited_by_itself = false;  // before trace-run asked it to end
  int code = 0;                   // exit status, or
  int signal = 0;                 // the signal that ended it
  std::uint64_t user_ns = 0;      // rusage over its whole life, waited-for children included
  std::uint64_t system_ns = 0;
  std::uint64_t max_rss_bytes = 0;
  std::uint64_t minor_faults = 0;  // rusage, as above
  std::uint64_t major_faults = 0;  // those that waited for storage

  friend bool operator==(const ServerExit&, const ServerExit&) = default;
};

// What tracing itself cost.
struct ProgramCost {
  std::string program;
  std::uint64_t runs = 0;            // for traced threads, inside the window
  std::optional<double> ns_per_run;  // calibrated during the warm-up; absent: it could not be
  // For threads outside the traced tree, which pay for the probes too, the load generator's first.
  std::uint64_t untraced_runs = 0;

  friend bool operator==(const ProgramCost&, const ProgramCost&) = default;
};

// The same server under the same load after the window, without probes: what a message costs when
// nobody looks.
struct BareRun {
  std::uint64_t window_ns = 0;
  std::uint64_t messages = 0;  // as the load counted them
  std::uint64_t cpu_ns = 0;    // of the traced tree

  friend bool operator==(const BareRun&, const BareRun&) = default;
};

struct Overhead {
  std::optional<std::uint64_t> probe_ns;  // sum of runs * ns_per_run
  std::uint64_t probe_runs = 0;
  std::optional<double> share_of_cpu;  // probe_ns / the traced tree's CPU time
  std::string calibration;             // how ns_per_run was found, or why it was not
  std::vector<ProgramCost> programs;
  // The most memory that trace-run itself held at once during the run, without the load and what
  // the kernel keeps for the probes; absent: not known.
  std::optional<std::uint64_t> tracer_peak_bytes;
  std::optional<BareRun> bare;  // absent where it was not to be had: it needs the built-in load

  friend bool operator==(const Overhead&, const Overhead&) = default;
};

// Groups of figures that a run takes, or leaves out, together.
enum class Figures {
  kSyscallResults,  // of SyscallStats: errors, times and latency, carried_in and in_flight
  kScheduling,      // of TaskCounts: switches, migrations, wake-ups and the four times
  kSockets,         // of TaskCounts: received_, sent_ and served_
  kMemory,          // Memory, or a reading of it
  kBudget,          // Budget, CpuTime and SyscallStats::cpu_ns
  kUring,           // Uring
  // What a kernel may lack or refuse by itself.
  kWakeups,      // of TaskCounts: wakeups, runqueue_ns and blocked_ns
  kMigrations,   // of TaskCounts
  kWakers,       // of Budget: waking_ns, and the waits' wakers
  kSoftirqs,     // of Budget: delivery_ns, and the softirqs in interrupt_ns
  kInterrupts,   // of Budget: some kind of interrupt is missing in interrupt_ns
  kThreadNames,  // of ThreadCounts: comm is that of the beginning
  kWaits,        // Waits
  kArrivals,     // of Waits: arrivals of connections
  kWaitStacks,   // of Stacks: those on which threads block
  kProfile,      // of Stacks: samples
  kMessagePath,  // MessagePath and MessageHops
  kUringSends,   // of MessagePath: when io_uring begins a send
  kLastTurns,    // of MessagePath: the last message of a connection, where sizes vary
  kLocks,        // Locks
  kKernelLocks,  // of Locks
  kLockHolds,    // of Locks
  kUntraced,     // BareRun
};

// Their names in files and reports; never changed.
inline constexpr std::array<std::pair<Figures, std::string_view>, 23> kFigureNames{{
    {Figures::kSyscallResults, "syscall_results"},
    {Figures::kScheduling, "scheduling"},
    {Figures::kSockets, "sockets"},
    {Figures::kMemory, "memory"},
    {Figures::kBudget, "budget"},
    {Figures::kUring, "io_uring"},
    {Figures::kWakeups, "wakeups"},
    {Figures::kMigrations, "migrations"},
    {Figures::kWakers, "wakers"},
    {Figures::kSoftirqs, "softirqs"},
    {Figures::kInterrupts, "interrupts"},
    {Figures::kThreadNames, "thread_names"},
    {Figures::kWaits, "waits"},
    {Figures::kArrivals, "arrivals"},
    {Figures::kWaitStacks, "wait_stacks"},
    {Figures::kProfile, "profile"},
    {Figures::kMessagePath, "message_path"},
    {Figures::kUringSends, "io_uring_sends"},
    {Figures::kLastTurns, "last_turns"},
    {Figures::kLocks, "locks"},
    {Figures::kKernelLocks, "kernel_locks"},
    {Figures::kLockHolds, "lock_holds"},
    {Figures::kUntraced, "untraced"},
}};

struct Snapshot {
  int version = kSnapshotVersion;
  Environment environment;
  RunConfig config;
  std::uint64_t window_open_ns = 0;
  std::uint64_t window_close_ns = 0;
  bool interrupted = false;  // the window was closed early by a signal
  std::optional<LoadResult> load;
  TaskCounts total;
  std::vector<ThreadCounts> threads;  // by tgid, then tid
  // Exited threads beyond those kept one by one: in `total`, not in `threads`.
  std::uint64_t folded_threads = 0;
  std::optional<std::uint64_t> folded_life_ns;  // their lives inside the window
  // The groups that were not taken, each with the reason in words: their fields mean nothing.
  std::map<Figures, std::string> unmeasured;
  std::optional<CpuTime> cpu_time;
  std::optional<Steal> steal;               // absent where the kernel does not say
  std::optional<MessagePath> message_path;  // where it was asked for
  // The same, where servers of the tree are connected with each other.
  std::optional<MessageHops> message_hops;
  std::optional<Waits> waits;    // with --waits
  std::optional<Delays> delays;  // of config.delay
  std::vector<PerfCount> perf;
  std::optional<Memory> memory;               // absent without a load, too
  std::optional<ServerExit> server_exit;      // absent when attached to a running one
  std::map<std::string, std::uint64_t> lost;  // by reason; every known reason, also at 0
  Overhead overhead;
  std::vector<std::string> notes;  // what a reader must know, one sentence each
  std::optional<Stacks> stacks;    // where they were asked for
  std::optional<Locks> locks;      // where it was asked for

  [[nodiscard]] std::uint64_t window_ns() const { return window_close_ns - window_open_ns; }

  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

}  // namespace tr
