// What do the probes consist of, what does each part give, and what is a run without it?
//
// A group is what stands or falls together: a few BPF programs, or what a setting adds to those
// that every run needs. A kernel that lacks or refuses one costs its figures, not the run.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "capture/probes.h"
#include "snapshot/snapshot.h"

namespace tr::capture {

struct ProbeGroup {
  std::string_view name;   // for people and programs, never changed: "wake-ups"
  std::string_view gives;  // what a report has of it
  // What a run is without it; empty: nothing can be traced then.
  std::string_view without;
  // By name. Of a setting: none of its own, but those that the setting changes.
  std::span<const std::string_view> programs;
  // The options of a run that loads it, and it alone beside what every run needs.
  ProbeOptions alone;
  bool (*wanted)(const ProbeOptions&);
  // Turns off what needs it, and names the figures that are then missing. Null: nothing can be
  // traced, or what was asked for makes no sense without it.
  void (*leave_out)(ProbeOptions& options, const std::string& reason,
                    std::map<Figures, std::string>& unmeasured);
  bool is_setting = false;
  // Whether this kernel has a use for it. Null: every kernel.
  bool (*needed)() = nullptr;

  [[nodiscard]] bool is_required() const { return leave_out == nullptr; }
};

// All of them; those that every run needs come first.
std::span<const ProbeGroup> probe_groups();
// The group whose own a program is.
const ProbeGroup& group_of(std::string_view program);

}  // namespace tr::capture
