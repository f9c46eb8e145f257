// The runs that runs.cpp names; what each is stands in runs.h.
#pragma once

#include "snapshot/snapshot.h"

namespace tr::golden {

Snapshot epoll_echo();
Snapshot profiled();
Snapshot thread_echo();
Snapshot uring_echo();
Snapshot program();
Snapshot counted();
Snapshot damaged();
Snapshot python_locks();

}  // namespace tr::golden
