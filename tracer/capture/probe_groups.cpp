#include "capture/probe_groups.h"

#include <algorithm>
#include <array>

#include "capture/preemption.h"

namespace tr::capture {
namespace {

using Unmeasured = std::map<Figures, std::string>;

template <std::size_t kCount>
using Names = std::array<std::string_view, kCount>;

constexpr Names<2> kCalls{"on_sys_enter", "on_sys_exit"};
constexpr Names<1> kSwitches{"on_sched_switch"};
constexpr Names<2> kCounts{"count_sys_enter", "count_sched_switch"};
constexpr Names<3> kMembership{"on_task_newtask", "on_sched_process_exec", "adopt_threads"};
constexpr Names<2> kWakeUps{"on_sched_wakeup", "on_sched_wakeup_new"};
constexpr Names<1> kMigrations{"on_sched_migrate_task"};
constexpr Names<1> kWakers{"on_sched_waking"};
constexpr Names<2> kSoftirqs{"on_softirq_entry", "on_softirq_exit"};
constexpr Names<2> kDevices{"on_irq_handler_entry", "on_irq_handler_exit"};
#if defined(__x86_64__)
constexpr Names<2> kTimer{"on_local_timer_entry", "on_local_timer_exit"};
constexpr Names<2> kReschedule{"on_reschedule_entry", "on_reschedule_exit"};
constexpr Names<4> kCallFunction{"on_call_function_entry", "on_call_function_exit",
                                 "on_call_function_single_entry", "on_call_function_single_exit"};
constexpr Names<2> kIrqWork{"on_irq_work_entry", "on_irq_work_exit"};
#endif
constexpr Names<2> kSockets{"on_sock_send_length", "on_sock_recv_length"};
constexpr Names<1> kListening{"on_inet_sock_set_state"};
constexpr Names<1> kThreadNames{"on_task_rename"};
constexpr Names<7> kUring{"on_io_uring_req_failed",      "on_io_uring_submit_req",
                          "on_io_uring_submit_sqe",      "on_io_uring_complete",
                          "on_io_uring_cqe_overflow",    "on_io_uring_poll_arm",
                          "on_io_uring_queue_async_work"};
constexpr Names<1> kDevice{"on_net_dev_start_xmit"};
constexpr Names<1> kArrivals{"on_sk_data_ready"};
constexpr Names<1> kUringSends{"on_tcp_sendmsg_locked"};
constexpr Names<2> kByDescriptor{"on_tcp_probe", "on_tcp_rcv_space_adjust"};
constexpr Names<3> kConnectionEnds{"on_tcp_destroy_sock", "close_inet_sock_set_state", "end_turns"};
constexpr Names<2> kContention{"on_contention_begin", "on_contention_end"};
constexpr Names<5> kMutexes{"mutex_asked_for", "mutex_taken", "mutex_given", "mutex_given_to_wait",
                            "mutex_taken_after_wait"};
constexpr Names<1> kProfile{"on_cpu_sample"};
constexpr Names<2> kDelay{"delay_sys_enter", "delay_sys_exit"};
constexpr Names<2> kBare{"bare_sched_switch", "bare_task_newtask"};
constexpr Names<17> kSeconds{"again_sys_enter",           "again_sys_exit",
                             "recount_sys_enter",         "count_sched_wakeup_new",
                             "again_sock_send_length",    "again_sock_recv_length",
                             "again_sk_data_ready",       "again_sched_process_exec",
                             "again_task_rename",         "again_inet_sock_set_state",
                             "again_io_uring_req_failed", "again_io_uring_submit_req",
                             "again_io_uring_complete",   "again_io_uring_cqe_overflow",
                             "again_io_uring_poll_arm",   "again_io_uring_queue_async_work",
                             "again_tcp_rcv_space_adjust"};
// Those that settings change.
constexpr Names<7> kCore{"on_sys_enter",    "on_sys_exit",         "on_sched_switch",
                         "on_sched_wakeup", "on_sched_wakeup_new", "on_sched_waking",
                         "on_task_newtask"};

// ---- What a run asks for ----

bool always(const ProbeOptions& /*options*/) {
  return true;
}
bool timed(const ProbeOptions& options) {
  return !options.counts_only;
}
bool counts(const ProbeOptions& options) {
  return options.counts_only;
}
bool budget(const ProbeOptions& options) {
  return options.budget && !options.counts_only;
}
bool waits(const ProbeOptions& options) {
  return options.waits;
}
bool stacks(const ProbeOptions& options) {
  return options.stacks;
}
bool messages(const ProbeOptions& options) {
  return options.messages;
}
bool messages_by_sockets(const ProbeOptions& options) {
  return options.messages && !options.inspect_descriptors;
}
bool messages_by_descriptor(const ProbeOptions& options) {
  return options.messages && options.inspect_descriptors;
}
bool arrivals(const ProbeOptions& options) {
  return options.waits || messages_by_sockets(options);
}
bool locks(const ProbeOptions& options) {
  return options.locks;
}
bool holds(const ProbeOptions& options) {
  return options.lock_hold;
}
bool profile(const ProbeOptions& options) {
  return options.sample_hz != 0;
}
bool sockets(const ProbeOptions& options) {
  return !options.counts_only && !options.inspect_descriptors;
}
bool uring(const ProbeOptions& options) {
  return !options.counts_only && options.uring;
}
bool delay(const ProbeOptions& options) {
  return options.delay.has_value();
}
bool preemptible(const ProbeOptions& options) {
  return options.preemptible.value_or(false);
}
bool bare(const ProbeOptions& options) {
  return options.bare;
}

// ---- What a run is without it ----

// Of figures that were asked for.
void turn_off(bool& option, Figures figures, const std::string& reason, Unmeasured& unmeasured) {
  if (option) unmeasured.emplace(figures, reason);
  option = false;
}

void without_waits(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  turn_off(options.waits, Figures::kWaits, reason, unmeasured);
}
void without_messages(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  turn_off(options.messages, Figures::kMessagePath, reason, unmeasured);
}
void without_profile(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  if (options.sample_hz != 0) unmeasured.emplace(Figures::kProfile, reason);
  options.sample_hz = 0;
}
void without_stacks(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  without_profile(options, reason, unmeasured);
  turn_off(options.stacks, Figures::kWaitStacks, reason, unmeasured);
}
void without_holds(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  turn_off(options.lock_hold, Figures::kLockHolds, reason, unmeasured);
}
void without_locks(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  without_holds(options, reason, unmeasured);
  turn_off(options.locks, Figures::kLocks, reason, unmeasured);
}
void without_budget(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  without_waits(options, reason, unmeasured);
  without_messages(options, reason, unmeasured);
  without_stacks(options, reason, unmeasured);
  without_locks(options, reason, unmeasured);
  turn_off(options.budget, Figures::kBudget, reason, unmeasured);
}
void without_wake_ups(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  without_budget(options, reason, unmeasured);
  unmeasured.emplace(Figures::kWakeups, reason);
}
void without_migrations(ProbeOptions& /*options*/, const std::string& reason,
                        Unmeasured& unmeasured) {
  unmeasured.emplace(Figures::kMigrations, reason);
}
void without_wakers(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  without_messages(options, reason, unmeasured);
  without_waits(options, reason, unmeasured);
  without_locks(options, reason, unmeasured);
  unmeasured.emplace(Figures::kWakers, reason);
}
void without_softirqs(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  without_messages(options, reason, unmeasured);
  unmeasured.emplace(Figures::kSoftirqs, reason);
}
void without_interrupts(ProbeOptions& /*options*/, const std::string& reason,
                        Unmeasured& unmeasured) {
  unmeasured.emplace(Figures::kInterrupts, reason);
}
void without_sockets(ProbeOptions& options, const std::string& /*reason*/,
                     Unmeasured& /*unmeasured*/) {
  options.inspect_descriptors = true;
}
void without_listening(ProbeOptions& options, const std::string& /*reason*/,
                       Unmeasured& /*unmeasured*/) {
  options.hear_listening = false;
}
void without_names(ProbeOptions& /*options*/, const std::string& reason, Unmeasured& unmeasured) {
  unmeasured.emplace(Figures::kThreadNames, reason);
}
void without_uring(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  turn_off(options.uring, Figures::kUring, reason, unmeasured);
}
void without_arrivals(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  if (options.messages) options.inspect_descriptors = true;
  if (options.waits) unmeasured.emplace(Figures::kArrivals, reason);
}
void without_uring_sends(ProbeOptions& options, const std::string& /*reason*/,
                         Unmeasured& /*unmeasured*/) {
  options.hear_uring_sends = false;
}
void without_connection_ends(ProbeOptions& /*options*/, const std::string& reason,
                             Unmeasured& unmeasured) {
  unmeasured.emplace(Figures::kLastTurns, reason);
}
void without_contention(ProbeOptions& /*options*/, const std::string& reason,
                        Unmeasured& unmeasured) {
  unmeasured.emplace(Figures::kKernelLocks, reason);
}
void without_seconds(ProbeOptions& options, const std::string& /*reason*/,
                     Unmeasured& /*unmeasured*/) {
  options.preemptible = false;
}
void without_bare(ProbeOptions& options, const std::string& reason, Unmeasured& unmeasured) {
  turn_off(options.bare, Figures::kUntraced, reason, unmeasured);
}

// ---- The groups ----

constexpr std::string_view kOfWhatItInterrupts = "such work is part of what it interrupts";
constexpr std::string_view kLeftOut = "left out";

ProbeOptions minimal() {
  ProbeOptions options;
  options.budget = false;
  options.max_threads = 1;
  return options;
}

ProbeOptions with(void (*set)(ProbeOptions&)) {
  ProbeOptions options = minimal();
  options.budget = true;
  set(options);
  return options;
}

std::vector<ProbeGroup> make_groups() {
  const ProbeOptions plain = minimal();
  const ProbeOptions timed_budget = with([](ProbeOptions&) {});
  const auto only_counts = [] {
    ProbeOptions options = minimal();
    options.counts_only = true;
    return options;
  }();
  const ProbeOptions following = with([](ProbeOptions& o) { o.messages = true; });
  const ProbeOptions locking = with([](ProbeOptions& o) { o.locks = true; });
  std::vector<ProbeGroup> groups {
    {"calls", "system calls: numbers, errors, times", "", kCalls, plain, timed, nullptr},
        {"switches", "context switches and CPU time", "", kSwitches, plain, timed, nullptr},
        {"counts", "--counts-only: numbers of system calls alone", "", kCounts, only_counts, counts,
         nullptr},
        {"membership", "which threads belong to the program", "", kMembership, plain, always,
         nullptr},
        {"wake-ups",
         "wake-ups, and the time on a run queue after one",
         "no time budget, nor what builds on it",
         kWakeUps,
         plain,
         timed,
         without_wake_ups},
        {"migrations", "CPU migrations", kLeftOut, kMigrations, plain, timed, without_migrations},
        {"budget",       "where the time goes, state by state",
         kLeftOut,       kCore,
         timed_budget,   budget,
         without_budget, true},
        {"wakers",
         "who wakes a thread, and since when",
         "waking up is part of being blocked; no --messages, --waits, --locks",
         kWakers,
         timed_budget,
         budget,
         without_wakers},
        {"softirqs",
         "delivery of packets, and other softirqs, inside calls",
         "such work is part of what it interrupts; no --messages",
         kSoftirqs,
         timed_budget,
         budget,
         without_softirqs},
        {"interrupts", "interrupts of devices", kOfWhatItInterrupts, kDevices, timed_budget,
         budget,       without_interrupts},
#if defined(__x86_64__)
        {"timer interrupts",  "the timer's interrupts",
         kOfWhatItInterrupts, kTimer,
         timed_budget,        budget,
         without_interrupts},
        {"reschedule interrupts",
         "interrupts by which CPUs ask each other to reschedule",
         kOfWhatItInterrupts,
         kReschedule,
         timed_budget,
         budget,
         without_interrupts},
        {"function-call interrupts",
         "interrupts by which CPUs call functions on each other",
         kOfWhatItInterrupts,
         kCallFunction,
         timed_budget,
         budget,
         without_interrupts},
        {"irq-work interrupts", "interrupts for deferred work",
         kOfWhatItInterrupts,   kIrqWork,
         timed_budget,          budget,
         without_interrupts},
#endif
        {"sockets",
         "messages and bytes through sockets",
         "sockets are found by looking at the descriptor of each call",
         kSockets,
         plain,
         sockets,
         without_sockets},
        {"listening",
         "when the server listens",
         "/proc is asked again and again",
         kListening,
         plain,
         always,
         without_listening},
        {"thread names",
         "names that threads give themselves",
         "names are those of the beginning",
         kThreadNames,
         plain,
         always,
         without_names},
        {"io_uring",
         "operations of io_uring",
         "only its system calls are counted",
         kUring,
         plain,
         uring,
         without_uring},
        {"preemption",
         "events whose probe the kernel skips, as one was preempted in it",
         "such events are lost",
         kSeconds,
         with([](ProbeOptions& o) { o.waits = true, o.preemptible = true; }),
         preemptible,
         without_seconds,
         false,
         preempts_programs},
        {"untraced",  "what a message takes without tracing",       kLeftOut,
         kBare,       with([](ProbeOptions& o) { o.bare = true; }), bare,
         without_bare},
        {"waits",
         "--waits: each wait's object and waker",
         kLeftOut,
         kCore,
         with([](ProbeOptions& o) { o.waits = true; }),
         waits,
         without_waits,
         true},
        {"stacks",
         "--waits and --profile: the stacks on which threads block",
         kLeftOut,
         kCore,
         with([](ProbeOptions& o) { o.stacks = true; }),
         stacks,
         without_stacks,
         true},
        {"profile",
         "--profile: samples of the stacks on a CPU",
         kLeftOut,
         kProfile,
         with([](ProbeOptions& o) {
           o.stacks = true;
           o.sample_hz = 1;
         }),
         profile,
         without_profile},
        {"messages",       "--messages: the path of each message",
         kLeftOut,         kCore,
         following,        messages,
         without_messages, true},
        {"arrivals",
         "--messages, --waits: when data arrives in a socket",
         "messages are followed by the descriptor of each call; --waits has no arrivals",
         kArrivals,
         following,
         arrivals,
         without_arrivals},
        {"packets",       "--messages: when an answer reaches the device",
         "no --messages", kDevice,
         following,       messages,
         without_messages},
        {"io_uring sends",
         "--messages: when io_uring begins a send",
         "when it is submitted",
         kUringSends,
         following,
         messages_by_sockets,
         without_uring_sends},
        {"messages by descriptor",
         "--messages, where the tracepoints of sockets are missing",
         "no --messages there",
         kByDescriptor,
         with([](ProbeOptions& o) { o.messages = o.inspect_descriptors = true; }),
         messages_by_descriptor,
         without_messages},
        {"connection ends",
         "--messages: the last request of each connection, where sizes vary",
         "not counted",
         kConnectionEnds,
         following,
         messages,
         without_connection_ends},
        {"locks",       "--locks: what threads do with futexes",
         kLeftOut,      kCore,
         locking,       locks,
         without_locks, true},
        {"kernel locks",    "--locks: contended locks of the kernel",
         kLeftOut,          kContention,
         locking,           locks,
         without_contention},
        {"mutexes",
         "--lock-hold: how long mutexes are held",
         kLeftOut,
         kMutexes,
         with([](ProbeOptions& o) { o.locks = o.lock_hold = true; }),
         holds,
         without_holds},
        {"delay",
         "--delay: a stage of the server slowed on purpose",
         "",
         kDelay,
         with([](ProbeOptions& o) { o.delay = DelaySetting{.stage = "receive", .ns = 1000}; }),
         delay,
         nullptr},
  };
  return groups;
}

}  // namespace

std::span<const ProbeGroup> probe_groups() {
  static const std::vector<ProbeGroup> groups = make_groups();
  return groups;
}

const ProbeGroup& group_of(std::string_view program) {
  const auto groups = probe_groups();
  return *std::ranges::find_if(groups, [&](const ProbeGroup& group) {
    return !group.is_setting && std::ranges::find(group.programs, program) != group.programs.end();
  });
}

}  // namespace tr::capture
