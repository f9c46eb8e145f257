// The kernel's side of perf events: open one, switch it, read it. Apart from what uses it, so that
// tests can put a kernel in its place that refuses, has no PMU or gives any count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <sys/types.h>

#include "util/fd.h"
#include "util/result.h"

namespace tr::capture {

// What is counted: the part of struct perf_event_attr that names an event. (A type of our own,
// since libpfm4 and the kernel each declare that struct and no file can include both.)
struct PerfAttr {
  std::uint32_t type = 0;
  std::uint64_t config = 0;
  std::uint64_t config1 = 0;
  std::uint64_t config2 = 0;
  bool exclusive = false;
  bool exclude_user = false;
  bool exclude_kernel = false;
  bool exclude_hv = false;
  bool exclude_host = false;
  bool exclude_guest = false;

  friend bool operator==(const PerfAttr&, const PerfAttr&) = default;
};

// Times are in nanoseconds of the counted tasks' time on a CPU.
struct PerfReading {
  std::uint64_t value = 0;
  std::uint64_t enabled_ns = 0;
  std::uint64_t running_ns = 0;
};

class PerfKernel {
 public:
  PerfKernel() = default;
  virtual ~PerfKernel() = default;
  PerfKernel(const PerfKernel&) = delete;
  PerfKernel& operator=(const PerfKernel&) = delete;

  // Opens an event that counts thread `task` (0: the caller) on every CPU, and all that it creates
  // from now on. With `leader` -1 it leads a group of its own and starts disabled (`at_exec`: until
  // the task's next execve); else it joins that group, and counts whenever its leader does.
  virtual Result<Fd> open(const PerfAttr& attr, pid_t task, int leader, bool at_exec) = 0;
  // Starts and stops a group by its leader, in all tasks that inherited it as well.
  virtual Status enable(int leader) = 0;
  virtual Status disable(int leader) = 0;
  // The sum over the task and all that inherited the event, dead or alive.
  virtual Result<PerfReading> read(int fd) = 0;
  // Makes sure that so many more files can be opened, raising RLIMIT_NOFILE where that is allowed.
  virtual Status make_room(std::size_t files) = 0;
};

// The machine itself.
PerfKernel& machine_perf();

}  // namespace tr::capture
