/* The probes, as one object. Each file answers one question and builds on those above it. */
/* clang-format off */
#include "stacks.bpf.h"
#include "thread.bpf.h"
#include "preemption.bpf.h"
#include "sockets.bpf.h"
#include "locks.bpf.h"
#include "message_sleeps.bpf.h"
#include "message_legs.bpf.h"
#include "message_hops.bpf.h"
#include "messages.bpf.h"
#include "message_sends.bpf.h"
#include "message_calls.bpf.h"
#include "syscalls.bpf.h"
#include "delay.bpf.h"
#include "wait_causes.bpf.h"
#include "arrivals.bpf.h"
#include "waits.bpf.h"
#include "contention.bpf.h"
#include "lock_hold.bpf.h"
#include "membership.bpf.h"
#include "bare.bpf.h"
#include "scheduler.bpf.h"
#include "interrupts.bpf.h"
#include "profile.bpf.h"
#include "uring.bpf.h"
/* clang-format on */

/* The helpers used here are for GPL-compatible programs only. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";
