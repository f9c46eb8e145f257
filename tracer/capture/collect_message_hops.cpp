#include <array>
#include <string_view>

#include "capture/collect.h"

namespace tr::capture {
namespace {

// By enum tr_hop_time; part of files and reports, never changed.
constexpr std::array<std::string_view, TR_HOP_TIMES> kTimeNames{"transit", "unread", "whole",
                                                                "since_client"};

// By enum tr_hop_note; the same.
constexpr std::array<std::string_view, TR_HOP_NOTES> kNoteNames{
    "for_nobody", "doubtful", "no_room", "no_memory", "no_send", "unknown", "late"};

HopTime time_of(std::string_view name, std::uint64_t ns, std::span<const __u64> buckets) {
  HopTime time{.name = std::string(name), .ns = ns, .times = {}};
  for (std::size_t bucket = 0; bucket < buckets.size(); ++bucket)
    time.times.push_back({bucket, buckets[bucket]});
  return time;
}

MessageHop hop_of(const tr_hop& its) {
  MessageHop hop{.sent = its.sent, .received = its.received, .times = {}};
  for (std::size_t time = 0; time < TR_HOP_TIMES; ++time)
    hop.times.push_back(time_of(kTimeNames[time], its.ns[time], its.times[time]));
  return hop;
}

}  // namespace

MessageHops message_hops(const RawCounts& counts, const RawHops& raw) {
  MessageHops hops;
  std::size_t deepest = 0;
  for (std::size_t i = 0; i < TR_HOPS; ++i)
    if (raw.sums->hops[i].sent + raw.sums->hops[i].received > 0) deepest = i + 1;
  for (const tr_hop& its : std::span(raw.sums->hops).first(deepest))
    hops.hops.push_back(hop_of(its));
  hops.uncertain = hop_of(raw.sums->hops[TR_HOP_UNCERTAIN]);
  // Those that gave their place to others are counted; these kept it.
  std::uint64_t spread_ns = raw.sums->spread_ns, doubtful = 0;
  std::vector<__u64> spread(std::begin(raw.sums->spread), std::end(raw.sums->spread));
  for (const tr_origin& origin : raw.origins) {
    const bool inside =
        origin.client_ns >= counts.window_open_ns && origin.client_ns < counts.window_close_ns;
    if (origin.id == 0 || origin.last_ns < origin.client_ns || !inside) continue;
    if (origin.doubtful != 0) {
      ++doubtful;
      continue;
    }
    const std::uint64_t ns = origin.last_ns - origin.client_ns;
    spread_ns += ns;
    ++spread[tr_bucket(ns)];
  }
  hops.spread = time_of("spread", spread_ns, spread);
  for (std::size_t note = 0; note < TR_HOP_NOTES; ++note)
    hops.notes[std::string(kNoteNames[note])] =
        raw.notes[note] + (note == TR_HOP_DOUBTFUL ? doubtful : 0);
  return hops;
}

}  // namespace tr::capture
