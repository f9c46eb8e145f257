/* What do servers of the tree tell each other because of a client's message, how many connections
 * away from the client's, and how long does it take to get there?
 *
 * A thread that has received from a client is at work for that message. What it then sends to
 * another server carries the message, and who receives those bytes is at work for it, too, one hop
 * further. Bytes are known by their place in the stream: what the sender's end calls write_seq is
 * the receiver's copied_seq, on one machine. A send is noted when its first packet is handed to the
 * device, which on loopback is before the peer can have it, and again when the call returns.
 *
 * A thread is at work for the message whose bytes it received last, from a client or from another
 * server, until it sleeps in a call that waits for events: what makes it send then was no message.
 * Other receives change nothing: a server that asks a database is still at work for its client.
 * Of several messages received before it sleeps for more or sends to a server, it is not known
 * which one a send is for. It is counted as uncertain, and so is all that follows from it.
 *
 * A send of several packets that is received in part before it has returned counts as received with
 * that part. */

/* Sends on one connection, in one direction, that are not received. */
#define HOP_SENDS 64

struct hop_send {
  __u64 origin;    /* 0: uncertain, or for no client's message */
  __u64 client_ns; /* 0: for none */
  __u64 send_ns;   /* 0: not known */
  __u64 came_ns;   /* to the peer's socket; 0: not yet */
  __u32 end;
  __u16 hop;
  __u8 uncertain;
  __u8 continues; /* one that was received in part before it was sent whole */
};

/* One direction of a connection. Each field is written at one stage alone; the stages may run at
 * once, on several CPUs. */
struct hop_stream {
  /* Send. */
  __u32 sent;
  __u32 sent_to;
  __u32 under_way; /* the last send has not returned */
  /* Arrival. */
  __u32 came;
  /* Receipt. */
  __u32 taken;
  __u32 taken_to;
  struct hop_send sends[HOP_SENDS];
};

/* By the connection, as the sender sees it; deleted with the receiver's socket. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1 << 12);
  __type(key, struct own_link);
  __type(value, struct hop_stream);
} hop_streams SEC(".maps");

/* A socket that is an end of a connection between servers: the connection as it sees it. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct own_link);
} hop_ends SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_hops);
} hops SEC(".maps");

/* By their number: the oldest gives its place to the next. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_origin);
} origins SEC(".maps");

__u64 hop_notes[TR_HOP_NOTES] = {};
__u64 origins_begun = 0;
static const struct hop_stream no_sends = {}; /* too large for the stack */

static __always_inline void note_hop(enum tr_hop_note note, __u64 now) {
  if (in_window(now)) __sync_fetch_and_add(&hop_notes[note], 1);
}

/* At or behind it, in a stream. */
static __always_inline bool reaches(__u32 offset, __u32 other) {
  return (__s32)(offset - other) >= 0;
}

static __always_inline struct tr_hops* hop_sums(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&hops, &zero);
}

static __always_inline __u32 hop_index(__u32 hop, bool uncertain) {
  if (uncertain) return TR_HOP_UNCERTAIN;
  return hop < TR_HOPS ? hop - 1 : TR_HOPS - 1;
}

/* The connection, if the socket is an end of one between servers. An accepted one is, if its other
 * end has sent. */
