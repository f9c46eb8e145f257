/* What do the probes hand to user space?
 *
 * The one contract between the BPF programs and tracer/capture: everything below has the same
 * layout on both sides. C, because both compilers read it. Times are CLOCK_MONOTONIC nanoseconds.
 *
 * A traced thread has a record from before its first instruction, and keeps it when it has exited:
 * user space reads the records where they are, through mmap. Counts that would need a map lookup
 * per event sit in two small open-addressed tables inside the record: `calls` (per syscall) and
 * `cells` (sparse counts: latency buckets, errnos, futex operations). What does not fit a full
 * table goes to the map `spilled`. When all records are in use, those of exited threads are summed
 * up in `folded` and used again. Nothing is dropped.
 */
#ifndef TRACE_RUN_PROBES_RECORDS_H
#define TRACE_RUN_PROBES_RECORDS_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* A call number as it is kept: the kernel's number, or TR_CALL_OTHER for one that is no number
 * (-1, x32), plus TR_CALL_COMPAT for a 32-bit call. */
#define TR_CALL_COMPAT 0x400u
#define TR_CALL_OTHER 0x3ffu
#define TR_CALL_NONE 0x3feu /* in keys: outside any call, as in a page fault */
/* In place of a call: what a thread does that never leaves the kernel, see uring.bpf.h. */
#define TR_CALL_IO_WORKER 0x3fcu
#define TR_CALL_SQPOLL 0x3fdu
#define TR_CALL_MASK 0x7ffu
#define TR_NO_CALL 0xffffffffu

/* In which state is the thread? Each nanosecond of its life is in exactly one. */
enum tr_state {
  TR_STATE_NEW, /* created, not yet woken for the first time: not part of its life */
  /* On a CPU. */
  TR_STATE_USER,      /* outside syscalls */
  TR_STATE_SYSTEM,    /* inside a syscall */
  TR_STATE_DELIVERY,  /* in softirq NET_RX inside its own call: on loopback, the peer's TCP */
  TR_STATE_INTERRUPT, /* in interrupts and the softirqs that follow them */
  /* Off it. */
  TR_STATE_WAKING,    /* its wake-up is under way: sched_waking to sched_wakeup */
  TR_STATE_WOKEN,     /* on a run queue, after a wake-up */
  TR_STATE_PREEMPTED, /* on a run queue, because another thread got the CPU, or it yielded */
  TR_STATE_BLOCKED,
  TR_STATE_DEAD,
  TR_STATES
};

enum tr_counter {
  TR_VOLUNTARY_SWITCHES,   /* as the kernel's nvcsw: gave the CPU up in order to sleep */
  TR_INVOLUNTARY_SWITCHES, /* as nivcsw: preempted, or yielded while runnable */
  TR_MIGRATIONS,           /* as perf's cpu-migrations: scheduled in after a move */
  TR_WAKEUPS,              /* sched_wakeup and sched_wakeup_new of this thread */
  TR_RECEIVED_MESSAGES,    /* socket operations that moved data, and their bytes */
  TR_RECEIVED_BYTES,
  TR_SENT_MESSAGES,
  TR_SENT_BYTES,
  TR_SERVED_MESSAGES, /* of the received: from clients, on connections to a served port */
  TR_SERVED_BYTES,
  TR_INTER_SERVER_MESSAGES, /* of the sent: from the tree to a port that it serves itself */
  TR_COUNTERS
};

/* In place of a record's number: a thread of the load. */
#define TR_LOAD_MEMBER 0xffffffffu

struct tr_call {
  __u32 call; /* number + 1; 0: free */
  __u32 errors;
  __u64 calls;    /* entered inside the window */
  __u64 total_ns; /* inside the window */
  __u64 cpu_ns;   /* of it, in TR_STATE_SYSTEM */
  /* Of those that ended inside the window. */
  __u64 returned; /* sum of the results above 0 */
  __u32 empty;    /* returned 0 */
  __u32 in_vain; /* times that it was woken by no timer, and found nothing: ended so, or slept on */
};

