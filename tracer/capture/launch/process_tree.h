// Which threads make up a running program: a process, its descendants, and all their threads?
//
// /proc is no snapshot: threads and children appear while it is read, so one pass may miss some.
// Whoever must have them all uses for_each_new_task(), which passes until nothing new turns up.
// Descendants that had already been orphaned to init (daemons) are not found: nothing in /proc
// links them to where they came from.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "util/result.h"

namespace tr::capture {

// A thread: its process and itself.
struct Task {
  pid_t tgid = 0;
  pid_t tid = 0;

  auto operator<=>(const Task&) const = default;
};

// The processes whose parent is `pid`, zombies included; ascending. `proc` is /proc, or a test's
// tree like it, in all functions here.
Result<std::vector<pid_t>> child_processes(const std::string& proc, pid_t pid);

// `pid` and its descendants, ascending. An error if there is no such process, or if `pid` is a
// thread of another (both usage errors).
Result<std::vector<pid_t>> process_tree(const std::string& proc, pid_t pid);

// All threads of `pid` and its descendants, in one pass; ascending.
Result<std::vector<Task>> tasks_of_tree(const std::string& proc, pid_t pid);

// Calls `adopt` for the threads of `pid` and its descendants, pass after pass, until two passes in
// a row brought nothing new: a thread may be skipped by one pass if its neighbour ends just then.
// `adopt` answers whether the thread was new to it. Where the tracer's membership is inherited at
// fork, the children of adopted threads are not new, so that this ends even under a fork storm.
// Returns how many were new. A thread that ended before it could be adopted is for `adopt` to
// answer false to; its error ends the search.
Result<std::size_t> for_each_new_task(const std::string& proc, pid_t pid,
                                      const std::function<Result<bool>(Task)>& adopt);

}  // namespace tr::capture
