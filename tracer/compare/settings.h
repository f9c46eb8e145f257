// Were two sets of runs made alike, except for what is compared?
#pragma once

#include <span>
#include <string>
#include <vector>

#include "snapshot/snapshot.h"

namespace tr::compare {

struct SettingDifference {
  enum class Kind {
    // Two different things were measured: refused unless forced.
    kMixed,     // the runs of one side differ among themselves
    kProtocol,  // what the load speaks
    kSize,      // of a message
    kKernel,
    kProbes,  // what was measured, and so what it cost
    // The figures stand beside each other, but not everything between them is the servers'.
    kMachine,
    kTool,  // trace-run's version
    // The subject of the comparison.
    kConfig,
  };
  Kind kind = Kind::kConfig;
  std::string what;  // "connections"; kMixed: of which side too
  std::string a;     // in words; kMixed: of two of its runs
  std::string b;

  friend bool operator==(const SettingDifference&, const SettingDifference&) = default;
};

// Whether such a difference makes the comparison mean nothing.
constexpr bool forbids(SettingDifference::Kind kind) {
  return kind <= SettingDifference::Kind::kProbes;
}

// In the order of the kinds.
std::vector<SettingDifference> setting_differences(std::span<const Snapshot> a,
                                                   std::span<const Snapshot> b);

}  // namespace tr::compare
