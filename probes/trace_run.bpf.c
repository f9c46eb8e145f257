/* The probes, as one object. Each file answers one question; this is also their order of use. */
#include "thread.bpf.h"
/* clang-format off: each builds on those above it */
#include "membership.bpf.h"
#include "scheduler.bpf.h"
#include "sockets.bpf.h"
#include "syscalls.bpf.h"
/* clang-format on */

/* The helpers used here are for GPL-compatible programs only. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";
