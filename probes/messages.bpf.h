/* Which way does a message take through the server, and where on it is the time spent?
 *
 * Followed by socket, not by thread: data arrives there (sk_data_ready, before the sleeper is
 * woken), a thread has received it (sock_recv_length), a send is entered, and the packet with the
 * last byte is handed to the device (net_dev_start_xmit). Where all messages have one size, these
 * moments are put together by the stream's byte offsets, which the kernel itself keeps (tcp_sock):
 * a moment is that of a message's last byte, whatever the batching. Else a message is a
 * turn-around: from the first arrival after an answer to the last packet before the next arrival.
 *
 * What lies between two moments is told from the last sleep of the thread that received, and of the
 * thread that ended this sleep. A cursor goes from moment to moment: the legs add up by
 * construction. */

/* On one connection, of those that are not answered: */
#define ARRIVALS 64     /* segments that ended messages */
#define RECEIPTS 16     /* receive calls that did */
#define SENDS 64        /* send calls that did, and that the device has not seen whole */
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

/* A connection's bytes are counted from its first, modulo 2^32. Each field is written at one stage
 * alone; the stages may run at once, on several CPUs. */
struct connection {
  __u64 socket; /* its address: read from here it is a number, to the verifier */
  __u32 size;   /* of all messages; 0: they differ */
  __u32 first_in, first_out;

  /* Arrival. */
  __u32 arrived; /* where the next message to arrive will end; of turn-arounds: where all ended */
  __u32 arrivals;
  /* Receipt. */
  __u32 received; /* the same of the next message to be received */
  __u32 receipts;
  __u32 receiver;   /* the first thread that received, by its record */
  __u8 many_hands;  /* it was not the only one, or the data woke another */
  __u8 has_receipt; /* of a turn-around */
  __u64 reading_ns; /* when the first receive of the next message was entered */
  /* Send. */
  __u32 sent; /* as `received` */
  __u32 sends;
  /* The device. */
  __u32 handed;   /* bytes */
  __u32 answered; /* as `received`; of a turn-around: whether it is */
  __u32 arrivals_read, receipts_read, sends_read;

  /* A turn-around's other moments. */
  __u64 last_receipt_ns;
  __u64 send_ns;
  __u64 handed_ns;
  __u32 sender;

  __u32 arrived_to[ARRIVALS];
  __u64 arrived_ns[ARRIVALS]; /* 0: not known */
  struct receipt received_by[RECEIPTS];
  __u32 sent_to[SENDS];
  __u32 sent_by[SENDS];
  __u64 sent_ns[SENDS];
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct connection);
} connections SEC(".maps");

/* One per CPU. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_paths);
} paths SEC(".maps");

/* One per record. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_turns);
} turns SEC(".maps");

/* By a few bits of the socket's address: who shares its place with another may be forgotten. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, TR_WOKEN_SLOTS);
  __type(key, __u32);
  __type(value, struct tr_woken);
} woken_for SEC(".maps");

/* The size of all messages, in both directions; 0: they differ. */
volatile __u32 message_size = 0;

__u64 path_notes[TR_PATH_NOTES] = {};

static __always_inline void note_path(enum tr_path_note note, __u64 messages) {
  __sync_fetch_and_add(&path_notes[note], messages);
}

/* At or behind it, in a stream. */
static __always_inline bool reaches(__u32 offset, __u32 other) {
  return (__s32)(offset - other) >= 0;
}

/* ---- What a thread's sleeps say ---- */

static __always_inline struct tr_turns* turns_of(__u32 slot) {
  return bpf_map_lookup_elem(&turns, &slot);
}

static __always_inline struct tr_woken* woken_by(__u64 socket) {
  __u32 place = (__u32)(socket >> 6) * 2654435769u / (~0u / TR_WOKEN_SLOTS + 1);
  return bpf_map_lookup_elem(&woken_for, &place);
}

