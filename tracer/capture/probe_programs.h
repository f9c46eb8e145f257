// Which BPF programs are there, which of them does a run need, and what can this kernel not run?
#pragma once

#include <array>
#include <set>
#include <string>
#include <string_view>

#include <bpf/libbpf.h>

#include "capture/probes.h"
#include "util/result.h"

namespace tr::capture {

// The names under which runs of programs are counted, by enum tr_program.
inline constexpr std::array kProgramNames = {"sys_enter",
                                             "sys_exit",
                                             "sched_switch",
                                             "sched_wakeup",
                                             "sched_wakeup_new",
                                             "sched_migrate_task",
                                             "sock_send_length",
                                             "sock_recv_length",
                                             "sched_waking",
                                             "interrupts",
                                             "softirqs",
                                             "cpu_sample",
                                             "contention",
                                             "uprobes",
                                             "sk_data_ready",
                                             "net_dev_start_xmit",
                                             "tcp_sendmsg_locked",
                                             "tcp_probe",
                                             "tcp_rcv_space_adjust",
                                             "io_uring submissions",
                                             "io_uring completions",
                                             "io_uring detours"};
static_assert(kProgramNames.size() == TR_PROGRAMS);

// Iterators: attached when they are to run.
inline constexpr std::string_view kAdopt = "adopt_threads";
inline constexpr std::string_view kEndTurns = "end_turns";
// Attached to a perf event on each CPU.
inline constexpr std::string_view kSample = "on_cpu_sample";
// Attached when all others are detached.
bool is_bare(std::string_view program);
// Attached to the program's libc.
bool is_uprobe(std::string_view program);

// Under which of those names a program's runs are counted: "on_sys_enter" and "count_sys_enter" are
// both the program at sys_enter, and all interrupts are one.
std::string counted_as(std::string_view program);

// Which programs a mode needs. Those that follow the tree are needed always.
bool is_wanted(std::string_view program, const ProbeOptions& options, bool socket_tracepoints);
// Whether this kernel should have its tracepoint, by its release. Where this is wrong, loading
// fails once.
bool should_exist(std::string_view program);
// The programs whose tracepoints are not in the running kernel's BTF, of those that the others can
// do without.
std::set<std::string> missing_programs(bpf_object* object);
// Whether sockets' own tracepoints show what is received and sent; else it is told by descriptors.
bool sockets_show_messages(const ProbeOptions& options, const std::set<std::string>& missing);
// Whether messages can be followed without these, if that is asked for.
Status can_follow_messages(const ProbeOptions& options, const std::set<std::string>& missing);

bool kernel_is_at_least(int major, int minor);

}  // namespace tr::capture
