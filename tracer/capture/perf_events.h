// How often did the program do that, in the window, by perf's own count?
//
// One PerfEvents counts a list of events in one tree of tasks: watch it (before its first exec, or
// while it runs), then enable() and disable() at the window's edges, then read(). Children and
// threads that are created later are counted by inheritance; when they exit, the kernel adds their
// counts to the event they were inherited from.
//
// Hardware events of one PMU are opened as one group, so that ratios between them (instructions per
// cycle) come from the same moments; what does not fit into a group starts another, and the kernel
// takes turns (enabled_ns > running_ns). Software events and tracepoints form one group as well:
// one call opens the window for all of them, at no more cost per context switch than singly.
//
// A program that gains privileges when it is executed (set-user-id, file capabilities) loses its
// perf events at that moment: the kernel's rule.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "capture/perf_encoding.h"
#include "capture/perf_kernel.h"
#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr::capture {

// perf's counts of what the probes count too.
inline const std::vector<std::string> kCrossCheckEvents = {"context-switches", "cpu-migrations",
                                                           "task-clock", "page-faults"};

class PerfEvents {
 public:
  enum class Start {
    kByEnable,  // at enable()
    kAtExec,    // at the child's next execve, without enable()
  };
  // The threads to count, as they are now.
  using TaskLister = std::function<Result<std::vector<pid_t>>()>;

  // Opens nothing yet. `kernel` must outlive this; `root` stands for "/" in texts about settings.
  explicit PerfEvents(std::vector<PerfEncoding> events, PerfKernel& kernel = machine_perf(),
                      std::string root = "");

  // Counts a child that has not executed the program yet, and all that it creates. Events the
  // machine refuses are no error; they are read as unsupported.
  Status watch_child(pid_t child, Start start);

  // Counts the threads that `tasks` lists, and all that they create. An event inherited and opened
  // as well would count twice, and nothing tells which of the two a thread has that appeared
  // meanwhile; so the list is taken before and after, and all is opened anew until no thread
  // appeared in between. If they never stop appearing, those of the last round are left out, and a
  // note says so.
  Status attach(const TaskLister& tasks);

  // The window's edges. Every task's groups are switched one after another: sharp for each task,
  // but not at one instant for all (with 2,000 attached threads, within tens of milliseconds).
  Status enable();
  Status disable();

  // In the order asked for; after disable() the values are final. Not counted, with the reason:
  // what the machine refused, what never got a counter, what no task ran long enough to count.
  [[nodiscard]] std::vector<PerfCount> read() const;

  // What a reader must know about these counts, one sentence each.
  [[nodiscard]] std::vector<std::string> notes() const;

 private:
  struct Slot {  // one perf event of each task, in the order of opening
    std::size_t event = 0;
    std::size_t part = 0;
    bool leads = false;
  };
  enum class Opened { kYes, kTaskGone };
  using TaskEvents = std::vector<Fd>;  // by slot

  [[nodiscard]] const PerfPart& part_of(const Slot& slot) const {
    return events_[slot.event].parts[slot.part];
  }
  [[nodiscard]] bool fits(const std::vector<Slot>& group) const;
  [[nodiscard]] std::vector<Slot> plan_groups() const;
  Result<Opened> open_task(pid_t task, bool at_exec);
  Result<Opened> open_first(pid_t task, bool at_exec);
  Result<Opened> open_like_first(pid_t task, bool at_exec);
  Status open_all(const std::vector<pid_t>& tasks);
  [[nodiscard]] PerfCount count_of(std::size_t event) const;
  Status for_each_group(Status (PerfKernel::*change)(int));

  std::vector<PerfEncoding> events_;
  PerfKernel& kernel_;
  std::string root_;
  std::vector<Slot> slots_;  // found with the first task, the same for all
  bool planned_ = false;
  std::vector<TaskEvents> tasks_;
  std::vector<std::string> refusals_;  // by event: why it, or a part of it, could not be opened
  std::size_t missed_threads_ = 0;
};

}  // namespace tr::capture
