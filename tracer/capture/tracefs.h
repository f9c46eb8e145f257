// Which number has this tracepoint, also where tracefs is not mounted?
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "util/fd.h"
#include "util/result.h"

namespace tr::capture {

// A view of tracefs, mounted or not. Where it is not mounted and privilege allows, a detached mount
// is used (fsopen, fsmount; Linux 5.2): it belongs to this object's descriptor alone, appears in no
// mount table, and goes with it.
class Tracefs {
 public:
  // `root` stands for "/"; a detached mount is tried only on the machine itself ("").
  // Fails, with the remedy, when there is no way to read tracefs.
  static Result<Tracefs> open(const std::string& root = "");

  // The id of tracepoint SYSTEM:NAME for perf_event_attr::config; ENOENT: no such tracepoint.
  [[nodiscard]] Result<std::uint64_t> tracepoint_id(const std::string& system,
                                                    const std::string& name) const;
  // All tracepoints, as "system:name", sorted.
  [[nodiscard]] std::vector<std::string> tracepoints() const;
  // Where this view comes from, in words: "/sys/kernel/tracing", "a private mount".
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  Tracefs(Fd directory, std::string source)
      : directory_(std::move(directory)), source_(std::move(source)) {}

  Fd directory_;
  std::string source_;
};

}  // namespace tr::capture