/* A sleeper is being woken here: by the data that has just arrived, by a thread, or else. */
static __always_inline void note_waker(const struct tr_thread* thread, const struct tr_cpu* cpu) {
  struct tr_turns* its = turns_of(thread->slot);
  if (!its) return;
  its->noted_cause = cpu->arrival;
  its->noted_by_tree = 0;
  if (cpu->arrival) {
    struct tr_woken* woken = woken_by(cpu->arrival);
    if (woken) *woken = (struct tr_woken){.socket = cpu->arrival, .slot = thread->slot};
  }
  if (cpu->arrival || !cpu->slot || cpu->context.softirq || cpu->context.interrupts) return;
  struct tr_turns* waker = turns_of(cpu->slot);
  if (!waker) return;
  its->noted = waker->sleep;
  its->noted_by_tree = 1;
}

static __always_inline void sleep_ends(const struct tr_thread* thread, __u64 since, __u64 now) {
  struct tr_turns* its = turns_of(thread->slot);
  if (!its) return;
  __u64 waking = thread->waking_ns;
  bool noted = waking != 0;
  if (!waking || waking > now) waking = now;
  if (waking < since) waking = since;
  its->sleep.since_ns = since;
  its->sleep.waking_ns = waking;
  its->sleep.woken_ns = now;
  its->sleep.running_ns = ~0ull;
  its->sleep.cause = noted ? its->noted_cause : 0;
  its->woken_by_tree = noted && its->noted_by_tree;
  if (its->woken_by_tree) its->waker = its->noted;
}

/* As if it had slept until its parent woke it. */
static __always_inline void is_born(const struct tr_thread* thread, __u64 now) {
  struct tr_turns* its = turns_of(thread->slot);
  struct tr_cpu* cpu = this_cpu();
  if (!its || !cpu) return;
  __builtin_memset(its, 0, sizeof(*its));
  struct tr_turns* parent = turns_of(cpu->slot);
  if (parent && cpu->slot) {
    its->waker = parent->sleep;
    its->woken_by_tree = 1;
  }
  its->sleep.waking_ns = its->sleep.woken_ns = now;
  its->sleep.running_ns = ~0ull;
}

static __always_inline void runs_again(const struct tr_thread* thread, __u64 now) {
  if (thread->state != TR_STATE_WOKEN && thread->state != TR_STATE_BLOCKED) return;
  struct tr_turns* its = turns_of(thread->slot);
  if (!its) return;
  if (unlikely(thread->state == TR_STATE_BLOCKED)) { /* its wake-up was not shown */
    its->sleep = (struct tr_sleep){.since_ns = thread->since_ns, .waking_ns = now, .woken_ns = now};
    its->woken_by_tree = 0;
  }
  its->sleep.running_ns = now;
}

static __always_inline void learned_of_events(const struct tr_thread* thread, __u64 now) {
  struct tr_turns* its = turns_of(thread->slot);
  if (its) its->ready_ns = now;
}

/* ---- Legs ---- */

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

__noinline __u32 bucket_of(__u64 ns) {
  return tr_bucket(ns);
}