/* What a call blocks on, by its first argument where that is a descriptor. */
enum tr_object {
  TR_ON_NOTHING,  /* the call takes no descriptor, and says by itself what it waits for */
  TR_ON_CLIENT,   /* a TCP connection to a served port */
  TR_ON_LISTENER, /* a listening TCP socket */
  TR_ON_SOCKET,   /* another socket */
  TR_ON_PIPE,
  TR_ON_FILE,   /* a file or block device */
  TR_ON_DEVICE, /* a character device, as a terminal */
  TR_ON_EPOLL,
  TR_ON_EVENTFD,
  TR_ON_TIMERFD,
  TR_ON_SIGNALFD,
  TR_ON_IO_URING,
  TR_ON_OTHER, /* a descriptor of another kind */
  TR_OBJECTS
};

/* Who woke a thread: what ran where sched_waking came. */
enum tr_waker {
  TR_WOKEN_BY_UNKNOWN, /* the wake-up was not shown */
  TR_WOKEN_BY_TREE,    /* a thread of the tree, here and below also in the delivery of a packet that
                          its own call sent */
  TR_WOKEN_BY_LOAD,
  TR_WOKEN_BY_OTHER,   /* another program */
  TR_WOKEN_BY_KERNEL,  /* a kernel thread */
  TR_WOKEN_BY_NETWORK, /* a packet from a device: softirq NET_RX after an interrupt, or in ksoftirqd
                        */
  TR_WOKEN_BY_TIMER,   /* the timer's interrupt or softirq */
  TR_WOKEN_BY_INTERRUPT, /* another interrupt or softirq */
  TR_WAKERS
};

/* Waits with the same call, object and waker. */
struct tr_wait {
  __u32 key; /* TR_WAIT_KEY + 1; 0: free */
  __u32 count;
  __u64 ns; /* in TR_STATE_BLOCKED, inside the window */
};
#define TR_WAIT_KEY(call, object, waker) \
  (((__u32)(call) << 8) | ((__u32)(object) << 4) | (__u32)(waker))

/* The key of a sparse count: kind, call, value. Never 0. */
enum tr_cell_kind {
  TR_CELL_LATENCY = 1, /* value: bucket of the duration, see tr_bucket() */
  TR_CELL_ERRNO,       /* value: errno */
  TR_CELL_FUTEX,       /* value: futex operation with its flags */
  TR_CELL_CARRIED_IN,  /* calls under way when the window opened; value 0 */
  TR_CELL_IN_FLIGHT,   /* calls under way when it closed; value 0 */
  TR_CELL_WOKE_NOBODY, /* a futex call that wakes, and woke none; value: as TR_CELL_FUTEX */
  /* Of io_uring, with the operation in place of the call, see enum tr_uring_count. */
  TR_CELL_URING,         /* value: enum tr_uring_count */
  TR_CELL_URING_ERRNO,   /* value: errno of a completion */
  TR_CELL_URING_LATENCY, /* value: bucket of the time from submission to completion */
  /* Only in `spilled`: what did not fit `calls`. */
  TR_CELL_CALLS,
  TR_CELL_ERRORS,
  TR_CELL_TOTAL_NS,
  TR_CELL_CPU_NS,
  TR_CELL_WAITS, /* of a tr_wait; value: the low byte of TR_WAIT_KEY */
  TR_CELL_WAIT_NS,
  TR_CELL_RETURNED,
  TR_CELL_EMPTY,
  TR_CELL_IN_VAIN,
};
#define TR_CELL_KEY(kind, call, value) \
  (((__u32)(kind) << 23) | ((__u32)(call) << 12) | ((__u32)(value)&0xfffu))
#define TR_CELL_KIND(key) ((key) >> 23)
#define TR_CELL_CALL(key) (((key) >> 12) & TR_CALL_MASK)
#define TR_CELL_VALUE(key) ((key)&0xfffu)

