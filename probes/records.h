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
  __u64 busy; /* a program is changing its state here, and must not be changed by an interrupt */
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
  TR_LOST_FUTEX_MAPPING, /* a shared futex whose mapping could not be looked up just then */
  TR_LOST_WAITV,         /* addresses of a futex_waitv beyond those looked at, or not readable */
  TR_LOST_HANDOFF,       /* no room for another pair of threads */
  TR_LOST_KERNEL_LOCK,   /* contentions nested too deep */
  TR_LOST_MUTEX,         /* mutexes held beyond those kept track of */
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
  /* Runs of each program: for traced threads, and for all others. */
  __u64 traced[TR_PROGRAMS];
  __u64 untraced[TR_PROGRAMS];
};

/* --waits: which object exactly a wait was for, and who exactly ended it. */

/* How an object is told from others of its kind. */
enum tr_place_kind {
  TR_PLACE_NONE,
  TR_PLACE_ADDRESS,    /* a futex: its address in the process tgid */
  TR_PLACE_PORTS,      /* an IP socket: own port << 16 | far port; 0: one of the short-lived ones */
  TR_PLACE_INODE,      /* a pipe, file, device or another socket */
  TR_PLACE_DESCRIPTOR, /* of the process tgid: an epoll instance, eventfd and the like */
  TR_PLACE_COUNT,      /* poll, select: how many descriptors are waited for */
  TR_PLACES
};

struct tr_place {
  __u32 kind; /* enum tr_place_kind */
  __u32 tgid; /* 0 unless said above */
  __u64 which;
};

/* What a cause is: waits that differ in none of this are summed. */
struct tr_cause_key {
  __u32 wait; /* TR_WAIT_KEY */
  __u32 reserved;
  struct tr_place place;
  char waker[TR_COMM_LENGTH]; /* a thread's name; empty where no thread woke, or the load did */
};

/* Durations in the buckets of tr_bucket(), the last one for all above 73 minutes. */
#define TR_WAIT_BUCKETS 320
struct tr_durations {
  __u64 count;
  __u64 ns; /* inside the window, here and below */
  __u64 max_ns;
  __u32 buckets[TR_WAIT_BUCKETS];
};

/* Row 0 of the causes sums up those that found no room. */
#define TR_CAUSE_OTHERS 0
#define TR_CAUSE_NONE 0xffffffffu
#define TR_CAUSES 4096
#define TR_SEVERAL 0xffffffffu
struct tr_cause {
  struct tr_durations waits;
  struct tr_durations run_queue; /* after these waits: from the wake-up to running */
  __u32 waker_tid;               /* TR_SEVERAL: not always the same thread; 0: no thread */
  __u32 reserved;
};

/* What is known of a thread's sleep beyond its record; as many as there are records. */
struct tr_wait_note {
  struct tr_place place;
  __u32 waker_tid;
  __u32 running_up; /* the cause of the wait from which it is on its way to a CPU */
  char waker[TR_COMM_LENGTH];
  struct tr_cause_key last; /* the cause that was looked up last, and its number */
  __u32 last_cause;         /* TR_CAUSE_NONE: none yet */
  __u32 reserved;
};

/* Which thread of the tree ends which one's waits, how often. */
struct tr_wake_pair_key {
  __u32 waker_tid;
  __u32 sleeper_tid;
};
struct tr_wake_pair {
  __u64 count;
  char waker[TR_COMM_LENGTH]; /* their names the first time */
  char sleeper[TR_COMM_LENGTH];
};

/* Connections that reached a listening port, and how many threads of the tree each woke. */
struct tr_arrivals {
  __u64 connections;
  __u64 woken;    /* threads */
  __u64 herds;    /* connections that woke more than one */
  __u64 too_many; /* threads beyond the first of each */
};

/* Stacks, where they are asked for. Addresses as the unwinder found them, innermost first; behind
 * the first, return addresses. */
#define TR_USER_FRAMES 127
#define TR_KERNEL_FRAMES 64

