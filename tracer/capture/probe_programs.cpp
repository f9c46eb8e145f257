#include "capture/probe_programs.h"

#include <cstdio>
#include <memory>
#include <sys/utsname.h>
#include <utility>

#include <bpf/btf.h>

#include "capture/preemption.h"
#include "capture/probe_groups.h"
#include "capture/uring_probes.h"

namespace tr::capture {
namespace {

constexpr std::string_view kTracepoint = "tp_btf/";

bool is_of_delay(std::string_view program) {
  return program.starts_with("delay_");
}

bool is_of_interrupts(std::string_view program) {
  return !is_of_delay(program) && program != "on_sys_exit" &&
         (program.ends_with("_entry") || program.ends_with("_exit"));
}

struct Since {
  std::string_view program;
  int major, minor;
  std::string_view text;
};
constexpr std::array<Since, 7> kSince{{
    {"on_sock_send_length", 6, 3, "since Linux 6.3"},
    {"on_sock_recv_length", 6, 3, "since Linux 6.3"},
    {"on_tcp_sendmsg_locked", 6, 16, "since Linux 6.16"},
    {"on_contention_begin", 5, 19, "since Linux 5.19"},
    {"on_contention_end", 5, 19, "since Linux 5.19"},
    {"on_io_uring_submit_req", 6, 4, "since Linux 6.4"},
    {"on_io_uring_cqe_overflow", 5, 19, "since Linux 5.19"},
}};

const Since* since(std::string_view program) {
  for (const Since& known : kSince)
    if (known.program == program) return &known;
  return nullptr;
}

}  // namespace

AttachedBy attached_by(const bpf_program* program) {
  const std::string_view name = bpf_program__name(program);
  const std::string_view section = bpf_program__section_name(program);
  if (section.starts_with("iter/")) return AttachedBy::kIterating;
  if (section == "perf_event") return AttachedBy::kSampling;
  if (name.starts_with("mutex_")) return AttachedBy::kLibc;
  if (name.starts_with("bare_")) return AttachedBy::kBare;
  return name == "on_tcp_sendmsg_locked" ? AttachedBy::kUringUse : AttachedBy::kLoading;
}

std::string counted_as(std::string_view program) {
  if (is_second(program)) return counted_as(first_of(program));
  // Its time is the delay, which is told apart, and is no cost of the probes.
  if (is_of_delay(program)) return "delay";
  if (is_of_interrupts(program))
    return program.starts_with("on_softirq_") ? "softirqs" : "interrupts";
  if (program.starts_with("on_contention_")) return std::string(kContention);
  if (program.starts_with("mutex_")) return "uprobes";
  if (is_of_uring(program)) return std::string(uring_counted_as(program));
  return std::string(program.substr(program.find('_') + 1));
}

bool is_wanted(std::string_view program, const ProbeOptions& options) {
  if (is_second(program))
    return options.preemptible.value_or(false) && is_wanted(first_of(program), options);
  if (program == "count_sched_wakeup_new")
    return options.preemptible.value_or(false) && options.counts_only;
  if (is_of_delay(program))
    return options.delay && (program == "delay_sys_enter") == (options.delay->stage == "send");
  return group_of(program).wanted(options);
}

bool may_be_absent_alone(std::string_view program) {
  return program == "on_io_uring_submit_req" || program == "on_io_uring_submit_sqe" ||
         program == "on_io_uring_cqe_overflow" || program == "on_io_uring_req_failed";
}

bool should_exist(std::string_view program) {
  if (is_second(program)) return should_exist(first_of(program));
  // The former name of io_uring_submit_req.
  if (program == "on_io_uring_submit_sqe") return !kernel_is_at_least(6, 4);
  const Since* const known = since(program);
  return known == nullptr || kernel_is_at_least(known->major, known->minor);
}

std::set<std::string> absent_programs(bpf_object* object) {
  std::set<std::string> absent;
  // Read once: it takes 15 ms.
  static const std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_vmlinux_btf(), btf__free);
  if (types == nullptr) return absent;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const std::string_view section = bpf_program__section_name(program);
    if (!section.starts_with(kTracepoint)) continue;
    const std::string type = "btf_trace_" + std::string(section.substr(kTracepoint.size()));
    if (btf__find_by_name_kind(types.get(), type.c_str(), BTF_KIND_TYPEDEF) < 0)
      absent.insert(bpf_program__name(program));
  }
  return absent;
}

std::string_view exists_since(std::string_view program) {
  const Since* const known = since(program);
  return known == nullptr ? std::string_view() : known->text;
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
