#include "capture/probe_programs.h"

#include <cstdio>
#include <memory>
#include <sys/utsname.h>
#include <utility>

#include <bpf/btf.h>
#include <fmt/format.h>

#include "capture/uring_probes.h"

namespace tr::capture {
namespace {

// Where sockets' tracepoints do not show what messages do.
bool is_of_messages_by_descriptor(std::string_view program) {
  return program == "on_tcp_probe" || program == "on_tcp_rcv_space_adjust";
}

bool is_of_messages(std::string_view program) {
  return program == "on_net_dev_start_xmit" || program == "on_tcp_sendmsg_locked" ||
         program == "on_tcp_destroy_sock" || program == "close_inet_sock_set_state" ||
         is_of_messages_by_descriptor(program);
}

bool is_of_delay(std::string_view program) {
  return program.starts_with("delay_");
}

bool is_of_interrupts(std::string_view program) {
  return !is_of_delay(program) && program != "on_sys_exit" &&
         (program.ends_with("_entry") || program.ends_with("_exit"));
}

bool is_of_contention(std::string_view program) {
  return program.starts_with("on_contention_");
}

// Where a kernel lacks their tracepoints, the others do without them.
bool may_be_missing(std::string_view program) {
  return program.starts_with("on_sock_") || program == "on_sk_data_ready" ||
         is_of_interrupts(program) || is_of_contention(program) || is_of_messages(program) ||
         is_of_uring(program);
}

}  // namespace

bool is_bare(std::string_view program) {
  return program.starts_with("bare_");
}

bool is_uprobe(std::string_view program) {
  return program.starts_with("mutex_");
}

std::string counted_as(std::string_view program) {
  // Its time is the delay, which is told apart, and is no cost of the probes.
  if (is_of_delay(program)) return "delay";
  if (is_of_interrupts(program))
    return program.starts_with("on_softirq_") ? "softirqs" : "interrupts";
  if (is_of_contention(program)) return std::string(kContention);
  if (is_uprobe(program)) return "uprobes";
  if (is_of_uring(program)) return std::string(uring_counted_as(program));
  return std::string(program.substr(program.find('_') + 1));
}

bool is_wanted(std::string_view program, const ProbeOptions& options, bool socket_tracepoints) {
  if (program.starts_with("count_")) return options.counts_only;
  if (is_bare(program)) return options.bare;
  if (is_of_delay(program))
    return options.delay && (program == "delay_sys_enter") == (options.delay->stage == "send");
  if (is_of_messages_by_descriptor(program)) return options.messages && !socket_tracepoints;
  if (program == "on_tcp_sendmsg_locked") return options.messages && socket_tracepoints;
  if (is_of_messages(program) || program == kEndTurns) return options.messages;
  if (program == "on_sched_waking" || is_of_interrupts(program))
    return options.budget && !options.counts_only;
  if (is_of_contention(program)) return options.locks;
  if (is_uprobe(program)) return options.lock_hold;
  if (program.starts_with("on_sys_") || program == "on_sched_switch" ||
      program == "on_sched_wakeup" || program == "on_sched_wakeup_new" ||
      program == "on_sched_migrate_task")
    return !options.counts_only;
  if (program == "on_sk_data_ready")
    return options.waits || (options.messages && socket_tracepoints);
  if (program == "on_cpu_sample") return options.sample_hz != 0;
  if (program.starts_with("on_sock_")) return !options.counts_only && socket_tracepoints;
  if (is_of_uring(program)) return !options.counts_only;
  return true;
}

bool should_exist(std::string_view program) {
  if (program == "on_io_uring_submit_req") return kernel_is_at_least(6, 4);
  if (program == "on_io_uring_submit_sqe") return !kernel_is_at_least(6, 4);  // its former name
  if (program == "on_io_uring_cqe_overflow") return kernel_is_at_least(5, 19);
  return true;
}

std::set<std::string> missing_programs(bpf_object* object) {
  std::set<std::string> missing;
  const std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_vmlinux_btf(), btf__free);
  if (types == nullptr) return missing;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const std::string name = bpf_program__name(program);
    const std::string type = "btf_trace_" + name.substr(name.find('_') + 1);
    if (may_be_missing(name) &&
        btf__find_by_name_kind(types.get(), type.c_str(), BTF_KIND_TYPEDEF) < 0)
      missing.insert(name);
  }
  return missing;
}

bool sockets_show_messages(const ProbeOptions& options, const std::set<std::string>& missing) {
  return !options.inspect_descriptors && !missing.contains("on_sock_send_length") &&
         !missing.contains("on_sock_recv_length") &&
         !(options.messages && missing.contains("on_sk_data_ready"));
}

Status can_follow_messages(const ProbeOptions& options, const std::set<std::string>& missing) {
  if (!options.messages) return {};
  const auto refused = [](std::string why) {
    return Error{.operation = "follow messages",
                 .object = "through the server",
                 .why = std::move(why),
                 .remedy = "Debian 12's Linux 6.1 and newer can; leave out --messages"};
  };
  if (!kernel_is_at_least(5, 17)) return refused("this kernel has no bpf_loop() (Linux 5.17)");
  for (const char* needed :
       {"on_tcp_probe", "on_tcp_rcv_space_adjust", "on_net_dev_start_xmit", "on_softirq_entry"})
    if (missing.contains(needed) &&
        (!is_of_messages_by_descriptor(needed) || !sockets_show_messages(options, missing)))
      return refused(
          fmt::format("this kernel has no tracepoint {}", std::string_view(needed).substr(3)));
  return {};
}

bool kernel_is_at_least(int major, int minor) {
  utsname system{};
  ::uname(&system);
  int its_major = 0;
  int its_minor = 0;
  return std::sscanf(system.release, "%d.%d", &its_major, &its_minor) == 2 &&
         std::pair(its_major, its_minor) >= std::pair(major, minor);
}

}  // namespace tr::capture
