// The parts of a report; content.h puts them in order.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/content.h"
#include "report/judged_run.h"
#include "report/model.h"

namespace tr::report {

// facts.cpp: what ran, where, and how fast it was.
std::string headline(const JudgedRun& run);
Section setting_section(const JudgedRun& run);
// What several runs have in common, as told by one of them; `measured`: how often and how long.
Section shared_setting_section(const JudgedRun& run, std::string measured);
std::string name_of(const RunConfig& config);
Fact machine_fact(const Environment& environment);
// "pinned to CPUs 0-1" for a CPU list, "not pinned" for an empty one.
std::string pinned(const std::string& cpus);
Section result_section(const JudgedRun& run);
// The tracer's own cost, what it did not measure, and the verdict.
Section tracing_section(const JudgedRun& run, const Detail& detail);
// Latency percentiles; absent where our load did not run.
std::optional<Section> latency_section(const JudgedRun& run);

// cost.cpp: what a message costs, or the program as a whole.
Section cost_section(const JudgedRun& run, const Detail& detail);

// budget.cpp: where the threads' time goes; absent where that was not measured.
std::optional<Section> budget_section(const JudgedRun& run, const Detail& detail);

// message_path.cpp: the legs of a message's way, and which of them makes the tail; both absent
// where that was not asked for, the second also without messages.
std::optional<Section> message_path_section(const JudgedRun& run, const Detail& detail);
std::optional<Section> tail_section(const JudgedRun& run, const Detail& detail);

// message_hops.cpp: what servers tell each other because of clients' messages; absent where
// messages are not followed, or servers are not connected with each other.
std::optional<Section> message_hops_section(const JudgedRun& run, const Detail& detail);

// waits.cpp: what exactly was waited for, how long such waits take, and which thread wakes which;
// empty where that was not measured.
std::vector<Section> wait_sections(const JudgedRun& run, const Detail& detail);

// wait_stacks.cpp: on which stacks; absent without stacks, or --waits.
std::optional<Section> wait_stacks_section(const JudgedRun& run, const Detail& detail);

// waste.cpp: calls made for nothing; absent where that is not known, or where there is nothing to
// say.
std::optional<Section> waste_section(const JudgedRun& run, const Detail& detail);

// locks.cpp: futexes, mutexes held, contention in the kernel; none where locks were not followed.
std::vector<Section> lock_sections(const JudgedRun& run, const Detail& detail);

// profile.cpp: which functions use the CPU, and where threads block; absent without stacks.
std::optional<Section> cpu_profile_section(const JudgedRun& run, const Detail& detail);
std::optional<Section> callers_section(const JudgedRun& run, const Detail& detail);
std::optional<Section> blocked_section(const JudgedRun& run, const Detail& detail);

// uring.cpp: what went through io_uring; absent where nothing did, or it was not counted.
std::optional<Section> uring_section(const JudgedRun& run, const Detail& detail);
// What to say where system calls are counted: that they are not all that the program asks for.
std::optional<std::string> uring_remark(const JudgedRun& run);

// tables.cpp: the whole tables.
std::optional<Section> perf_section(const JudgedRun& run, const Detail& detail);
Section syscall_section(const JudgedRun& run, const Detail& detail);
Section thread_section(const JudgedRun& run, const Detail& detail);
Section cross_check_section(const JudgedRun& run);

}  // namespace tr::report
