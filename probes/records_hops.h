/* A part of records.h. With --messages: what servers of the tree tell each other because of a
 * client's message. */
#ifndef TRACE_RUN_PROBES_RECORDS_HOPS_H
#define TRACE_RUN_PROBES_RECORDS_HOPS_H

#include "records_messages.h"

/* Those deeper than the last are counted there. */
#define TR_HOPS 8
/* ... and behind these, what was sent for one of several messages, or followed from that. */
#define TR_HOP_UNCERTAIN TR_HOPS

enum tr_hop_time {
  TR_HOP_TRANSIT, /* the send is entered: until the last byte is in the peer's socket */
  TR_HOP_UNREAD,  /* until the receive that takes it has returned */
  TR_HOP_WHOLE,   /* both */
  TR_HOP_SINCE,   /* since the client's data came to the first server's socket */
  TR_HOP_TIMES
};

/* What was sent and received inside the window so many connections away from the client's. */
struct tr_hop {
  __u64 sent;
  __u64 received;
  __u64 ns[TR_HOP_TIMES];
  __u64 times[TR_HOP_TIMES][TR_PATH_BUCKETS];
};

struct tr_hops {
  struct tr_hop hops[TR_HOPS + 1];
  /* Of client messages that came inside the window, and were told on: from their arrival until the
   * last receive. Those that `origins` still holds are left out, and the doubtful. */
  __u64 spread_ns;
  __u64 spread[TR_PATH_BUCKETS];
};

/* A client's message because of which something was sent to another server. */
struct tr_origin {
  __u64 id;        /* 0: none yet */
  __u64 client_ns; /* when the client's data came */
  __u64 last_ns;   /* the last receive of what was sent because of it; 0: none */
  __u64 doubtful;  /* something else may have been, too */
};
#define TR_ORIGINS (1 << 14)

/* What is not as it should be between servers. */
enum tr_hop_note {
  TR_HOP_FOR_NOBODY, /* sends of threads that were at work for no client's message */
  TR_HOP_DOUBTFUL,   /* client messages that `spread` leaves out as such */
  TR_HOP_NO_ROOM,    /* sends that were not followed: too many unread on their connection */
  TR_HOP_NO_MEMORY,  /* sends on connections that are not followed, for want of memory */
  TR_HOP_NO_SEND,    /* received; when the send was entered, or the data came, is not known */
  TR_HOP_UNKNOWN,    /* receives of bytes whose send was not followed */
  TR_HOP_LATE,       /* received when TR_ORIGINS messages had come since: not in `spread` */
  TR_HOP_NOTES
};

#endif
