#include <array>
#include <string_view>

#include "capture/collect.h"

namespace tr::capture {
namespace {

// By enum tr_leg; part of files and reports, never changed.
constexpr std::array<std::string_view, TR_LEGS> kLegNames{
    "wake",    "runqueue", "busy", "handoff", "handoff_wake",
    "receive", "rest",     "work", "send",    "unresolved"};

// By enum tr_path_note; the same.
constexpr std::array<std::string_view, TR_PATH_NOTES> kNoteNames{
    "handed_off", "many_hands", "no_receipt", "no_send",   "disordered",
    "crowded",    "no_room",    "no_memory",  "unanswered"};

}  // namespace

MessagePath message_path(const RawPaths& raw) {
  MessagePath path;
  path.message_size = raw.message_size;
  for (std::size_t leg = 0; leg < TR_LEGS; ++leg) {
    PathLeg& its = path.legs.emplace_back();
    its.name = kLegNames[leg];
    for (std::size_t bucket = 0; bucket < TR_PATH_BUCKETS; ++bucket) {
      std::uint64_t messages = 0;
      for (const tr_paths& cpu : raw.cpus)
        messages += cpu.legs[leg][bucket];
      its.times.push_back({bucket, messages});
    }
  }
  for (std::size_t bucket = 0; bucket < TR_PATH_BUCKETS; ++bucket) {
    PathBucket sums;
    sums.bucket = bucket;
    for (const tr_paths& cpu : raw.cpus) {
      sums.messages += cpu.messages[bucket];
      for (std::size_t leg = 0; leg < TR_LEGS; ++leg)
        if (const std::uint64_t ns = cpu.leg_ns[bucket][leg]; ns != 0)
          sums.legs_ns[std::string(kLegNames[leg])] += ns;
    }
    if (sums.messages != 0) path.buckets.push_back(std::move(sums));
  }
  for (std::size_t note = 0; note < TR_PATH_NOTES; ++note)
    path.notes[std::string(kNoteNames[note])] = raw.notes[note];
  return path;
}

}  // namespace tr::capture
