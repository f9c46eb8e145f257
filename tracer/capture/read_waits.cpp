// Probes::raw_waits(): what wait_causes.bpf.h kept, copied out of its maps.
#include <algorithm>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/collect_waits.h"
#include "capture/probes.h"
#include "trace_run.skel.h"

namespace tr::capture {
namespace {

template <class Key, class Value>
Status read_map(const bpf_map* map, std::vector<std::pair<Key, Value>>& into) {
  const int fd = bpf_map__fd(map);
  std::pair<Key, Value> entry{};
  const Key* previous = nullptr;
  for (Key key{}; bpf_map_get_next_key(fd, previous, &key) == 0; previous = &entry.first) {
    entry.first = key;
    if (bpf_map_lookup_elem(fd, &entry.first, &entry.second) != 0)
      return errno_error("read the probes' map", bpf_map__name(map));
    into.push_back(entry);
  }
  return {};
}

}  // namespace

Result<std::optional<RawWaits>> Probes::raw_waits(const RawCounts& raw) const {
  if (!options_.waits) return std::optional<RawWaits>();
  RawWaits waits;
  const auto& maps = skeleton_->maps;
  if (Status read = read_map(maps.cause_numbers, waits.numbers); !read)
    return std::move(read).error();
  if (Status read = read_map(maps.handoffs, waits.handoffs); !read) return std::move(read).error();
  waits.unnamed_handoffs = skeleton_->bss->handoffs_unnamed;
  if (bpf_program__autoload(skeleton_->progs.on_sk_data_ready)) {
    std::vector<std::pair<std::uint32_t, tr_arrivals>> arrivals;
    if (Status read = read_map(maps.arrivals, arrivals); !read) return std::move(read).error();
    waits.arrivals.emplace(arrivals.begin(), arrivals.end());
  }
  const std::uint32_t used =
      std::min<std::uint32_t>(skeleton_->bss->causes_asked_for + 1, TR_CAUSES);
  waits.causes.resize(used);
  for (std::uint32_t number = 0; number < used; ++number)
    if (bpf_map_lookup_elem(bpf_map__fd(maps.causes), &number, &waits.causes[number]) != 0)
      return errno_error("read the probes' map", "causes");
  for (const tr_thread& record : raw.records) {
    if (record.serial == 0) continue;
    if (record.state != TR_STATE_BLOCKED && record.state != TR_STATE_WOKEN) continue;
    const std::uint32_t slot = record.slot;
    if (bpf_map_lookup_elem(bpf_map__fd(maps.sleeps), &slot, &waits.sleeps[slot]) != 0)
      return errno_error("read the probes' map", "sleeps");
  }
  return std::optional(std::move(waits));
}

}  // namespace tr::capture
