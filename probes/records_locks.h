/* A part of records.h. With --locks and --lock-hold: what threads do with locks. */
#ifndef TRACE_RUN_PROBES_RECORDS_LOCKS_H
#define TRACE_RUN_PROBES_RECORDS_LOCKS_H

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
  __u32 asleep;  /* since tr_thread.since_ns, in this call */
  __u32 present; /* counted among the waiters of `rows`: until its wake-up begins */
  __u32 waking;  /* by a futex call, and not yet on a run queue */
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

#endif
