// The part of Probes that is about single waits: what its settings are, what was kept.
#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/collect_waits.h"
#include "capture/kernel_file.h"
#include "capture/probes.h"
#include "capture/probes_private.h"
#include "snapshot/calls_for_events.h"
#include "trace_run.skel.h"

namespace tr::capture {
namespace {

// The calls that say by their first argument, or their second, what they wait for; beside those on
// a descriptor of any kind.
constexpr std::array<std::string_view, 4> kCallsWithInstance{"epoll_pwait", "epoll_pwait2",
                                                             "epoll_wait", "io_uring_enter"};
constexpr std::array<std::string_view, 2> kCallsWithFutex{"futex", "futex_wait"};
constexpr std::array<std::string_view, 2> kCallsWithCountFirst{"pselect6", "select"};
constexpr std::array<std::string_view, 2> kCallsWithCountSecond{"poll", "ppoll"};
constexpr std::array<std::string_view, 3> kCallsForConnections{"accept", "accept4",
                                                               "io_uring_enter"};

}  // namespace

void Probes::prepare_waits() {
  auto& settings = *skeleton_->rodata;
  const auto& maps = skeleton_->maps;
  settings.has_waits = options_.waits;
  for (bpf_map* map :
       {maps.wait_notes, maps.cause_numbers, maps.causes, maps.wake_pairs, maps.arrivals})
    bpf_map__set_autocreate(map, options_.waits);
  if (!options_.waits) return;
  bpf_map__set_max_entries(maps.wait_notes, settings.record_slots);
  mark_calls(kCallsWithInstance, settings.calls_with_instance);
  mark_calls(kCallsWithFutex, settings.calls_with_futex);
  mark_calls(kCallsWithCountFirst, settings.calls_with_count_first);
  mark_calls(kCallsWithCountSecond, settings.calls_with_count_second);
  mark_calls(kCallsForEvents, settings.calls_for_connections);
  mark_calls(kCallsForConnections, settings.calls_for_connections);
  // net.ipv4.ip_local_port_range serves IPv6 too.
  const std::string range = kernel_text("", "/proc/sys/net/ipv4/ip_local_port_range").value_or("");
  unsigned first = 0;
  unsigned last = 0;
  if (std::sscanf(range.c_str(), "%u %u", &first, &last) == 2) {
    settings.short_lived_first = static_cast<__u16>(first);
    settings.short_lived_last = static_cast<__u16>(last);
  }
}

Result<std::optional<RawWaits>> Probes::raw_waits(const RawCounts& raw) const {
  if (!options_.waits) return std::optional<RawWaits>();
  RawWaits waits;
  const auto& maps = skeleton_->maps;
  waits.numbers = entries_of<tr_cause_key, std::uint32_t>(maps.cause_numbers);
  waits.handoffs = entries_of<tr_wake_pair_key, tr_wake_pair>(maps.wake_pairs);
  waits.unnamed_handoffs = skeleton_->bss->wake_pairs_unnamed;
  if (bpf_program__autoload(skeleton_->progs.on_sk_data_ready)) {
    const auto arrivals = entries_of<std::uint32_t, tr_arrivals>(maps.arrivals);
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
    if (bpf_map_lookup_elem(bpf_map__fd(maps.wait_notes), &slot, &waits.sleeps[slot]) != 0)
      return errno_error("read the probes' map", "sleeps");
  }
  return std::optional(std::move(waits));
}

}  // namespace tr::capture