#define TR_CALL_SLOTS 30
#define TR_CELL_SLOTS 252
#define TR_WAIT_SLOTS 16
#define TR_COMM_LENGTH 16

struct tr_thread {
  __u64 since_ns; /* when the present state began */
  __u32 state;    /* enum tr_state */
  __u32 call;     /* under way, or TR_NO_CALL */
  __u64 call_since_ns;
  __u32 restarted_call; /* interrupted, and to be restarted by the kernel; or TR_NO_CALL */
  __u32 cpu;            /* tr_cpu.id of where it ran last; 0: nowhere yet */
  /* Moved by the call under way, counted when it ends. */
  __u32 moved; /* any of these six is not 0 */
  __u32 received_messages;
  __u32 sent_messages;
  __u32 served_messages;
  __u64 received_bytes;
  __u64 sent_bytes;
  __u64 served_bytes;
  __u64 restarted_since_ns;
  __u64 born_ns; /* first wake-up, or adoption; 0: never woken */
  __u64 died_ns; /* 0: alive */
  __u32 serial;  /* unique in a run, from 1 */
  __u32 tid;
  __u32 tgid;
  __u32 slot;                  /* which record this is */
  __u32 migrated;              /* moved to another CPU since it ran last */
  __u32 inter_server_messages; /* one of the six, see `moved` */
  __u64 argument;              /* the first, of the call under way */
  __u64 call_cpu_ns;           /* of the call under way, as tr_call.cpu_ns */
  __u64 restarted_cpu_ns;
  __u64 waking_ns; /* when its wake-up began; 0: none under way */
  __u32 waker;     /* of that wake-up, enum tr_waker */
  __u16 object;    /* what it blocks on, enum tr_object */
  __u16 woken;     /* in the call under way it slept, and was woken by no timer */
  __u32 busy; /* a program is changing its state here, and must not be changed by an interrupt */
  __u32 seen; /* preemption.bpf.h */
  char comm[TR_COMM_LENGTH];
  __u64 state_ns[TR_STATES];
  __u64 counters[TR_COUNTERS];
  struct tr_call calls[TR_CALL_SLOTS];
  struct tr_wait waits[TR_WAIT_SLOTS];
  __u64 cells[TR_CELL_SLOTS]; /* key << 32 | count; 0: free */
};

/* Counts that did not fit a record's tables; serial 0 sums up the folded threads. */
struct tr_spill_key {
  __u32 serial;
  __u32 cell;
};

/* Exited threads whose records were used again, as sums. */
struct tr_folded {
  __u64 threads;
  __u64 life_ns;
  __u64 state_ns[TR_STATES];
  __u64 counters[TR_COUNTERS];
};

/* Why something was lost; every counter is shown in the report. */
enum tr_loss {
  TR_LOST_NO_STORAGE,    /* no memory for a new thread's membership: thread not traced */
  TR_LOST_NO_RECORD,     /* more living threads than records: thread not traced */
  TR_LOST_SPILL_FULL,    /* no room in `spilled`: counts missing */
  TR_LOST_URING_REQUEST, /* no room for a request of io_uring: its latency is missing */
  TR_LOST_URING_FORM,    /* an event of io_uring has arguments that are not known: not counted */
  /* Some kernels do not show every switch and wake-up. What follows from the next event is made up
   * for; only the moment is unknown, so that time is in a neighbouring state. */
  TR_UNSEEN_SWITCH,
  TR_UNSEEN_WAKEUP,
  TR_LOST_WAITV,       /* addresses of a futex_waitv beyond those looked at, or not readable */
  TR_LOST_HANDOFF,     /* no room for another pair of threads */
  TR_LOST_KERNEL_LOCK, /* no room for a contention */
  TR_LOST_MUTEX,       /* mutexes held beyond those kept track of */
  /* Edges of calls that the kernel has skipped all programs for: made up for, at another time. */
  TR_UNSEEN_CALL_START,
  TR_UNSEEN_CALL_END,
  TR_LOSSES
};

