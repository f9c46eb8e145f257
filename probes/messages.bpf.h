/* Which way does a message take through the server, and where on it is the time spent?
 *
 * Followed by socket, not by thread: data arrives there (sk_data_ready, before the sleeper is
 * woken), a thread has received it (sock_recv_length), a send is entered, and the packet with the
 * last byte is handed to the device (net_dev_start_xmit). Kernels that lack some of these
 * tracepoints show the same moments elsewhere: message_calls.bpf.h. Where all messages have one
 * size, these moments are put together by the stream's byte offsets, which the kernel itself keeps
 * (tcp_sock): a moment is that of a message's last byte, whatever the batching. Else a message is a
 * turn-around: from the first arrival after an answer to the last packet before the next arrival.
 *
 * What lies between two moments is told from the last sleep of the thread that received, and of the
 * thread that ended this sleep: message_sleeps.bpf.h, message_legs.bpf.h. What is sent, and how it
 * is put together with what came: message_sends.bpf.h. */

/* On one connection, of those that are not answered: */
#define ARRIVALS 64 /* segments that ended messages */
#define RECEIPTS 16 /* receive calls that did */
#define SENDS 64    /* send calls that did, and that the device has not seen whole */

/* When the stream was taken so far: arrived, or sent. */
struct moment {
  __u64 ns; /* of an arrival: 0: not known */
  __u32 to;
  __u32 by; /* of a send: the thread's record */
};

/* Send calls that ended messages, and that the device has not seen whole. */
struct sends {
  __u32 next;   /* where the next message to be sent will end */
  __u32 handed; /* bytes that the device has got */
  __u32 made, read;
  struct moment calls[SENDS];
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
  __u32 came_to;   /* with hops, or by descriptors: the bytes of the last arrival */
  __u64 unread_ns; /* with hops: when the first of those came that were not received then */
  __u64 came_ns;   /* by descriptors: when the last came */
  struct moment arrival[ARRIVALS];

  /* Receipt. */
  __u32 received; /* the same of the next message to be received */
  __u32 receipts;
  __u32 receiver;   /* the first thread that received, by its record */
  __u8 many_hands;  /* it was not the only one, or the data woke another */
  __u8 has_receipt; /* of a turn-around */
  __u8 unproven;    /* by descriptors: it may be another server's; nothing was received yet */
  __u64 reading_ns; /* when the first receive of the next message was entered */
  __u64 call_ns;    /* by descriptors: when the call was entered whose receipt was kept last */
  __u32 drained_to; /* the bytes of the last receive, where hops are followed */
  /* The device. */
  __u32 answered; /* as `received`; of a turn-around: whether it is */
  __u32 arrivals_read, receipts_read;

  /* A turn-around's other moments. */
  __u64 last_receipt_ns;
  __u64 send_ns;
  __u64 handed_ns;
  __u32 sender;

  struct receipt received_by[RECEIPTS];
  struct sends sends; /* by descriptors: sends_by_socket */
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct connection);
} connections SEC(".maps");

/* What is sent on a connection, where it is told by the descriptor: that leads to the socket's
 * address, which is no key to its storage. */
struct socket_sends {
  struct sends sends; /* first: clang adds its offset before it looks whether the row is there */
  __u32 size;         /* of all messages; 0: they differ */
  __u32 first_out;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1 << 17);
  __type(key, __u64); /* the socket's address */
  __type(value, struct socket_sends);
} sends_by_socket SEC(".maps");

static const struct socket_sends nothing_sent = {}; /* too large for the stack */

/* The size of all messages, in both directions; 0: they differ. */
volatile __u32 message_size = 0;

/* Of a client; 0: none, or not known to be one's. */
static __always_inline struct connection* connection_of(const struct sock* sk) {
  struct connection* its = bpf_sk_storage_get(&connections, (void*)sk, 0, 0);
  return inspect_descriptors && its && its->unproven ? 0 : its;
}

static __always_inline struct sends* sends_of(struct connection* its) {
  if (!inspect_descriptors) return &its->sends;
  struct socket_sends* there = bpf_map_lookup_elem(&sends_by_socket, &its->socket);
  return there ? &there->sends : 0;
}

/* ---- Arrival ---- */

