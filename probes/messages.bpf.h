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
 * thread that ended this sleep: message_sleeps.bpf.h, message_legs.bpf.h. */

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

/* A connection's bytes are counted from its first, modulo 2^32. Each field is written at one stage
 * alone; the stages may run at once, on several CPUs. */
struct connection {
  __u64 socket; /* its address: read from here it is a number, to the verifier */
  __u32 size;   /* of all messages; 0: they differ */
  __u32 first_in, first_out;

  /* Arrival. */
  __u32 arrived; /* where the next message to arrive will end; of turn-arounds: where all ended */
  __u32 arrivals;
  __u32 came_to;   /* where hops are followed: the bytes of the last arrival */
  __u64 unread_ns; /* and when the first of those came that were not received then */
  struct moment arrival[ARRIVALS];

  /* Receipt. */
  __u32 received; /* the same of the next message to be received */
  __u32 receipts;
  __u32 receiver;   /* the first thread that received, by its record */
  __u8 many_hands;  /* it was not the only one, or the data woke another */
  __u8 has_receipt; /* of a turn-around */
  __u64 reading_ns; /* when the first receive of the next message was entered */
  __u32 drained_to; /* the bytes of the last receive, where hops are followed */
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

  struct receipt received_by[RECEIPTS];
  struct moment send[SENDS];
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct connection);
} connections SEC(".maps");

/* The size of all messages, in both directions; 0: they differ. */
volatile __u32 message_size = 0;

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
  its->came_to = its->drained_to = tcp->copied_seq;
  return its;
}

static __always_inline void data_arrives(struct sock* sk, struct tr_cpu* cpu) {
  cpu->arrival = 0;
  bool served = is_served(sk->__sk_common.skc_num) && sk->__sk_common.skc_state != TCP_LISTEN;
  if (!served) {
    if (has_own_links && is_served(bpf_ntohs(sk->__sk_common.skc_dport))) hop_arrives(sk, false);
    return;
  }
  struct connection* its = bpf_sk_storage_get(&connections, sk, 0, 0);
  struct tcp_sock* tcp = its ? known_tcp(sk) : bpf_skc_to_tcp_sock(sk);
  if (!tcp) return;
  if (unlikely(!its)) {
    if (!is_from_client(sk, sk->__sk_common.skc_num)) {
      hop_arrives(sk, true);
      return;
    }
    its = new_connection(sk, tcp);
    if (!its) return;
  }
  __u64 now = bpf_ktime_get_ns();
  cpu->arrival = (__u64)sk;
  if (has_own_links) {
    if (its->came_to == its->drained_to) its->unread_ns = now;
    its->came_to = tcp->rcv_nxt;
  }
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
  struct tcp_sock* tcp = known_tcp(sk);
  if (!tcp) return;
  if (has_own_links) {
    its->drained_to = tcp->copied_seq;
    works_for_client(thread, its->unread_ns ? its->unread_ns : entered);
  }
  if (!its->size) {
    if (!its->arrival[0].ns) return;
    if (!its->has_receipt) keep_receipt(its, &its->received_by[0], thread, entered, 0, now);
    its->has_receipt = 1;
    its->send_ns = 0;
    its->last_receipt_ns = now;
    return;
  }
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

static __always_inline void sent_to_server(struct sock* sk, const struct tr_thread* thread,
                                           bool accepted) {
  const struct own_link* end = hop_end_of(sk, accepted, true);
  struct tcp_sock* tcp = end ? bpf_skc_to_tcp_sock(sk) : 0;
  if (tcp) hop_sends(end, thread->slot, send_entered(thread), tcp->write_seq, true);
}

/* What the device has not got by now will be sent from interrupts: the call is kept. */
static __always_inline void message_sent(struct sock* sk, const struct tr_thread* thread,
                                         bool to_tree) {
  bool served = is_served(sk->__sk_common.skc_num);
  struct connection* its = served ? bpf_sk_storage_get(&connections, sk, 0, 0) : 0;
  if (!its) {
    if (to_tree || (served && has_own_links)) sent_to_server(sk, thread, served);
    return;
  }
  if (!its->size) {
    __u64 entered = its->send_ns ? 0 : send_entered(thread);
    if (entered && its->has_receipt && entered >= its->last_receipt_ns) {
      its->send_ns = entered;
      its->sender = thread->slot;
    }
    return;
  }
  struct tcp_sock* tcp = known_tcp(sk);
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
  its->send[at % SENDS] = (struct moment){.ns = entered, .to = to, .by = thread->slot};
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
 * share their moments with it, and forgets those of no more use. Stops when all are answered. */
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
  if (!reaches(its->arrival[at].to, end)) {
    its->arrivals_read++;
    return 0;
  }
  if (!reaches(its->arrival[at].to, last)) last = its->arrival[at].to;
  matching->batch.arrived_ns = its->arrival[at].ns;

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
    if (!reaches(its->send[at].to, end)) {
      its->sends_read++;
      return 0;
    }
    if (!reaches(its->send[at].to, last)) last = its->send[at].to;
    matching->batch.send_ns = its->send[at].ns;
    matching->batch.sender = its->send[at].by;
  }
  __u32 messages = (last - end) / its->size + 1;
  matching->batch.messages = messages;
  if (matching->batch.arrived_ns) count_batch(&matching->batch, by);
  end += messages * its->size;
  its->answered = end;
  its->arrivals_read += !reaches(its->arrival[its->arrivals_read % ARRIVALS].to, end);
  if (by) its->receipts_read += !reaches(by->to, end);
  if (its->sends_read != its->sends)
    its->sends_read += !reaches(its->send[its->sends_read % SENDS].to, end);
  return !reaches(matching->to, end);
}

#define MAX_STEPS 512 /* in one packet; what is left over, the next one finds */

static __always_inline void handed_over(struct connection* its, __u32 to,
                                        const struct tr_cpu* cpu) {
  if (reaches(its->handed, to)) return; /* sent before */
  its->handed = to;
  __u32 sender = 0;
  if (!its->size) {
    if (!its->arrival[0].ns || !its->has_receipt) return;
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

/* To another server, or by one that it has called. */
static __always_inline void leaves_for_server(struct sock* sk, const struct sk_buff* skb,
                                              const struct tr_cpu* cpu, bool accepted) {
  __u32 slot = 0, end_of_packet;
  __u64 entered = send_under_way(cpu, &slot);
  if (!slot || !end_of_payload(skb, &end_of_packet)) return;
  const struct own_link* end = hop_end_of(sk, accepted, true);
  if (end) hop_sends(end, slot, entered, end_of_packet, false);
}

/* Softirqs are off here (dev_hard_start_xmit). */
SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(on_net_dev_start_xmit, struct sk_buff* skb) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  struct sock* sk = skb->sk;
  bool served = sk && is_served(sk->__sk_common.skc_num);
  bool calls = sk && !served && cpu->slot && is_served(bpf_ntohs(sk->__sk_common.skc_dport));
  count_run(cpu, TR_PROGRAM_START_XMIT, served || calls);
  if (!served && !calls) return 0;
  struct connection* its = served ? bpf_sk_storage_get(&connections, sk, 0, 0) : 0;
  __u32 end;
  if (its) {
    if (end_of_payload(skb, &end)) handed_over(its, end - its->first_out, cpu);
  } else if (calls || has_own_links) {
    leaves_for_server(sk, skb, cpu, served);
  }
  return 0;
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
  if (its) last_turn(its); /* by now it has no port any more */
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
  if (new_state == TCP_CLOSE) connection_ends(sk);
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
