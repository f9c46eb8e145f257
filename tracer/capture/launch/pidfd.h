// How is a process watched without mistaking a later one of the same pid for it? By a pidfd.
#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "util/fd.h"

namespace tr::capture {

// A descriptor that becomes readable when the process ends; close-on-exec. Invalid, with errno,
// when there is no such process, or before Linux 5.3. (glibc 2.36 declares pidfd_open without C
// linkage, so that C++ cannot link it.)
inline Fd open_pidfd(pid_t pid) {
  return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace tr::capture
