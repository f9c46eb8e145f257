// Who ends what we started, however we end? The guardian: a small process beside trace-run.
//
// trace-run may be killed with SIGKILL, and then runs no clean-up. So what it starts is the child
// of a guardian forked before: the guardian lives on for a moment, kills the whole tree and ends.
// It finds daemons, too: it is the tree's subreaper (PR_SET_CHILD_SUBREAPER), so whoever loses its
// parent becomes the guardian's child.
//
// If the guardian itself is killed, the first process gets SIGKILL from the kernel (its parent
// death signal); what that process had started in turn is then beyond reach. The guardian makes
// this unlikely: it is in a process group of its own, ignores every signal that can be ignored,
// and does not go by trace-run's name.
#pragma once

#include <sys/types.h>

#include "util/fd.h"

namespace tr::capture {

// Serves commands until its end of the channel closes or the process behind the pidfd `owner` ends;
// then ends what still runs, and exits. `owner_pid` and `owner_group` are that process's. To be
// called in a process just forked from a single-threaded one; never returns.
[[noreturn]] void run_guardian(Fd channel, Fd owner, pid_t owner_pid, pid_t owner_group) noexcept;

}  // namespace tr::capture