/* How the user's part was unwound; a stack may need several. */
enum tr_unwinding {
  TR_BY_FRAME_POINTERS = 1, /* some steps: code without call frame information */
  TR_UNREADABLE = 2,        /* there is none, or its memory could not be read */
  TR_CUT = 4,               /* it goes on beyond TR_USER_FRAMES, or where no step leads */
  TR_WHOLE = 8,             /* it ends where call frame information says that nothing called */
};

/* How a frame is left, as symbols/unwind.h. */
enum tr_frame_rule {
  TR_RULE_NONE,
  TR_RULE_STACK_POINTER,
  TR_RULE_FRAME_POINTER,
  TR_RULE_AT_FRAME_POINTER,
  TR_RULE_PLT,
  TR_RULE_SIGNAL,
  TR_RULE_OUTERMOST,
  TR_RULE_OTHER
};

/* The rule from this address of a module to the next row's. */
struct tr_unwind_row {
  __u32 address;
  __s16 offset;       /* in words */
  __s8 frame_pointer; /* in words */
  __u8 rule;
};
#define TR_UNWIND_ROWS (1u << 21)

/* The modules of an address space, by address; behind the last, start is ~0. */
struct tr_unwind_range {
  __u64 start;
  __u64 end;
  __u64 bias;      /* address - bias is what the rows say */
  __u32 first_row; /* in `unwind_rows` */
  __u32 rows;
};
#define TR_UNWIND_RANGES 256 /* a power of two */
struct tr_unwind_space {
  struct tr_unwind_range ranges[TR_UNWIND_RANGES];
};
#define TR_UNWIND_SPACES 256

/* Under a hash over all that is filled in. */
struct tr_stack {
  __u32 image;   /* see tr_stack_note */
  __u32 process; /* see tr_stack_note */
  __u16 user_frames;
  __u16 kernel_frames;
  __u32 unwinding; /* of enum tr_unwinding */
  __u64 user[TR_USER_FRAMES];
  __u64 kernel[TR_KERNEL_FRAMES];
};

/* In whose memory a thread's addresses mean something, and where it blocks. */
struct tr_stack_note {
  __u64 stack; /* where it left its CPU to block; 0: unknown */
  /* What it executes. A forked child has its parent's, and so, at first, its mappings. */
  __u32 image;
  __u32 process; /* its tgid; 0: beyond the first TR_PROCESSES_APART, told apart by image alone */
};
#define TR_PROCESSES_APART 1024
/* The image of a process that was taken in is its tgid, those of later ones begin above all. */
#define TR_FIRST_NEW_IMAGE (1u << 22)

/* What a thread called so did on this stack: used its CPU, or waited for that cause. */
struct tr_stack_key {
  __u64 stack; /* 0: unknown */
  __u32 cause; /* TR_WAIT_KEY, or TR_ON_CPU */
  __u32 reserved;
  char comm[TR_COMM_LENGTH];
};
#define TR_ON_CPU 0xffffffffu

struct tr_stack_sum {
  __u64 count; /* waits, or samples */
  __u64 ns;    /* of waits, as tr_wait.ns */
};

enum tr_stack_loss {
  TR_LOST_STACKS_FULL, /* no room for a stack: what happened on it counts for stack 0 */
  TR_LOST_SUMS_FULL,   /* no room for a sum: what happened there is missing */
  TR_STACK_LOSSES
};

/* Locks: filled with --locks alone. */

/* A futex operation, as it is counted: FUTEX_WAIT to FUTEX_LOCK_PI2 by the kernel's numbers, then
 * the calls of their own. */
enum tr_futex_operation {
  TR_FUTEX_WAITV = 14,
  TR_FUTEX2_WAIT,
  TR_FUTEX2_WAKE,
  TR_FUTEX2_REQUEUE,
  TR_FUTEX_UNKNOWN,
  TR_FUTEX_OPERATIONS
};

/* Which futex? A private one: its process and address. A shared one: as the kernel does, the inode
 * that is mapped there and the offset in it. Addresses of inodes are no process ids. */
struct tr_futex_key {
  __u64 address; /* or offset */
  __u64 owner;   /* process id, or the inode's address */
};

