// Which BPF programs are there, how are they attached, and which of them does a run need?
#pragma once

#include <array>
#include <set>
#include <string>
#include <string_view>

#include <bpf/libbpf.h>

#include "capture/probes.h"

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

// When a program is attached, and to what.
enum class AttachedBy {
  kLoading,    // to its tracepoint, as soon as it is loaded
  kSampling,   // to a perf event on each CPU
  kIterating,  // an iterator: when it is to run
  kLibc,       // a uprobe: when the program's libc is known
  kUringUse,   // to its tracepoint, when io_uring is used
  kBare,       // to its tracepoint, when all others are detached
};
AttachedBy attached_by(const bpf_program* program);

// Under which of those names a program's runs are counted: "on_sys_enter" and "count_sys_enter" are
// both the program at sys_enter, and all interrupts are one.
std::string counted_as(std::string_view program);

// Which programs a run needs.
bool is_wanted(std::string_view program, const ProbeOptions& options);

// The programs without which the others of their group do all the same, where the kernel has no
// such tracepoint: it has another of the group instead.
bool may_be_absent_alone(std::string_view program);
// Whether this kernel should have its tracepoint, by its release. Where this is wrong, loading
// fails once.
bool should_exist(std::string_view program);
// The programs whose tracepoints are not in the running kernel's BTF.
std::set<std::string> absent_programs(bpf_object* object);
// Since which release kernels have a program's tracepoint, for people: "since Linux 6.3"; or empty.
std::string_view exists_since(std::string_view program);

bool kernel_is_at_least(int major, int minor);

}  // namespace tr::capture