__noinline int count_way(const struct way* way, __u64 whole, __u64 messages, bool alone) {
  __u32 cpu = bpf_get_smp_processor_id(), bucket = bucket_of(whole);
  struct tr_paths* sums = bpf_map_lookup_elem(&paths, &cpu);
  if (!way || !sums || bucket >= TR_PATH_BUCKETS) return 0;
  add_to(&sums->messages[bucket], messages, alone);
  for (int leg = 0; leg < TR_LEGS; leg++) {
    __u64 ns = way->leg_ns[leg];
    if (!ns) continue;
    add_to(&sums->leg_ns[bucket][leg], ns * messages, alone);
    __u32 own = bucket_of(ns);
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

/* ---- Arrival ---- */

static __always_inline void end_turn(struct connection* its, bool alone) {
  struct batch batch = {.connection = its->socket,
                        .arrived_ns = its->arrived_ns[0],
                        .received_ns = its->last_receipt_ns,
                        .send_ns = its->send_ns,
                        .handed_ns = its->handed_ns,
                        .messages = 1,
                        .sender = its->sender,
                        .alone = alone};
  count_batch(&batch, its->has_receipt ? &its->received_by[0] : 0);
  its->answered = 0;
  its->arrived_ns[0] = 0;
}

static __always_inline void begin_turn(struct connection* its, __u32 to, __u64 now, bool alone) {
  if (its->answered) end_turn(its, alone);
  bool data = to != its->arrived; /* else it is the end of the stream */
  its->arrived = to;
  if (its->arrived_ns[0] || !data) return;
  its->has_receipt = 0;
  its->send_ns = 0;
  its->sender = 0;
  its->arrived_ns[0] = now;
}

static __always_inline void arrived(struct connection* its, __u32 to, __u64 now) {
  if (!reaches(to, its->arrived)) return; /* no message is whole yet */
  __u32 end = its->arrived + (to - its->arrived) / its->size * its->size, at = its->arrivals;
  if (unlikely(at - its->arrivals_read >= ARRIVALS)) {
    if (in_window(now)) note_path(TR_PATH_NO_ROOM, (end - its->arrived) / its->size + 1);
    now = 0;
    at--; /* with those that came in the slot before: it is not known when they came */
  } else {
    its->arrivals = at + 1;
  }
  its->arrived_ns[at % ARRIVALS] = now;
  its->arrived_to[at % ARRIVALS] = end;
  its->arrived = end + its->size;
}

static __always_inline struct connection* new_connection(struct sock* sk,
                                                         const struct tcp_sock* tcp) {
  struct connection* its = bpf_sk_storage_get(&connections, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!its) {
    note_path(TR_PATH_NO_MEMORY, 1);
    return 0;
  }
  its->socket = (__u64)sk;
  its->size = message_size;
  its->first_in = tcp->copied_seq;
  its->first_out = tcp->write_seq;
  its->arrived = its->received = its->sent = its->answered = its->size;
  return its;
}

static __always_inline void data_arrives(struct sock* sk, struct tr_cpu* cpu) {
  cpu->arrival = 0;
  bool served = is_served(sk->__sk_common.skc_num) && sk->__sk_common.skc_state != TCP_LISTEN;
  if (!served) return;
  struct connection* its = bpf_sk_storage_get(&connections, sk, 0, 0);
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk);
  if (!tcp) return;
  if (unlikely(!its)) {
    if (!is_from_client(sk, sk->__sk_common.skc_num)) return;
    its = new_connection(sk, tcp);
    if (!its) return;
  }
  __u64 now = bpf_ktime_get_ns();
  cpu->arrival = (__u64)sk;
  /* The end of the stream takes a place in it, too. */
  __u8 state = sk->__sk_common.skc_state;
  bool goes_on = state == TCP_ESTABLISHED || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2;
  __u32 to = tcp->rcv_nxt - its->first_in - !goes_on;
  if (its->size)
    arrived(its, to, now);
  else
    begin_turn(its, to, now, cpu->context.softirq);
}

/* ---- Receipt and send: when the call has done its work, with the socket unlocked ---- */

static __always_inline void keep_receipt(struct connection* its, struct receipt* receipt,
                                         const struct tr_thread* thread, __u64 entered, __u32 to,
                                         __u64 now) {
  struct tr_turns* turn = turns_of(thread->slot);
  if (!turn) return;
  if (unlikely(its->receiver != thread->slot)) {
    if (its->receiver) its->many_hands = 1;
    its->receiver = thread->slot;
  }
  if (!its->many_hands) {
    const struct tr_woken* woken = woken_by(its->socket);
    its->many_hands = woken && woken->socket == its->socket && woken->slot != thread->slot;
  }
  receipt->entered_ns = entered;
  receipt->returned_ns = now;
  receipt->ready_ns = turn->ready_ns;
  receipt->sleep = turn->sleep;
  receipt->woken_by_tree = turn->woken_by_tree;
  if (turn->woken_by_tree) receipt->waker = turn->waker;
  receipt->many_hands = its->many_hands;
  receipt->slot = thread->slot;
  receipt->to = to;
}

static __always_inline void message_received(struct sock* sk, const struct tr_thread* thread) {
  struct connection* its = bpf_sk_storage_get(&connections, sk, 0, 0);
  if (!its) return;
  __u64 now = bpf_ktime_get_ns(), entered = thread->call_since_ns;
  if (!its->size) {
    if (!its->arrived_ns[0]) return;
    if (!its->has_receipt) keep_receipt(its, &its->received_by[0], thread, entered, 0, now);
    its->has_receipt = 1;
    its->send_ns = 0;
    its->last_receipt_ns = now;
    return;
  }
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk);
  if (!tcp) return;
  __u32 to = tcp->copied_seq - its->first_in;
  if (its->reading_ns)
    entered = its->reading_ns;
  else
    its->reading_ns = entered;
  if (!reaches(to, its->received)) return;
  __u32 end = its->received + (to - its->received) / its->size * its->size, at = its->receipts;
  if (unlikely(at - its->receipts_read >= RECEIPTS)) {
    at--; /* of two in one place neither is known */
    now = CROWDED;
  } else {
    its->receipts = at + 1;
  }
  keep_receipt(its, &its->received_by[at % RECEIPTS], thread, entered, end, now);
  its->received = end + its->size;
  its->reading_ns = 0;
}

