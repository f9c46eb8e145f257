// Which figures does a report show, in which words?
#pragma once

#include <cstddef>

#include "report/judged_run.h"
#include "report/model.h"

namespace tr::report {

// Beyond the one screen that everybody gets.
struct Detail {
  bool syscalls = false;         // the table of all system calls
  bool threads = false;          // the table of threads
  bool cross_check = false;      // what our probes counted beside what perf counted
  bool full = false;             // totals beside averages, every perf event, the cost of each probe
  std::size_t max_threads = 20;  // one by one; the others in one row
};

// All of it: what a document holds.
inline constexpr Detail kEverything{
    .syscalls = true, .threads = true, .cross_check = true, .full = true, .max_threads = 100};

Report build_report(const JudgedRun& run, const Detail& detail);

}  // namespace tr::report
