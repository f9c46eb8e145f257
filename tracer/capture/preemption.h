// Can the kernel preempt a thread inside a BPF program, and what was lost by that? Then a second
// program stands at each tracepoint: probes/preemption.bpf.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "capture/probes.h"

namespace tr::capture {

// By the kernel's release. Where this is wrong, calls cost some nanoseconds more, or events inside
// another run of the same probe are lost.
bool preempts_programs();

// Whether this is the second program at its tracepoint, and the name of the first.
constexpr bool is_second(std::string_view program) {
  return program.starts_with("again_") || program.starts_with("recount_");
}
std::string first_of(std::string_view program);

// At most so many events were lost because the kernel skipped their programs. What both programs at
// a tracepoint have missed is lost, but for what was made up for by the thread's next event.
std::uint64_t skipped_events(std::span<const ProgramStatistics> programs,
                             const UnseenEvents& unseen);

}  // namespace tr::capture
