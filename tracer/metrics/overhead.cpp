#include "metrics/overhead.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tr::metrics {
namespace {

// Programs by the beginnings of their names, as in capture/probe_programs.h.
struct Beginning {
  std::string_view program;
  std::string_view group;
};
constexpr std::array kBeginnings = {
    Beginning{"sys_", "system calls"},
    Beginning{"sched_", "scheduling"},
    Beginning{"sock_", "sockets"},
    Beginning{"interrupts", "interrupts"},
    Beginning{"softirqs", "interrupts"},
    Beginning{"sk_data_ready", "ways of messages"},
    Beginning{"net_dev_", "ways of messages"},
    Beginning{"tcp_", "ways of messages"},
    Beginning{"contention", "locks"},
    Beginning{"uprobes", "locks"},
    Beginning{"cpu_sample", "profile"},
    Beginning{"io_uring", "io_uring"},
    Beginning{"", "others"},
};

std::string_view group_of(std::string_view program) {
  return std::ranges::find_if(kBeginnings,
                              [program](const Beginning& beginning) {
                                return program.starts_with(beginning.program);
                              })
      ->group;
}

void add(ProbeGroup& group, const ProgramCost& program) {
  group.runs += program.runs;
  group.untraced_runs += program.untraced_runs;
  if (program.ns_per_run)
    group.ns = group.ns.value_or(0) + static_cast<double>(program.runs) * *program.ns_per_run;
  group.programs.push_back(program);
}

}  // namespace

std::vector<ProbeGroup> probe_groups(const Overhead& overhead,
                                     std::optional<std::uint64_t> messages) {
  std::vector<ProbeGroup> groups;
  for (const Beginning& beginning : kBeginnings)
    if (groups.empty() || groups.back().name != beginning.group)
      groups.emplace_back().name = beginning.group;
  for (const ProgramCost& program : overhead.programs)
    if (program.runs + program.untraced_runs > 0)
      add(*std::ranges::find(groups, group_of(program.program), &ProbeGroup::name), program);
  std::erase_if(groups, [](const ProbeGroup& group) { return group.programs.empty(); });
  for (ProbeGroup& group : groups)
    if (group.ns && messages) group.per_message_ns = *group.ns / static_cast<double>(*messages);
  return groups;
}

double user_probe_ns(const Overhead& overhead) {
  double ns = 0;
  for (const ProgramCost& program : overhead.programs)
    if (program.program == "sys_exit" || program.program == "uprobes")
      ns += static_cast<double>(program.runs) * program.ns_per_run.value_or(0);
  return ns;
}

}  // namespace tr::metrics
