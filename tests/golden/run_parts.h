// What made-up runs are put together from.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "snapshot/snapshot.h"

namespace tr::golden {

inline constexpr std::uint64_t kSecond = 1'000'000'000;

// A spread of durations around `typical`, `times` in all: half of them there, the others around.
Histogram around(std::uint64_t typical, std::uint64_t times, BucketLayout layout);
SyscallStats call(int number, std::string name, std::uint64_t calls, std::uint64_t typical_ns,
                  std::map<int, std::uint64_t> errors = {});
// Under way for the whole window, as a server's accept() often is.
SyscallStats parked(int number, std::string name, std::uint64_t window_ns);
void sort_by_name(std::vector<SyscallStats>& calls);
// Splits a thread's times: each wait gets its `ns` in percent of what is left by those before it.
void spend(TaskCounts& counts, std::vector<Wait> waits);
// As if each wait for events had brought its share of them.
void give_results(TaskCounts& counts, std::uint64_t events);
// The sum over all threads.
TaskCounts total_of(const std::vector<ThreadCounts>& threads);
// What the times leave of a thread's life, it slept.
void sleep_the_rest(ThreadCounts& thread, std::uint64_t life_ns);
// One message of 64 bytes in, one out, on the served port.
void serve(TaskCounts& counts, std::uint64_t messages);
RunConfig echo_config(const std::string& server, std::uint64_t connections);
LoadResult echo_load(std::uint64_t connections, std::uint64_t messages, std::uint64_t typical_ns);
// `messages` over so many bins of 0.1 s, in the proportions of `level`, with some noise.
AnswerBins bins_of(std::uint64_t messages, std::uint64_t count,
                   const std::function<double(std::uint64_t)>& level);
Overhead overhead(std::uint64_t enters, std::uint64_t switches, std::uint64_t cpu_ns);
MemoryReading held(std::uint64_t pss_kib, std::uint64_t page_tables_kib, std::uint64_t threads);
ServerExit asked_to_end(std::uint64_t user_ns, std::uint64_t system_ns);
Snapshot skeleton(RunConfig config, std::uint64_t window_ns);
PerfCount counted_event(std::string event, std::uint64_t value, std::uint64_t enabled_ns);
PerfCount unsupported_event(std::string event, std::string why);

}  // namespace tr::golden