enum tr_futex_kind {
  TR_FUTEX_PRIVATE,
  TR_FUTEX_SHARED,   /* in a shared mapping, told by its inode */
  TR_FUTEX_NOT_TOLD, /* shared, but the mapping could not be looked up: one row per process */
  TR_FUTEX_OVERFLOW, /* row 0: all that found no row of their own */
};

/* Durations up to 2^40 ns, 18 minutes; the last bucket holds the longer ones too. */
#define TR_LOCK_BUCKETS 304
#define TR_FUTEX_ROWS 4096
/* Of the addresses of a futex_waitv, so many are looked at. */
#define TR_WAITV_LOOKED_AT 8

struct tr_futex {
  __u64 address;     /* in the process that used it first */
  __u32 tgid;        /* that process; 0: row not in use */
  __u32 kind;        /* enum tr_futex_kind */
  __u32 several;     /* other processes use it too */
  __u32 requeued_to; /* row that its waiters were last moved to */
  __u64 requeued_at_ns;
  __u64 calls[TR_FUTEX_OPERATIONS]; /* entered inside the window */
  __u64 waits;                      /* intervals asleep that touch the window */
  __u64 wait_ns;                    /* inside the window */
  /* Calls that ended inside the window. */
  __u64 changed; /* EAGAIN: the value was another already */
  __u64 timeouts;
  __u64 interrupted; /* EINTR */
  __u64 woken;       /* threads, by what the calls returned */
  __u64 woke_nobody; /* calls that were to wake */
  __u64 requeued;    /* waiters moved away from here */
  __u64 requeued_in;
  /* From sched_waking, by a thread of the tree in a futex call or its exit, to running. */
  __u64 handoffs;
  __u64 handoff_ns;
  __u64 woken_by_others; /* waits that a wake from outside the tree ended */
  /* From a wait's successful end to the same thread's next wake at this futex, or at its neighbour
   * 4 bytes away (glibc's condition variable has two), with no sleep in another call between. */
  __u64 holds;
  __u64 hold_ns;
  __s64 waiters; /* asleep now */
  __s64 most_waiters;
  /* Sum of the moments at which the last waiter left, less those at which the first came; before
   * the window opens all are 0, and busy_before tells how many began there. */
  __s64 busy_ns;
  __s64 busy_before;
  __u32 wait_buckets[TR_LOCK_BUCKETS];
  __u32 handoff_buckets[TR_LOCK_BUCKETS];
};

/* Who hands a futex to whom. */
struct tr_handoff_key {
  __u32 row;
  __u32 waker; /* thread ids */
  __u32 woken;
};

/* include/trace/events/lock.h: why a thread waits for a lock of the kernel. */
#define TR_CONTENTION_SPIN 1u
#define TR_CONTENTION_READ 2u
#define TR_CONTENTION_WRITE 4u
#define TR_CONTENTION_RT 8u
#define TR_CONTENTION_PERCPU 16u
#define TR_CONTENTION_MUTEX 32u
#define TR_LOCK_KINDS 64 /* all of these together, and one */
/* Ours. */
#define TR_CONTENTION_MMAP_LOCK 0x100u    /* of the thread's own address space */
#define TR_CONTENTION_IN_INTERRUPT 0x200u /* not the thread's doing */

struct tr_kernel_lock_key {
  __u64 lock; /* address; 0: those that found no row of their own */
  __u64 flags;
};

struct tr_kernel_lock {
  __u64 count;
  __u64 ns; /* inside the window */
  __u64 longest_ns;
};

/* A pthread mutex or rwlock: filled with --lock-hold alone. */
struct tr_mutex_key {
  __u64 address; /* 0: those that found no row of their own */
  __u32 tgid;
  __u32 reserved;
};

struct tr_mutex {
  __u64 holds; /* ended inside the window */
  __u64 hold_ns;
  __u64 longest_ns;
  __u32 buckets[TR_LOCK_BUCKETS];
};

#define TR_KERNEL_LOCKS_NESTED 4
#define TR_MUTEXES_HELD 8

