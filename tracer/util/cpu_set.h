// Which CPUs does "0,2-5,8-14:2" name, and are they there?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace tr {

// CPU numbers, ascending and without repeats.
using CpuList = std::vector<int>;

// Parses taskset's list syntax: numbers, ranges a-b, strides a-b:s, separated by commas.
// Errors are usage errors.
Result<CpuList> parse_cpu_list(std::string_view text);

// The shortest list text for these CPUs: {0,1,2,5} -> "0-2,5".
std::string format_cpu_list(const CpuList& cpus);

// The CPUs the calling thread may run on (sched_getaffinity).
Result<CpuList> usable_cpus();

// parse_cpu_list, then checks each CPU against `usable`; the error names the usable ones.
// `option` is how the user wrote it ("--pin").
Result<CpuList> parse_usable_cpus(std::string_view option, std::string_view text,
                                  const CpuList& usable);

// Pins a thread (0: the calling one) to these CPUs.
Status pin_thread(int tid, const CpuList& cpus);

}  // namespace tr
