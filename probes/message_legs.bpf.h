/* On which legs of its way did a message, all of whose moments are known, spend its time?
 *
 * A cursor goes from moment to moment: the legs add up by construction. */

#define CROWDED (~0ull) /* a moment that is not known, for want of room */

/* A receive call's end, and how the thread came to make it. */
struct receipt {
  __u64 entered_ns;
  __u64 returned_ns;
  __u64 ready_ns; /* as in tr_turns */
  struct tr_sleep sleep, waker;
  __u32 to; /* bytes of the stream that are received */
  __u32 slot;
  __u8 woken_by_tree;
  __u8 many_hands;
};

/* One per CPU. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_paths);
} paths SEC(".maps");

__u64 path_notes[TR_PATH_NOTES] = {};

static __always_inline void note_path(enum tr_path_note note, __u64 messages) {
  __sync_fetch_and_add(&path_notes[note], messages);
}

struct way {
  __u64 at_ns; /* the cursor */
  __u64 leg_ns[TR_LEGS];
};

static __always_inline void go(struct way* way, enum tr_leg leg, __u64 until) {
  if (until <= way->at_ns) return;
  way->leg_ns[leg] += until - way->at_ns;
  way->at_ns = until;
}

/* Whether the thread went to sleep before the data came, and did not run until after it. */
static __always_inline bool slept_through(const struct tr_sleep* sleep, __u64 arrived) {
  return sleep->since_ns <= arrived && arrived < sleep->running_ns;
}

/* From the arrival until the receive has returned. */
static __always_inline void go_to_receipt(struct way* way, const struct receipt* by,
                                          __u64 connection, __u64 arrived) {
  if (!slept_through(&by->sleep, arrived)) {
    bool known = !by->many_hands || by->ready_ns >= arrived;
    if (!known) note_path(TR_PATH_MANY_HANDS, 1);
    go(way, known ? TR_LEG_BUSY : TR_LEG_UNRESOLVED, by->entered_ns);
    go(way, TR_LEG_RECEIVE, by->returned_ns);
    return;
  }
  if (arrived < by->sleep.waking_ns && by->sleep.cause != connection) {
    if (!by->woken_by_tree) {
      go(way, TR_LEG_UNRESOLVED, by->sleep.waking_ns);
    } else {
      if (slept_through(&by->waker, arrived)) {
        if (arrived < by->waker.waking_ns && by->waker.cause != connection)
          go(way, TR_LEG_UNRESOLVED, by->waker.waking_ns);
        go(way, TR_LEG_WAKE, by->waker.woken_ns);
        go(way, TR_LEG_RUNQUEUE, by->waker.running_ns);
      }
      go(way, TR_LEG_HANDOFF, by->sleep.waking_ns);
      go(way, TR_LEG_HANDOFF_WAKE, by->sleep.running_ns);
    }
  }
  go(way, TR_LEG_WAKE, by->sleep.woken_ns);
  go(way, TR_LEG_RUNQUEUE, by->sleep.running_ns);
  go(way, TR_LEG_RECEIVE, by->returned_ns);
}

/* Several messages that share all their moments. */
struct batch {
  __u64 connection;
  __u64 arrived_ns;
  __u64 received_ns; /* of a turn-around, the last */
  __u64 send_ns;     /* 0: not known */
  __u64 handed_ns;
  __u64 messages;
  __u32 sender;
  bool alone; /* softirqs are off: nothing else counts on this CPU at once */
};

static __always_inline void add_to(__u64* sum, __u64 more, bool alone) {
  if (alone)
    *sum += more;
  else
    __sync_fetch_and_add(sum, more);
}

/* These are global functions: verified once, and knowing nothing of their arguments, not once for
 * each way that leads to them. */

__noinline int count_way(const struct way* way, __u64 whole, __u64 messages, bool alone) {
  __u32 cpu = bpf_get_smp_processor_id(), bucket = tr_bucket(whole);
  struct tr_paths* sums = bpf_map_lookup_elem(&paths, &cpu);
  if (!way || !sums || bucket >= TR_PATH_BUCKETS) return 0;
  add_to(&sums->messages[bucket], messages, alone);
  for (int leg = 0; leg < TR_LEGS; leg++) {
    __u64 ns = way->leg_ns[leg];
    if (!ns) continue;
    add_to(&sums->leg_ns[bucket][leg], ns * messages, alone);
    __u32 own = tr_bucket(ns);
    if (own < TR_PATH_BUCKETS) add_to(&sums->legs[leg][own], messages, alone);
  }
  return 0;
}

/* Without a receipt: it is not known who received. */
__noinline int count_batch(const struct batch* batch, const struct receipt* by) {
  if (!batch) return 0;
  __u64 arrived = batch->arrived_ns, handed = batch->handed_ns;
  if (!in_window(handed)) return 0;
  struct way way = {.at_ns = arrived};
  if (unlikely(arrived > handed)) {
    note_path(TR_PATH_DISORDERED, batch->messages);
    return 0; /* without a length: in no bucket */
  }
  if (unlikely(!by)) {
    note_path(TR_PATH_NO_RECEIPT, batch->messages);
  } else if (unlikely(by->returned_ns == CROWDED || batch->send_ns == CROWDED)) {
    note_path(TR_PATH_CROWDED, batch->messages);
  } else if (unlikely(by->returned_ns < arrived || by->sleep.running_ns > by->returned_ns ||
                      batch->received_ns > handed || batch->send_ns > handed ||
                      (batch->send_ns && batch->send_ns < batch->received_ns))) {
    note_path(TR_PATH_DISORDERED, batch->messages);
  } else {
    go_to_receipt(&way, by, batch->connection, arrived);
    go(&way, TR_LEG_REST, batch->received_ns);
    if (likely(batch->send_ns)) {
      go(&way, TR_LEG_WORK, batch->send_ns);
      go(&way, TR_LEG_SEND, handed);
    } else {
      note_path(TR_PATH_NO_SEND, batch->messages);
    }
    if (way.leg_ns[TR_LEG_HANDOFF] || (batch->sender && batch->sender != by->slot))
      note_path(TR_PATH_HANDED_OFF, batch->messages);
  }
  go(&way, TR_LEG_UNRESOLVED, handed);
  return count_way(&way, handed - arrived, batch->messages, batch->alone);
}