/* What a thread does with locks; beside its record, under the same number. */
struct tr_lock_thread {
  __u32 operation; /* of the futex call under way */
  __u32 waiting;   /* how many of `rows` it waits at, or is about to; 0: it does not wait */
  __u32 rows[TR_WAITV_LOOKED_AT];
  __u32 second;  /* row of the second address of an operation that has two; else as rows[0] */
  __u32 to_wake; /* at most: of an operation that also requeues */
  __u32 woke;    /* sleepers that its call has woken so far */
  __u32 asleep;  /* counted among the waiters of `rows` */
  /* Notes of its waker, on that one's CPU. */
  __u32 woken_at; /* 1 + row; 0: by no futex call of the tree */
  __u32 waker_tid;
  __u64 waking_ns;
  __u32 handed; /* 1 + row: its sleep is over, it does not run yet */
  __u32 slept;  /* in this call */
  __u32 held;   /* 1 + row that it has taken and not woken anybody at; 0: none */
  __u32 depth;  /* of `kernel` */
  __u64 held_since_ns;
  struct {
    __u64 lock;
    __u64 since_ns;
    __u64 flags;
  } kernel[TR_KERNEL_LOCKS_NESTED];
  __u64 mutex_asked_for;
  struct {
    __u64 address; /* 0: free */
    __u64 since_ns;
    __u64 depth; /* recursive: how often it was taken again */
  } mutex[TR_MUTEXES_HELD];
};

/* A message's way through the server, in the order in which it takes its legs. Not each has all. */
enum tr_leg {
  TR_LEG_WAKE,         /* arrival in the socket, whose sleeper is woken: until it is runnable */
  TR_LEG_RUNQUEUE,     /* until it runs */
  TR_LEG_BUSY,         /* arrival, and who will receive is at work: until it asks for the data */
  TR_LEG_HANDOFF,      /* until the receiving thread, asleep, is woken by another of the tree */
  TR_LEG_HANDOFF_WAKE, /* of that thread: until it runs */
  TR_LEG_RECEIVE,      /* until the receive has returned; of a turn-around: the first one */
  TR_LEG_REST,         /* of a turn-around: until the last receive before the answer has returned */
  TR_LEG_WORK,         /* until the send is entered */
  TR_LEG_SEND,         /* until the packet with the last byte is handed to the device */
  TR_LEG_UNRESOLVED,   /* between two of these moments, and what it was for cannot be seen */
  TR_LEGS
};

/* tr_bucket() of the largest number, + 1 */
#define TR_PATH_BUCKETS 496

/* What one CPU has counted of messages whose answer left inside the window. */
struct tr_paths {
  /* By bucket of the time of the whole way. */
  __u64 messages[TR_PATH_BUCKETS];
  __u64 leg_ns[TR_PATH_BUCKETS][TR_LEGS];
  /* By bucket of the leg's own time; those of 0 are left out. */
  __u64 legs[TR_LEGS][TR_PATH_BUCKETS];
};

/* What is not as it should be with messages, or turn-arounds. */
enum tr_path_note {
  TR_PATH_HANDED_OFF, /* received by another thread than the one that the arrival woke, or sent by
                         another than had received */
  TR_PATH_MANY_HANDS, /* awake, received by one of several: partly in TR_LEG_UNRESOLVED */
  TR_PATH_NO_RECEIPT, /* received by a thread that is not traced: wholly unresolved */
  TR_PATH_NO_SEND,    /* when the send was entered is not known: unresolved from the receipt on */
  TR_PATH_DISORDERED, /* moments in an impossible order: wholly unresolved */
  TR_PATH_CROWDED,    /* too many under way on their connection: wholly unresolved */
  TR_PATH_NO_ROOM,    /* for the same reason not followed */
  TR_PATH_NO_MEMORY,  /* arrivals on connections not followed, for want of memory */
  TR_PATH_UNANSWERED, /* turn-arounds of connections that ended without an answer */
  TR_PATH_NOTES
};

/* A thread's last sleep, and how it ended. */
struct tr_sleep {
  __u64 since_ns;
  __u64 waking_ns;  /* sched_waking */
  __u64 woken_ns;   /* sched_wakeup */
  __u64 running_ns; /* ~0: not yet */
  __u64 cause;      /* the address of the socket whose data ended it; 0: something else did */
};

