/* A part of records.h. With --messages: the way of messages through the server. */
#ifndef TRACE_RUN_PROBES_RECORDS_MESSAGES_H
#define TRACE_RUN_PROBES_RECORDS_MESSAGES_H

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

/* For which client's message is a thread at work? */
struct tr_work {
  __u64 client_ns; /* 0: for none */
  __u64 origin;    /* 0: nothing was sent because of it yet */
  __u16 hop;       /* how many connections away from the client's */
  __u16 uncertain; /* which message it is, and so the hop */
  __u16 received;  /* how many messages, and it has not slept for more, nor told a server, since the
                      first */
  __u16 told;      /* it has sent to a server since the last of these */
};

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
  struct tr_work work;
};

#endif
