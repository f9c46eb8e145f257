/* A part of records.h. With --waits: which object exactly a wait was for, and who exactly ended it.
 */
#ifndef TRACE_RUN_PROBES_RECORDS_WAITS_H
#define TRACE_RUN_PROBES_RECORDS_WAITS_H

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

#endif