/* Where the send of what the device gets now was entered: in the call under way here, if a thread
 * is at work; else 0. */
static __always_inline __u64 send_under_way(const struct tr_cpu* cpu, __u32* slot) {
  if (cpu->context.softirq || cpu->context.interrupts) return 0;
  struct tr_thread* thread = record(cpu->slot);
  if (!thread || thread->call == TR_NO_CALL) return 0;
  *slot = cpu->slot;
  if (likely(thread->call != NR_IO_URING_ENTER)) return thread->call_since_ns;
  struct tr_turns* its = turns_of(cpu->slot);
  return its && its->send_ns >= thread->call_since_ns ? its->send_ns : 0;
}

/* Since 6.16: what io_uring_enter sends has no call of its own. Attached when there is such a
 * call. */
SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(on_tcp_sendmsg_locked, struct sock* sk) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  struct tr_thread* thread = record(cpu->slot);
  bool wanted = thread && thread->call == NR_IO_URING_ENTER;
  count_run(cpu, TR_PROGRAM_SENDMSG, wanted);
  if (!wanted) return 0;
  struct tr_turns* its = turns_of(cpu->slot);
  if (its) its->send_ns = bpf_ktime_get_ns();
  return 0;
}

static __always_inline __u64 send_entered(const struct tr_thread* thread) {
  if (likely(thread->call != NR_IO_URING_ENTER)) return thread->call_since_ns;
  struct tr_turns* its = turns_of(thread->slot);
  return its && its->send_ns >= thread->call_since_ns ? its->send_ns : 0;
}

/* What the device has not got by now will be sent from interrupts: the call is kept. */
static __always_inline void message_sent(struct sock* sk, const struct tr_thread* thread) {
  if (!is_served(sk->__sk_common.skc_num)) return;
  struct connection* its = bpf_sk_storage_get(&connections, sk, 0, 0);
  if (!its) return;
  if (!its->size) {
    __u64 entered = its->send_ns ? 0 : send_entered(thread);
    if (entered && its->has_receipt && entered >= its->last_receipt_ns) {
      its->send_ns = entered;
      its->sender = thread->slot;
    }
    return;
  }
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk);
  if (!tcp) return;
  __u32 to = tcp->write_seq - its->first_out, at = its->sends;
  if (!reaches(to, its->sent)) return;
  its->sent += ((to - its->sent) / its->size + 1) * its->size;
  if (likely(reaches(its->handed, to))) return;
  __u64 entered = send_entered(thread);
  if (unlikely(at - its->sends_read >= SENDS)) {
    at--;
    entered = CROWDED;
  } else {
    its->sends = at + 1;
  }
  its->sent_ns[at % SENDS] = entered;
  its->sent_by[at % SENDS] = thread->slot;
  its->sent_to[at % SENDS] = to;
}

/* ---- The device ---- */

/* How far the packet takes the stream: of bytes that were sent before, or of none, not far. */
static __always_inline bool end_of_payload(const struct sk_buff* skb, __u32* end) {
  __u8 header[16]; /* of TCP, up to the data offset */
  const unsigned char* at = skb->head + skb->transport_header;
  if (bpf_probe_read_kernel(header, sizeof(header), at)) return false;
  __u32 sequence = bpf_ntohl(*(__u32*)(header + 4));
  __u32 before = (__u32)(at - skb->data) + (header[12] >> 4) * 4;
  if (skb->len <= before) return false;
  *end = sequence + skb->len - before;
  return true;
}

struct matching {
  struct connection* its;
  struct batch batch;
  __u32 to; /* handed to the device */
  __u32 sender;
  __u64 send_ns; /* of the call under way; 0: none */
};

/* One step: forgets a moment that lies before the next message to be answered, or counts all that
 * share their moments with it. */
