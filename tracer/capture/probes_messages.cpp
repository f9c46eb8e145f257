// What was counted of the ways of messages: the part of the probes that follows them.
#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/iterate.h"
#include "capture/probes.h"
#include "capture/probes_private.h"
#include "trace_run.skel.h"

namespace tr::capture {

void Probes::follow_messages(std::uint32_t size) {
  __atomic_store_n(&skeleton_->bss->message_size, size, __ATOMIC_SEQ_CST);
}

// A turn-around ends with the next arrival, which connections that are still open will not see.
Status Probes::end_turns() const {
  if (!bpf_program__autoload(skeleton_->progs.end_turns)) return {};
  const auto link = attach_program(skeleton_->progs.end_turns);
  if (!link) return link.error();
  std::set<pid_t> processes;
  for (const tr_thread& record : used_records())
    if (record.serial != 0 && record.died_ns == 0)
      processes.insert(static_cast<pid_t>(record.tgid));
  const std::vector<pid_t> living(processes.begin(), processes.end());
  return iterate_networks(link->get(), living, "the followed connections");
}

Result<RawPaths> Probes::raw_paths() const {
  RawPaths raw;
  if (Status ended = end_turns(); !ended) raw.last_turns_unmeasured = ended.error().text();
  raw.message_size = skeleton_->bss->message_size;
  std::copy(std::begin(skeleton_->bss->path_notes), std::end(skeleton_->bss->path_notes),
            raw.notes.begin());
  raw.cpus.resize(bpf_map__max_entries(skeleton_->maps.paths));
  for (std::uint32_t cpu = 0; cpu < raw.cpus.size(); ++cpu)
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.paths), &cpu, &raw.cpus[cpu]) != 0)
      return errno_error("read the probes' map", "paths");
  return raw;
}

Result<std::optional<RawHops>> Probes::raw_hops() const {
  if (!options_.messages || skeleton_->bss->has_own_links == 0) return std::optional<RawHops>();
  RawHops raw;
  raw.sums = std::make_unique<tr_hops>();
  const std::uint32_t key = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.hops), &key, raw.sums.get()) != 0)
    return errno_error("read the probes' map", "hops");
  auto origins = map_array<const tr_origin>(bpf_map__fd(skeleton_->maps.origins), TR_ORIGINS);
  if (!origins) return std::move(origins).error();
  raw.origins.assign((*origins)->first, (*origins)->first + TR_ORIGINS);
  std::copy(std::begin(skeleton_->bss->hop_notes), std::end(skeleton_->bss->hop_notes),
            raw.notes.begin());
  return std::optional<RawHops>(std::move(raw));
}

}  // namespace tr::capture