static __always_inline void end_turn(struct connection* its, bool alone) {
  struct batch batch = {.connection = its->socket,
                        .arrived_ns = its->arrival[0].ns,
                        .received_ns = its->last_receipt_ns,
                        .send_ns = its->send_ns,
                        .handed_ns = its->handed_ns,
                        .messages = 1,
                        .sender = its->sender,
                        .alone = alone};
  count_batch(&batch, its->has_receipt ? &its->received_by[0] : 0);
  its->answered = 0;
  its->arrival[0].ns = 0;
}

static __always_inline void begin_turn(struct connection* its, __u32 to, __u64 now, bool alone) {
  if (its->answered) end_turn(its, alone);
  bool data = to != its->arrived; /* else it is the end of the stream */
  its->arrived = to;
  if (its->arrival[0].ns || !data) return;
  its->has_receipt = 0;
  its->send_ns = 0;
  its->sender = 0;
  its->arrival[0].ns = now;
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
  its->arrival[at % ARRIVALS].ns = now;
  its->arrival[at % ARRIVALS].to = end;
  its->arrived = end + its->size;
}

/* Of a socket that is known to be TCP's: it has a connection here. */
static __always_inline struct tcp_sock* known_tcp(struct sock* sk) {
  return can_cast ? CAST(tcp_sock, sk) : bpf_skc_to_tcp_sock(sk);
}

/* Without room there, what is sent on it is not known: no message of it will be counted. */
static __always_inline void keep_sends(const struct connection* its) {
  __u64 socket = its->socket;
  bpf_map_update_elem(&sends_by_socket, &socket, &nothing_sent, BPF_ANY);
  struct socket_sends* there = bpf_map_lookup_elem(&sends_by_socket, &socket);
  if (!there) {
    note_path(TR_PATH_NO_MEMORY, 1);
    return;
  }
  there->size = there->sends.next = its->size;
  there->first_out = its->first_out;
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
  its->arrived = its->received = its->sends.next = its->answered = its->size;
  its->came_to = its->drained_to = tcp->copied_seq;
  if (inspect_descriptors) keep_sends(its);
  return its;
}

/* `end`: where that takes the stream; 0: the kernel has counted it. */
static __always_inline void data_arrives(struct sock* sk, struct tr_cpu* cpu, const __u32* end) {
  cpu->arrival = 0;
  bool served = is_served(sk->__sk_common.skc_num) && sk->__sk_common.skc_state != TCP_LISTEN;
  if (!served) {
    if (has_own_links && is_served(bpf_ntohs(sk->__sk_common.skc_dport)))
      hop_arrives(sk, false, end);
    return;
  }
  struct connection* its = connection_of(sk);
  struct tcp_sock* tcp = its ? known_tcp(sk) : bpf_skc_to_tcp_sock(sk);
  if (!tcp) return;
  if (unlikely(!its)) {
    if (!is_from_client(sk, sk->__sk_common.skc_num)) {
      hop_arrives(sk, true, end);
      return;
    }
    its = new_connection(sk, tcp);
    if (!its) return;
    its->unproven = 0;
  }
  __u64 now = bpf_ktime_get_ns();
  cpu->arrival = (__u64)sk;
  if (has_own_links || inspect_descriptors) {
    if (its->came_to == its->drained_to) its->unread_ns = now;
    its->came_to = end ? *end : tcp->rcv_nxt;
    its->came_ns = now;
  }
  /* The end of the stream takes a place in it, too. */
  __u8 state = sk->__sk_common.skc_state;
  bool goes_on = state == TCP_ESTABLISHED || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2;
  __u32 to = end ? *end - its->first_in : tcp->rcv_nxt - its->first_in - !goes_on;
  if (its->size)
    arrived(its, to, now);
  else
    begin_turn(its, to, now, cpu->context.softirq);
}

/* Bytes are received whose arrival was not seen: they came with the connection's last packet, which
 * opened it or filled a gap. */
static __always_inline void came_unseen(struct connection* its, __u32 to) {
  its->unproven = 0;
  its->came_to = its->first_in + to;
  if (its->size)
    arrived(its, to, its->came_ns);
  else
    begin_turn(its, to, its->came_ns, false);
}

/* ---- Receipt: when the call has done its work, with the socket unlocked ---- */

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

/* Where each packet's bytes are seen to be received: has this call received some before? */
static __always_inline bool goes_on(const struct receipt* receipt, __u64 call_ns,
                                    const struct tr_thread* thread) {
  return inspect_descriptors && call_ns == thread->call_since_ns && receipt->slot == thread->slot &&
         has_own_call(thread);
}