/* The programs, for their run counts. */
enum tr_program {
  TR_PROGRAM_SYS_ENTER,
  TR_PROGRAM_SYS_EXIT,
  TR_PROGRAM_SCHED_SWITCH,
  TR_PROGRAM_SCHED_WAKEUP,
  TR_PROGRAM_SCHED_WAKEUP_NEW,
  TR_PROGRAM_SCHED_MIGRATE,
  TR_PROGRAM_SOCK_SEND,
  TR_PROGRAM_SOCK_RECV,
  TR_PROGRAM_SCHED_WAKING,
  TR_PROGRAM_INTERRUPT, /* entries and exits of interrupts of all kinds */
  TR_PROGRAM_SOFTIRQ,
  TR_PROGRAM_CPU_SAMPLE,
  TR_PROGRAM_CONTENTION,
  TR_PROGRAM_MUTEX, /* uprobes */
  TR_PROGRAM_DATA_READY,
  TR_PROGRAM_START_XMIT,
  TR_PROGRAM_SENDMSG,
  TR_PROGRAM_PROBE,          /* of TCP's segments */
  TR_PROGRAM_SPACE_ADJUST,   /* of TCP's receives */
  TR_PROGRAM_URING_SUBMIT,   /* requests of io_uring, those that were refused among them */
  TR_PROGRAM_URING_COMPLETE, /* their completions, and those that find the queue full */
  TR_PROGRAM_URING_DETOUR,   /* those that wait for readiness, or go to a worker */
  TR_PROGRAMS
};

/* Whose time a CPU spends. An interrupt's is that of whom it interrupts. */
enum tr_owner {
  TR_OWNER_UNKNOWN, /* before the first switch that was shown */
  TR_OWNER_TREE,
  TR_OWNER_LOAD,
  TR_OWNER_OTHER,
  TR_OWNER_KERNEL, /* kernel threads */
  TR_OWNER_IDLE,
  TR_OWNERS
};

/* In which interrupt is a CPU? All 0: in none. */
struct tr_context {
  __u8 interrupts;      /* how many nested hard ones */
  __u8 by_timer;        /* the last of them is the timer's */
  __u8 softirq;         /* 1 + the vector being served; 0: none */
  __u8 after_interrupt; /* one has ended since the task was last seen at work */
};

/* What a CPU is doing: written only there. */
struct tr_cpu {
  __u32 slot; /* the record of the thread that runs now; 0: not a traced one */
  __u32 pid;  /* the thread that runs now, as far as is known */
  __u32 id;   /* 1 + the CPU's number, set by user space before the programs are attached */
  struct tr_context context;
  __u32 owner;         /* enum tr_owner, since since_ns */
  __u32 adoptions;     /* how many it has heard of */
  __u16 arrival_port;  /* --waits: a connection has just arrived here; 0: none */
  __u16 arrival_woken; /* threads of the tree that it has woken so far */
  __u32 reserved;
  __u64 address; /* a pointer, on its way to being a number */
  __u64 since_ns;
  __u64 owner_ns[TR_OWNERS]; /* inside the window */
  __u64 arrival; /* the address of the socket whose data has just arrived here; 0: none */
  __u64 ready;   /* arrivals.bpf.h */
  /* Runs of each program: for traced threads, and for all others. */
  __u64 traced[TR_PROGRAMS];
  __u64 untraced[TR_PROGRAMS];
};

/* A CPU while only bare.bpf.h looks at it: processes, no threads. */
struct tr_bare_cpu {
  __u64 since_ns; /* of the last change of process that was seen; 0: none was */
  __u64 cpu_ns;   /* of the traced processes, inside the window */
  __u32 tgid;     /* of the process that runs since then */
  __u32 is_ours;  /* it is a traced one */
};

/* Of what is asked for by options, and of io_uring: each in its own file, all included from here.
 */
