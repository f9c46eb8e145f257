// How does a process come to stand one step before execve, all set up, and wait there?
//
// The tracer has to know a process before it executes anything, or its first calls are missed. So
// the child does everything that prepares it (group, limits, CPUs, files, user) first, says that it
// is ready, and then only reads one byte: between that byte and execve there is nothing else.
#pragma once

#include <sys/types.h>
#include <variant>

#include "capture/launch/launch_spec.h"
#include "capture/launch/wire.h"
#include "util/fd.h"

namespace tr::capture {

// A child that waits before execve. Whoever holds this reaps it.
struct HeldChild {
  pid_t pid = 0;
  Fd pidfd;
  // One byte written here lets it execute; closed without one, it exits.
  Fd go;
  // After that: end of file once execve has succeeded (or the child was killed), or execve's errno
  // as an int.
  Fd exec_errno;
};

struct LaunchFailure {
  LaunchStep step = LaunchStep::kReadSpec;
  int code = 0;  // errno
};

// What the child gets as its standard files.
struct StandardFiles {
  int output;  // stdout and stderr
  int input;   // -1: as the spec says
};

// Forks it and waits until it is held. `owner_group` is the process group for
// ProcessGroup::kOfTraceRun. The child is tied to the calling process: it gets SIGKILL when that
// ends (PR_SET_PDEATHSIG, which execve of a set-user-id program clears). The caller must have one
// thread only and hold descriptors 0 to 2.
std::variant<HeldChild, LaunchFailure> fork_held_child(const LaunchSpec& spec, StandardFiles files,
                                                       pid_t owner_group);

}  // namespace tr::capture
