// The part of Probes that counts CPU time alone, when all other programs are gone.
#include <algorithm>
#include <utility>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/probes.h"
#include "capture/probes_private.h"
#include "trace_run.skel.h"
#include "util/clock.h"

namespace tr::capture {

Status Probes::attach_bare() {
  for (bpf_program* program :
       {skeleton_->progs.bare_sched_switch, skeleton_->progs.bare_task_newtask}) {
    auto link = attach_program(program);
    if (!link) return std::move(link).error();
    bare_.push_back(*std::move(link));
  }
  return {};
}

Result<BareWindow> Probes::open_bare_window(std::span<const pid_t> processes, std::uint64_t from_ns,
                                            std::uint64_t step_ns, std::uint64_t length_ns) {
  constexpr std::uint64_t kAhead = 2'000'000;
  const std::uint8_t one = 1;
  for (const pid_t process : processes) {
    const auto key = static_cast<std::uint32_t>(process);
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.adopted), &key, &one, BPF_ANY) != 0)
      return errno_error("follow process", std::to_string(process));
  }
  refresh_cpus();
  const auto steps = [step_ns](std::uint64_t ns) { return (ns + step_ns - 1) / step_ns; };
  BareWindow window;
  do {
    window.open_ns = from_ns + steps(monotonic_ns() + kAhead - from_ns) * step_ns;
    window.close_ns = window.open_ns + std::max<std::uint64_t>(steps(length_ns), 1) * step_ns;
    publish(skeleton_->data->bare_close_ns, window.close_ns);
    publish(skeleton_->data->bare_open_ns, window.open_ns);
  } while (monotonic_ns() >= window.open_ns);
  return window;
}

Result<std::uint64_t> Probes::take_bare_cpu_ns() {
  // Who runs since a switch that the kernel has hidden is known by the next one.
  refresh_cpus();
  bare_.clear();
  wait_for_running_programs();
  std::vector<tr_bare_cpu> cpus(static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1)));
  const std::uint32_t key = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.bare_cpus), &key, cpus.data()) != 0)
    return errno_error("read the probes' map", "bare_cpus");
  const std::uint64_t open = skeleton_->data->bare_open_ns;
  const std::uint64_t close = skeleton_->data->bare_close_ns;
  std::uint64_t sum = 0;
  for (const tr_bare_cpu& cpu : cpus) {
    sum += cpu.cpu_ns;
    const std::uint64_t since = std::max<std::uint64_t>(cpu.since_ns, open);
    if (cpu.is_ours != 0 && since < close) sum += close - since;
  }
  return sum;
}

}  // namespace tr::capture
