/* A part of records.h. Operations of io_uring. */
#ifndef TRACE_RUN_PROBES_RECORDS_URING_H
#define TRACE_RUN_PROBES_RECORDS_URING_H

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

#endif