static int match(__u64 step, struct matching* matching) {
  struct connection* its = matching->its;
  __u32 end = its->answered, last = matching->to;
  if (!reaches(last, end)) return 1;
  __u32 at = its->arrivals_read % ARRIVALS;
  if (its->arrivals_read == its->arrivals) { /* answered before it was whole */
    note_path(TR_PATH_DISORDERED, 1);
    its->answered = end + its->size;
    return 0;
  }
  if (!reaches(its->arrived_to[at], end)) {
    its->arrivals_read++;
    return 0;
  }
  if (!reaches(its->arrived_to[at], last)) last = its->arrived_to[at];
  matching->batch.arrived_ns = its->arrived_ns[at];

  struct receipt* by = 0;
  matching->batch.received_ns = 0;
  if (its->receipts_read != its->receipts) {
    by = &its->received_by[its->receipts_read % RECEIPTS];
    if (!reaches(by->to, end)) {
      its->receipts_read++;
      return 0;
    }
    if (!reaches(by->to, last)) last = by->to;
    matching->batch.received_ns = by->returned_ns;
  }

  matching->batch.send_ns = matching->send_ns;
  matching->batch.sender = matching->sender;
  if (its->sends_read != its->sends) {
    at = its->sends_read % SENDS;
    if (!reaches(its->sent_to[at], end)) {
      its->sends_read++;
      return 0;
    }
    if (!reaches(its->sent_to[at], last)) last = its->sent_to[at];
    matching->batch.send_ns = its->sent_ns[at];
    matching->batch.sender = its->sent_by[at];
  }
  __u32 messages = (last - end) / its->size + 1;
  matching->batch.messages = messages;
  if (matching->batch.arrived_ns) count_batch(&matching->batch, by);
  its->answered = end + messages * its->size;
  return 0;
}

#define MAX_STEPS 512 /* in one packet; what is left over, the next one finds */

static __always_inline void handed_over(struct connection* its, __u32 to,
                                        const struct tr_cpu* cpu) {
  if (reaches(its->handed, to)) return; /* sent before */
  its->handed = to;
  __u32 sender = 0;
  if (!its->size) {
    if (!its->arrived_ns[0] || !its->has_receipt) return;
    if (!its->send_ns) {
      __u64 entered = send_under_way(cpu, &sender);
      if (entered >= its->last_receipt_ns) {
        its->send_ns = entered;
        its->sender = sender;
      }
    }
    its->handed_ns = bpf_ktime_get_ns();
    its->answered = 1;
    return;
  }
  if (!reaches(to, its->answered)) return;
  struct matching matching = {.its = its, .to = to};
  matching.send_ns = send_under_way(cpu, &sender);
  matching.sender = sender;
  matching.batch.connection = its->socket;
  matching.batch.handed_ns = bpf_ktime_get_ns();
  matching.batch.alone = true;
  bpf_loop(MAX_STEPS, match, &matching, 0);
}

/* Softirqs are off here (dev_hard_start_xmit). */
SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(on_net_dev_start_xmit, struct sk_buff* skb) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  struct sock* sk = skb->sk;
  bool served = sk && is_served(sk->__sk_common.skc_num);
  count_run(cpu, TR_PROGRAM_START_XMIT, served);
  if (!served) return 0;
  struct connection* its = bpf_sk_storage_get(&connections, sk, 0, 0);
  __u32 end;
  if (its && end_of_payload(skb, &end)) handed_over(its, end - its->first_out, cpu);
  return 0;
}

/* ---- The last turn-around of a connection ---- */

static __always_inline void last_turn(struct connection* its) {
  if (its->size || !its->arrived_ns[0]) return;
  if (its->answered)
    end_turn(its, false);
  else if (in_window(its->arrived_ns[0]))
    note_path(TR_PATH_UNANSWERED, 1);
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_tcp_destroy_sock, struct sock* sk) {
  struct connection* its = bpf_sk_storage_get(&connections, sk, 0, 0);
  if (its) last_turn(its); /* by now it has no port any more */
  return 0;
}

/* Those still open when all is over. */
SEC("iter/bpf_sk_storage_map")
int end_turns(struct bpf_iter__bpf_sk_storage_map* ctx) {
  struct connection* its = ctx->value;
  if (its) last_turn(its);
  return 0;
}