/* Whom a socket's data woke last. */
struct tr_woken {
  __u64 socket; /* its address */
  __u64 slot;   /* the thread's record */
};
#define TR_WOKEN_SLOTS 4096

/* What receiving and sending need to know of a thread, by the number of its record. */
struct tr_turns {
  struct tr_sleep sleep;
  struct tr_sleep waker; /* that of the thread that ended it, at that moment */
  struct tr_sleep noted; /* the waker's, until the wake-up comes */
  __u64 noted_cause;
  __u64 ready_ns; /* when a call that waits for events returned last */
  __u64 send_ns;  /* when a send was entered last, where no call of its own says so */
  __u32 noted_by_tree;
  __u32 woken_by_tree; /* by a thread, not by a packet */
};
/* What happens to operations of io_uring; each is counted at the thread where it happens. */
enum tr_uring_count {
  /* Taken from the submission queue, well-formed or not: without and with IOSQE_CQE_SKIP_SUCCESS.
   */
  TR_URING_SUBMITTED,
  TR_URING_SUBMITTED_SILENT,
  TR_URING_BY_SQPOLL, /* of both, by a kernel thread */
  TR_URING_REFUSED,   /* ... malformed: completed with an error without being tried */
  TR_URING_POLLED,    /* ... had to wait until their file was ready */
  TR_URING_TO_WORKER, /* ... handed to a worker thread */
  /* Entries for the completion queue: a request's last, and those that announce more of it
   * (IORING_CQE_F_MORE). */
  TR_URING_COMPLETED,
  TR_URING_COMPLETED_MORE,
  TR_URING_BROKE_SILENCE, /* of both, from requests with IOSQE_CQE_SKIP_SUCCESS */
  TR_URING_NO_START,      /* ... ended a request whose submission was not seen */
  TR_URING_OUTSIDE_CALLS, /* ... made by a thread on its way back to user code */
  TR_URING_UNDER_WAY,     /* when the window closed, and has ended since; not silent ones */
  TR_URING_NOTIFICATION,  /* a zero-copy send's buffer is free: not among the completions */
  TR_URING_OVERFLOWED,    /* found the completion queue full; the operation is not known */
  TR_URING_COUNTS
};

/* The operation is not known: posted by no request, as by another ring, or by one that was
 * submitted before it was traced. */
#define TR_URING_UNKNOWN 0xffu

/* A request under way, where its address leads to; in a row of those that share a place. */
struct tr_uring_request {
  __u64 request; /* its address; 0: free */
  __u64 since_ns;
  __u8 operation;
  __u8 flags; /* TR_URING_IS_... */
  __u16 reserved;
  __u32 reserved2;
};
#define TR_URING_IS_SILENT 1u  /* may end without a completion: perhaps it has */
#define TR_URING_IS_POLLED 2u  /* counted as such */
#define TR_URING_IS_ASYNC 4u   /* ... and as handed to a worker */
#define TR_URING_MAY_REPEAT 8u /* known by its ring and user data as well */

#define TR_URING_WAYS 4
struct tr_uring_row {
  struct tr_uring_request ways[TR_URING_WAYS];
};
#define TR_URING_ROW_BITS 14

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

static inline __u32 tr_bucket(__u64 value) {
  __u32 log2 = 0;
  __u64 rest = value;
  if (value < (1u << TR_BUCKET_SUB_BITS)) return (__u32)value;
  if (rest >> 32) {
    rest >>= 32;
    log2 = 32;
  }
  if (rest >> 16) {
    rest >>= 16;
    log2 += 16;
  }
  if (rest >> 8) {
    rest >>= 8;
    log2 += 8;
  }
  if (rest >> 4) {
    rest >>= 4;
    log2 += 4;
  }
  if (rest >> 2) {
    rest >>= 2;
    log2 += 2;
  }
  log2 += (__u32)(rest >> 1);
  log2 -= TR_BUCKET_SUB_BITS;
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
