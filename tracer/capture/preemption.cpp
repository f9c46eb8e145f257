#include "capture/preemption.h"

#include <algorithm>
#include <optional>

#include "capture/probe_programs.h"

namespace tr::capture {
namespace {

std::uint64_t less(std::uint64_t all, std::uint64_t part) {
  return all - std::min(all, part);
}

// At most. Of threads that are not traced it is not known which program has missed an event.
std::uint64_t missed_by_both(const ProgramStatistics& program) {
  if (!program.second_misses) return program.recursion_misses;
  return std::min(less(program.recursion_misses, program.seen_by_second),
                  less(*program.second_misses, program.seen_by_first));
}

}  // namespace

bool preempts_programs() {
  return kernel_is_at_least(7, 0);  // a46023d5616e, and at system calls since 7.2: 439ebd5b5708
}

std::string first_of(std::string_view program) {
  if (program.starts_with("again_")) return "on_" + std::string(program.substr(6));
  if (program.starts_with("recount_")) return "count_" + std::string(program.substr(8));
  return std::string(program);
}

std::uint64_t skipped_events(std::span<const ProgramStatistics> programs,
                             const UnseenEvents& unseen) {
  std::uint64_t lost = 0;
  std::uint64_t starts = 0;
  std::optional<std::uint64_t> ends;  // absent where only calls are counted
  for (const ProgramStatistics& program : programs) {
    const std::uint64_t missed = missed_by_both(program);
    if (program.second_misses && program.program == "sys_enter")
      starts = less(missed, unseen.call_starts);
    else if (program.second_misses && program.program == "sys_exit")
      ends = less(missed, unseen.call_ends);
    // inet_sock_set_state is passed in interrupts too, hundreds of times in one that comes during a
    // run; but what is looked for there, a listen(2) of the tree, is in none. Contentions that are
    // missed are told with the others: raw_locks().
    else if (program.program != "inet_sock_set_state" && program.program != kContention)
      lost += missed;
  }
  // Lost is a call of which neither edge was seen: one edge tells of the other.
  return lost + std::min(starts, ends.value_or(starts));
}

}  // namespace tr::capture