static __always_inline struct own_link* hop_end_of(struct sock* sk, bool accepted, bool create) {
  struct own_link* end = bpf_sk_storage_get(&hop_ends, sk, 0, 0);
  if (likely(end) || !create) return end;
  if (accepted ? !comes_from_tree(sk) : !goes_to_tree(sk)) return 0;
  struct own_link link = {};
  if (!link_of(sk, &link)) return 0;
  end = bpf_sk_storage_get(&hop_ends, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (end) *end = link;
  return end;
}

static __always_inline struct own_link opposite(const struct own_link* end) {
  return (struct own_link){
      .near = end->far, .far = end->near, .near_port = end->far_port, .far_port = end->near_port};
}

static __always_inline struct hop_stream* stream_to(const struct own_link* end) {
  struct own_link sender = opposite(end);
  return bpf_map_lookup_elem(&hop_streams, &sender);
}

/* Nobody will receive any more. */
static __always_inline void hop_end_goes(struct sock* sk) {
  const struct own_link* end = bpf_sk_storage_get(&hop_ends, sk, 0, 0);
  if (!end) return;
  struct own_link sender = opposite(end);
  bpf_map_delete_elem(&hop_streams, &sender);
}

/* ---- A client's message that is told on ---- */

static __always_inline void end_origin(const struct tr_origin* origin) {
  struct tr_hops* sums = hop_sums();
  __u64 from = origin->client_ns, to = origin->last_ns;
  if (!sums || to < from || !in_window(from)) return;
  if (origin->doubtful) {
    note_hop(TR_HOP_DOUBTFUL, from);
    return;
  }
  __u32 bucket = tr_bucket(to - from);
  if (bucket >= TR_PATH_BUCKETS) return;
  __sync_fetch_and_add(&sums->spread[bucket], 1);
  __sync_fetch_and_add(&sums->spread_ns, to - from);
}

static __always_inline __u64 begin_origin(__u64 client_ns) {
  __u64 id = __sync_fetch_and_add(&origins_begun, 1) + 1;
  __u32 place = id % TR_ORIGINS;
  struct tr_origin* origin = bpf_map_lookup_elem(&origins, &place);
  if (!origin) return 0;
  if (origin->id && origin->last_ns) end_origin(origin);
  origin->id = 0;
  origin->last_ns = origin->doubtful = 0;
  origin->client_ns = client_ns;
  origin->id = id;
  return id;
}

#define RACES 4 /* with other CPUs; the moments of who loses so often lie together */

static __always_inline struct tr_origin* origin_of(__u64 id) {
  __u32 place = id % TR_ORIGINS;
  struct tr_origin* origin = id ? bpf_map_lookup_elem(&origins, &place) : 0;
  return origin && origin->id == id ? origin : 0;
}

static __always_inline void doubt(__u64 id) {
  struct tr_origin* origin = origin_of(id);
  if (origin) origin->doubtful = 1;
}

static __always_inline void origin_heard(__u64 id, __u64 now) {
  struct tr_origin* origin = origin_of(id);
  if (!in_window(now)) return;
  if (unlikely(!origin)) {
    note_hop(TR_HOP_LATE, now);
    return;
  }
  for (int i = 0; i < RACES; i++) {
    __u64 last = origin->last_ns;
    if (last >= now || __sync_val_compare_and_swap(&origin->last_ns, last, now) == last) return;
  }
}

/* ---- For whom a thread is at work ---- */

/* Some message was received; `messages` of them at once. */
static __always_inline void begin_work(struct tr_turns* its, const struct tr_work* work,
                                       __u32 messages) {
  __u32 before = its->work.told ? 0 : its->work.received;
  /* More of what it had received; or the same from another server, which is no news. */
  if (before && messages == 1 && its->work.client_ns == work->client_ns) return;
  if (before) doubt(its->work.origin); /* what is sent for it now will not be known */
  its->work = *work;
  its->work.received = before + messages;
}

static __always_inline void works_for_client(const struct tr_thread* thread, __u64 client_ns) {
  struct tr_turns* its = turns_of(thread->slot);
  if (!its) return;
  if (its->work.client_ns == client_ns && !its->work.hop) return; /* more of the same */
  struct tr_work work = {.client_ns = client_ns};
  begin_work(its, &work, 1);
}

/* ---- Send ---- */

/* What this thread sends is noted up to here. */
static __always_inline void note_sends(struct hop_stream* stream, struct tr_work* work,
                                       __u64 entered, __u32 to, bool returned) {
  __u32 at = stream->sent;
  bool room = at - stream->taken < HOP_SENDS, continues = stream->under_way;
  if (returned) stream->under_way = 0;
  if (at && reaches(stream->sent_to, to)) return;
  if (continues && at != stream->taken) {
    stream->sends[(at - 1) % HOP_SENDS].end = to;
    stream->sent_to = to;
    return;
  }
  if (unlikely(!room)) { /* its bytes go with those of the next send that is noted */
    if (!returned) return;
    note_hop(TR_HOP_NO_ROOM, entered);
    stream->sent_to = to; /* whoever hands them to the device later has not sent them */
    return;
  }
  stream->under_way = !returned;
  struct hop_send* send = &stream->sends[at % HOP_SENDS];
  if (work->client_ns && !work->origin && !work->uncertain)
    work->origin = begin_origin(work->client_ns);
  send->origin = work->uncertain ? 0 : work->origin;
  send->client_ns = work->client_ns;
  send->hop = work->hop < 0xffff ? work->hop + 1 : work->hop;
  send->uncertain = work->uncertain;
  send->send_ns = entered;
  send->came_ns = 0;
  send->continues = continues;
  send->end = to;
  stream->sent_to = to;
  barrier();
  stream->sent = at + 1;
}

/* The thread of this record sends, to another server; `to`: where the stream ends now. */
static __noinline int hop_sends(const struct own_link* end, __u32 slot, __u64 entered, __u32 to,
                                bool returned) {
  if (!end) return 0;
  struct own_link key = *end;
  struct tr_turns* its = turns_of(slot);
  if (!its) return 0;
  if (its->work.client_ns && its->work.received > 1 && !its->work.told) {
    doubt(its->work.origin);
    its->work.uncertain = 1;
  }
  struct hop_stream* stream = bpf_map_lookup_elem(&hop_streams, &key);
  if (unlikely(!stream)) {
    bpf_map_update_elem(&hop_streams, &key, &no_sends, BPF_NOEXIST);
    stream = bpf_map_lookup_elem(&hop_streams, &key);
  }
  if (likely(stream)) note_sends(stream, &its->work, entered, to, returned);
  if (!returned) return 0;
  its->work.told = 1;
  __u64 now = bpf_ktime_get_ns();
  if (!in_window(now)) return 0;
  if (unlikely(!stream)) note_hop(TR_HOP_NO_MEMORY, now);
  if (!its->work.client_ns) {
    note_hop(TR_HOP_FOR_NOBODY, now);
    return 0;
  }
  struct tr_hops* sums = hop_sums();
  __u32 index = hop_index(its->work.hop + 1, its->work.uncertain);
  if (sums && index <= TR_HOPS) __sync_fetch_and_add(&sums->hops[index].sent, 1);
  return 0;
}

/* ---- Arrival ---- */

struct arriving {
  struct hop_stream* stream;
  __u64 now;
  __u32 to;
};

static int arrive(__u64 step, struct arriving* arriving) {
  struct hop_stream* stream = arriving->stream;
  __u32 at = stream->came;
  if (at == stream->sent) return 1;
  struct hop_send* send = &stream->sends[at % HOP_SENDS];
  if (!reaches(arriving->to, send->end)) return 1;
  send->came_ns = arriving->now;
  stream->came = at + 1;
  return 0;
}

/* `stream_end`: as in data_arrives(). */
static __always_inline void hop_arrives(struct sock* sk, bool accepted, const __u32* stream_end) {
  struct own_link* end = hop_end_of(sk, accepted, accepted);
  struct tcp_sock* tcp = end ? bpf_skc_to_tcp_sock(sk) : 0;
  if (!tcp) return;
  struct arriving arriving = {.stream = stream_to(end),
                              .to = stream_end ? *stream_end : tcp->rcv_nxt};
  if (!arriving.stream) return;
  arriving.now = bpf_ktime_get_ns();
  if (unlikely((__s32)(arriving.stream->taken - arriving.stream->came) > 0))
    arriving.stream->came = arriving.stream->taken; /* received, and not seen to come */
  bpf_loop(HOP_SENDS, arrive, &arriving, 0);
}

/* ---- Receipt ---- */

static __noinline int count_hop_time(__u32 index, __u32 which, __u64 ns) {
  struct tr_hops* sums = hop_sums();
  __u32 bucket = tr_bucket(ns);
  if (!sums || index > TR_HOPS || which >= TR_HOP_TIMES || bucket >= TR_PATH_BUCKETS) return 0;
  __sync_fetch_and_add(&sums->hops[index].times[which][bucket], 1);
  __sync_fetch_and_add(&sums->hops[index].ns[which], ns);
  return 0;
}

static __always_inline void count_hop(const struct hop_send* send, __u64 now) {
  struct tr_hops* sums = hop_sums();
  __u32 index = hop_index(send->hop, send->uncertain);
  if (!in_window(now) || !sums || index > TR_HOPS) return;
  __sync_fetch_and_add(&sums->hops[index].received, 1);
  __u64 sent = send->send_ns, came = send->came_ns;
  if (likely(sent && came >= sent && now >= came)) {
    count_hop_time(index, TR_HOP_TRANSIT, came - sent);
    count_hop_time(index, TR_HOP_UNREAD, now - came);
    count_hop_time(index, TR_HOP_WHOLE, now - sent);
  } else {
    note_hop(TR_HOP_NO_SEND, now);
  }
  if (!send->uncertain && now >= send->client_ns)
    count_hop_time(index, TR_HOP_SINCE, now - send->client_ns);
}

struct taking {
  struct hop_stream* stream;
  struct tr_work work;
  __u64 now;
  __u32 to;
  __u32 messages;
  bool any;
};

static __always_inline void take_up(struct taking* taking, const struct hop_send* send) {
  if (taking->work.origin != send->origin) doubt(taking->work.origin);
  taking->work.origin = send->origin;
  taking->work.client_ns = send->client_ns;
  taking->work.hop = send->hop;
  taking->work.uncertain = send->uncertain;
  taking->any = true;
}

static int take(__u64 step, struct taking* taking) {
  struct hop_stream* stream = taking->stream;
  __u32 at = stream->taken;
  if (at == stream->sent) return 1;
  const struct hop_send* send = &stream->sends[at % HOP_SENDS];
  __u32 end = send->end;
  if (!reaches(taking->to, end)) return 1;
  take_up(taking, send);
  if (send->client_ns) {
    taking->messages += !send->continues;
    if (!send->continues) count_hop(send, taking->now);
    if (send->origin) origin_heard(send->origin, taking->now);
  }
  stream->taken_to = end;
  stream->taken = at + 1;
  return 0;
}

/* Before Linux 6.7 the verifier looks at one step of a bpf_loop() alone, the first, and takes out
 * what that cannot reach: it must not know that no message was taken before. */
__u64 no_origin = 0;

/* The thread has received something; from another server? */
static __always_inline void hop_received(struct sock* sk, const struct tr_thread* thread) {
  struct own_link* end = bpf_sk_storage_get(&hop_ends, sk, 0, 0);
  struct tcp_sock* tcp = end ? bpf_skc_to_tcp_sock(sk) : 0;
  struct tr_turns* its = turns_of(thread->slot);
  if (!tcp || !its) return;
  struct taking taking = {.to = tcp->copied_seq, .now = bpf_ktime_get_ns()};
  taking.work.origin = no_origin;
  struct hop_stream* stream = stream_to(end);
  taking.stream = stream;
  if (stream) {
    bpf_loop(HOP_SENDS, take, &taking, 0);
    /* A part of the next one? It is at work for that one, which is counted with its last byte. */
    bool more = !stream->taken || !reaches(stream->taken_to, taking.to);
    if (more && stream->taken != stream->sent) {
      take_up(&taking, &stream->sends[stream->taken % HOP_SENDS]);
      taking.messages += taking.work.client_ns != 0;
    }
  }
  if (unlikely(!taking.any)) note_hop(TR_HOP_UNKNOWN, taking.now);
  begin_work(its, &taking.work, taking.messages);
}