#include "records_hops.h"
#include "records_locks.h"
#include "records_messages.h"
#include "records_stacks.h"
#include "records_uring.h"
#include "records_waits.h"

/* At which stage a delay is put in: delay.bpf.h. */
enum tr_delay_stage {
  TR_DELAY_RECEIVE = 1, /* a receive call on a client's connection returns data */
  TR_DELAY_SEND,        /* a send call on a client's connection begins */
  TR_DELAY_WAIT,        /* a call that waits for events returns some */
  TR_DELAY_WAKE_UP,     /* a call in which the thread slept, and was woken by no timer, returns */
};
#define TR_DELAY_MOST_NS 10000

/* What was spent on a CPU, inside the window. */
struct tr_delays {
  __u64 count;
  __u64 ns;
  __u64 longest_ns;
};

/* News for user space; what is exact is kept in maps, this only says that there is something. */
enum tr_news_kind {
  TR_NEWS_EXEC,   /* the first process of the tree has executed its program */
  TR_NEWS_LISTEN, /* a process of the tree has put a TCP socket into LISTEN */
  TR_NEWS_MAPPED, /* one has mapped other code: with stacks only */
  TR_NEWS_URING,  /* one has called io_uring_enter; said once, where messages are followed */
};

struct tr_news {
  __u32 kind;
  __u32 tgid;
  __u64 at_ns;
  __u16 port; /* host order */
  __u16 family;
  __u8 address[16]; /* network order; the first 4 bytes for AF_INET */
  __u32 image;      /* of TR_NEWS_MAPPED */
};

/* Durations are bucketed as in snapshot/histogram.h with 3 sub-bits: at most 12.5 % wide. */
#define TR_BUCKET_SUB_BITS 3

/* `shift` where anything is left of so many bits, else 0. Without a branch: the verifier would
 * follow it both ways. */
static inline __u32 tr_shift_if(__u64 rest, __u32 shift) {
  return (__u32)((0 - (rest >> shift)) >> 63) * shift;
}

static inline __u32 tr_bucket(__u64 value) {
  __u32 log2, shift;
  __u64 rest = value;
  if (value < (1u << TR_BUCKET_SUB_BITS)) return (__u32)value;
  log2 = tr_shift_if(rest, 32);
  rest >>= log2;
  shift = tr_shift_if(rest, 16);
  rest >>= shift;
  log2 += shift;
  shift = tr_shift_if(rest, 8);
  rest >>= shift;
  log2 += shift;
  shift = tr_shift_if(rest, 4);
  rest >>= shift;
  log2 += shift;
  shift = tr_shift_if(rest, 2);
  rest >>= shift;
  log2 += shift + (__u32)(rest >> 1) - TR_BUCKET_SUB_BITS;
  return (log2 << TR_BUCKET_SUB_BITS) + (__u32)(value >> log2);
}

#ifdef __cplusplus
#define TR_STATIC_ASSERT static_assert
#else
#define TR_STATIC_ASSERT _Static_assert
#endif
TR_STATIC_ASSERT(sizeof(struct tr_call) == 48, "tr_call");
TR_STATIC_ASSERT(TR_OBJECTS <= 16 && TR_WAKERS <= 16, "TR_WAIT_KEY");
TR_STATIC_ASSERT(sizeof(struct tr_thread) % 8 == 0, "records lie end to end in the mapped array");
TR_STATIC_ASSERT(sizeof(struct tr_cause_key) == 40, "compared and hashed as a whole: no padding");
TR_STATIC_ASSERT(sizeof(struct tr_news) == 40, "tr_news");
TR_STATIC_ASSERT(sizeof(struct tr_stack_key) == 32, "tr_stack_key");
TR_STATIC_ASSERT(sizeof(struct tr_unwind_row) == 8, "tr_unwind_row");
TR_STATIC_ASSERT(sizeof(struct tr_uring_row) == 24 * TR_URING_WAYS, "tr_uring_row");

#endif
