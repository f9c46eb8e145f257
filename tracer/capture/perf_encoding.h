// Which event does "cycles:u", "PERF_COUNT_SW_PAGE_FAULTS" or "syscalls:sys_enter_futex" ask for?
//
// libpfm4 knows the names and encodings of hardware and software events; tracepoints are looked up
// in tracefs, so that they work where it is not mounted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capture/perf_kernel.h"
#include "util/result.h"

namespace tr::capture {

// A PMU of the CPU's cores. Machines with several kinds of core have one for each.
struct CorePmu {
  std::string name;        // "cpu", "cpu_atom", "armv8_cortex_a53"
  std::uint32_t type = 0;  // for perf_event_attr
};

// The core PMUs, by type; none where the machine, or its hypervisor, has no hardware counters.
std::vector<CorePmu> core_pmus(const std::string& root = "");

// One event as the kernel takes it.
struct PerfPart {
  PerfAttr attr;
  std::string pmu;  // who counts it; events of one PMU can be counted in one group

  friend bool operator==(const PerfPart&, const PerfPart&) = default;
};

struct PerfEncoding {
  std::string name;             // as asked for
  bool software = false;        // counted by the kernel itself: needs no PMU
  std::vector<PerfPart> parts;  // one, or one per kind of core, whose counts add up
  std::string unsupported;      // not empty: cannot be counted here, and why; then no parts
};

// Encodes each name. An event that this machine lacks comes back as unsupported; one that nobody
// knows, or that would sample instead of count, is a usage error that names the nearest events.
Result<std::vector<PerfEncoding>> encode_perf_events(const std::vector<std::string>& names,
                                                     const std::string& root = "");

// Why the kernel refused to open this event, in a few words for a person: "no hardware PMU here".
// `code` is perf_event_open's errno.
std::string perf_refusal(int code, const PerfEncoding& event, const PerfAttr& attr,
                         const std::string& root = "");

}  // namespace tr::capture