static __always_inline void turn_received(struct connection* its, const struct tr_thread* thread,
                                          __u64 now) {
  struct receipt* first = &its->received_by[0];
  if (!its->arrival[0].ns) return;
  if (!its->has_receipt || goes_on(first, first->entered_ns, thread))
    keep_receipt(its, first, thread, thread->call_since_ns, 0, now);
  its->has_receipt = 1;
  its->send_ns = 0;
  its->last_receipt_ns = now;
  struct sends* sends = inspect_descriptors ? sends_of(its) : 0;
  if (sends) sends->made = 0;
}

static __always_inline void message_received(struct sock* sk, const struct tr_thread* thread) {
  struct connection* its = bpf_sk_storage_get(&connections, sk, 0, 0);
  if (!its) return;
  __u64 now = bpf_ktime_get_ns(), entered = thread->call_since_ns;
  struct tcp_sock* tcp = known_tcp(sk);
  if (!tcp) return;
  if (inspect_descriptors && its->drained_to == tcp->copied_seq) return; /* MSG_PEEK */
  if (has_own_links || inspect_descriptors) its->drained_to = tcp->copied_seq;
  if (has_own_links) works_for_client(thread, its->unread_ns ? its->unread_ns : entered);
  __u32 to = tcp->copied_seq - its->first_in;
  if (inspect_descriptors && !reaches(its->came_to, tcp->copied_seq)) came_unseen(its, to);
  if (!its->size) {
    turn_received(its, thread, now);
    return;
  }
  if (its->reading_ns)
    entered = its->reading_ns;
  else
    its->reading_ns = entered;
  if (!reaches(to, its->received)) return;
  __u32 end = its->received + (to - its->received) / its->size * its->size, at = its->receipts;
  struct receipt* last = &its->received_by[(at - 1) % RECEIPTS];
  if (at != its->receipts_read && goes_on(last, its->call_ns, thread)) {
    at--;
    entered = last->entered_ns;
    if (last->returned_ns == CROWDED) now = CROWDED;
  } else if (unlikely(at - its->receipts_read >= RECEIPTS)) {
    at--; /* of two in one place neither is known */
    now = CROWDED;
  } else {
    its->receipts = at + 1;
  }
  keep_receipt(its, &its->received_by[at % RECEIPTS], thread, entered, end, now);
  if (inspect_descriptors) its->call_ns = thread->call_since_ns;
  its->received = end + its->size;
  its->reading_ns = 0;
}

/* ---- The last turn-around of a connection ---- */

static __always_inline void last_turn(struct connection* its) {
  if (its->size || !its->arrival[0].ns) return;
  if (its->answered)
    end_turn(its, false);
  else if (in_window(its->arrival[0].ns))
    note_path(TR_PATH_UNANSWERED, 1);
  its->arrival[0].ns = 0;
}

static __always_inline void connection_ends(struct sock* sk) {
  struct connection* its = bpf_sk_storage_get(&connections, sk, 0, 0);
  if (!its) return;
  last_turn(its); /* by now it has no port any more */
  if (inspect_descriptors) bpf_map_delete_elem(&sends_by_socket, &its->socket);
}

/* The packet that opens it may bring data. */
static __always_inline void connection_opens(struct sock* sk) {
  if (!is_served(sk->__sk_common.skc_num)) return;
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk);
  struct connection* its = tcp ? new_connection(sk, tcp) : 0;
  if (!its) return;
  its->unproven = 1;
  its->came_ns = bpf_ktime_get_ns();
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_tcp_destroy_sock, struct sock* sk) {
  connection_ends(sk);
  if (has_own_links) hop_end_goes(sk);
  return 0;
}

/* Reset by the client, a connection stays open as long as the server likes, and no list has it. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(close_inet_sock_set_state, struct sock* sk, int old_state, int new_state) {
  if (!hold_cpu(ON_CLOSE)) return 0;
  if (new_state == TCP_CLOSE) connection_ends(sk);
  if (inspect_descriptors && new_state == TCP_ESTABLISHED) connection_opens(sk);
  release_cpu();
  return 0;
}

/* Those still open when all is over, of one network namespace. */
SEC("iter/tcp")
int end_turns(struct bpf_iter__tcp* ctx) {
  struct sock_common* sk = ctx->sk_common;
  if (!sk) return 0; /* all have passed */
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk);
  struct connection* its = tcp ? bpf_sk_storage_get(&connections, tcp, 0, 0) : 0;
  if (its) last_turn(its);
  return 0;
}
