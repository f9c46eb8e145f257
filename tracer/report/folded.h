// Stacks for the tools that draw them.
#pragma once

#include <string>

#include "report/judged_run.h"

namespace tr::report {

// A line for each stack, as stackcollapse-perf.pl writes them, for flamegraph.pl, inferno and
// speedscope: "on-CPU;thread;outermost;...;innermost_[k] MICROSECONDS". Blocked time has the first
// frame "blocked", or "idle" where the thread waits for work. Needs Snapshot::stacks.
std::string render_folded(const JudgedRun& run);

// A gzipped profile.proto, for `go tool pprof`, Pyroscope and Parca: samples, CPU time and time off
// the CPU, with the thread's name, and the wait, as labels. Needs Snapshot::stacks.
std::string render_pprof(const JudgedRun& run);

}  // namespace tr::report
