// The part of Probes that delays the server on purpose: its settings, and what was spent.
#include <algorithm>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/probes.h"
#include "trace_run.skel.h"

namespace tr::capture {

static_assert(kMostDelayNs == TR_DELAY_MOST_NS);
static_assert(kDelayStages[TR_DELAY_RECEIVE - 1] == "receive");
static_assert(kDelayStages[TR_DELAY_SEND - 1] == "send");
static_assert(kDelayStages[TR_DELAY_WAIT - 1] == "wait");
static_assert(kDelayStages[TR_DELAY_WAKE_UP - 1] == "wake-up");

Status Probes::prepare_delay() {
  bpf_map__set_autocreate(skeleton_->maps.delays, options_.delay.has_value());
  if (!options_.delay) return {};
  const auto* const stage = std::ranges::find(kDelayStages, options_.delay->stage);
  if (stage == kDelayStages.end() || options_.delay->ns > kMostDelayNs || options_.counts_only ||
      !options_.budget)
    return usage_error("a delay needs the budget, a stage that is known, and at most 10 us");
  skeleton_->rodata->delay_stage = static_cast<__u32>(stage - kDelayStages.begin()) + 1;
  skeleton_->rodata->delay_ns = static_cast<__u32>(options_.delay->ns);
  return {};
}

Result<std::optional<Delays>> Probes::delays() const {
  if (!options_.delay) return std::optional<Delays>();
  std::vector<tr_delays> cpus(static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1)));
  const std::uint32_t key = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.delays), &key, cpus.data()) != 0)
    return errno_error("read the probes' map", "delays");
  Delays sum;
  for (const tr_delays& cpu : cpus) {
    sum.count += cpu.count;
    sum.ns += cpu.ns;
    sum.longest_ns = std::max<std::uint64_t>(sum.longest_ns, cpu.longest_ns);
  }
  return std::optional(sum);
}

}  // namespace tr::capture
