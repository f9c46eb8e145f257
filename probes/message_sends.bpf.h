/* When was each message's send entered, when had the device all of it, and what came before that?
 */

/* When the send under way was entered; 0: not known. */
static __always_inline __u64 send_entered(const struct tr_thread* thread) {
  if (likely(has_own_call(thread))) return thread->call_since_ns;
  struct tr_turns* its = turns_of(thread->slot);
  return its && its->send_ns >= thread->call_since_ns ? its->send_ns : 0;
}

/* Where the send of what the device gets now was entered: in the call under way here, if a thread
 * is at work; else 0. */
static __always_inline __u64 send_under_way(const struct tr_cpu* cpu, __u32* slot) {
  if (cpu->context.softirq || cpu->context.interrupts) return 0;
  struct tr_thread* thread = record(cpu->slot);
  if (!thread || thread->call == TR_NO_CALL) return 0;
  *slot = cpu->slot;
  return send_entered(thread);
}

/* Since 6.16: what io_uring sends has no call of its own. Attached when there is such a call.
 * Before: when the request was submitted, uring.bpf.h. */
static __always_inline void send_begins(void) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return;
  struct tr_thread* thread = record(cpu->slot);
  bool wanted = thread && !has_own_call(thread);
  count_run(cpu, TR_PROGRAM_SENDMSG, wanted);
  if (!wanted) return;
  struct tr_turns* its = turns_of(cpu->slot);
  if (its) its->send_ns = bpf_ktime_get_ns();
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(on_tcp_sendmsg_locked, struct sock* sk) {
  if (!hold_cpu(TR_PROGRAM_SENDMSG)) return 0;
  send_begins();
  release_cpu();
  return 0;
}

static __always_inline void sent_to_server(struct sock* sk, const struct tr_thread* thread,
                                           bool accepted) {
  const struct own_link* end = hop_end_of(sk, accepted, true);
  struct tcp_sock* tcp = end ? bpf_skc_to_tcp_sock(sk) : 0;
  if (tcp) hop_sends(end, thread->slot, send_entered(thread), tcp->write_seq, true);
}

/* Whether that ends a message which the device has not got: it will be sent from interrupts. */
static __always_inline bool is_to_be_sent(struct sends* sends, __u32 size, __u32 to) {
  if (!reaches(to, sends->next)) return false;
  sends->next += ((to - sends->next) / size + 1) * size;
  return unlikely(!reaches(sends->handed, to));
}

static __always_inline void keep_call(struct sends* sends, __u32 to, __u64 entered, __u32 slot) {
  __u32 at = sends->made;
  if (unlikely(at - sends->read >= SENDS)) {
    at--;
    entered = CROWDED;
  } else {
    sends->made = at + 1;
  }
  sends->calls[at % SENDS] = (struct moment){.ns = entered, .to = to, .by = slot};
}

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
  __u32 to = tcp->write_seq - its->first_out;
  if (is_to_be_sent(&its->sends, its->size, to))
    keep_call(&its->sends, to, send_entered(thread), thread->slot);
}

/* ---- The device ---- */

/* Of which bytes of the stream the packet is; false: of none. */
static __always_inline bool payload_of(const struct sk_buff* skb, __u32* begin, __u32* end) {
  __u8 header[16]; /* of TCP, up to the data offset */
  const unsigned char* at = skb->head + skb->transport_header;
  if (bpf_probe_read_kernel(header, sizeof(header), at)) return false;
  *begin = bpf_ntohl(*(__u32*)(header + 4));
  __u32 before = (__u32)(at - skb->data) + (header[12] >> 4) * 4;
  if (skb->len <= before) return false;
  *end = *begin + skb->len - before;
  return true;
}

struct matching {
  struct connection* its;
  struct sends* sends;
  struct batch batch;
  __u32 to; /* handed to the device */
  __u32 sender;
  __u64 send_ns; /* of the call under way; 0: none */
};

/* One step: forgets a moment that lies before the next message to be answered, or counts all that
 * share their moments with it, and forgets those of no more use. Stops when all are answered. */
static int match(__u64 step, struct matching* matching) {
  struct connection* its = matching->its;
  struct sends* sends = matching->sends;
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
  if (sends->read != sends->made) {
    at = sends->read % SENDS;
    if (!reaches(sends->calls[at].to, end)) {
      sends->read++;
      return 0;
    }
    if (!reaches(sends->calls[at].to, last)) last = sends->calls[at].to;
    matching->batch.send_ns = sends->calls[at].ns;
    matching->batch.sender = sends->calls[at].by;
  }
  __u32 messages = (last - end) / its->size + 1;
  matching->batch.messages = messages;
  if (matching->batch.arrived_ns) count_batch(&matching->batch, by);
  end += messages * its->size;
  its->answered = end;
  its->arrivals_read += !reaches(its->arrival[its->arrivals_read % ARRIVALS].to, end);
  if (by) its->receipts_read += !reaches(by->to, end);
  if (sends->read != sends->made)
    sends->read += !reaches(sends->calls[sends->read % SENDS].to, end);
  return !reaches(matching->to, end);
}

#define MAX_STEPS 512 /* in one packet; what is left over, the next one finds */

static __always_inline void handed_over(struct connection* its, __u32 to,
                                        const struct tr_cpu* cpu) {
  struct sends* sends = sends_of(its);
  if (!sends || reaches(sends->handed, to)) return; /* sent before */
  sends->handed = to;
  __u32 sender = 0;
  if (!its->size) {
    if (!its->arrival[0].ns || !its->has_receipt) return;
    if (inspect_descriptors && !its->send_ns && sends->made &&
        sends->calls[0].ns >= its->last_receipt_ns) {
      its->send_ns = sends->calls[0].ns;
      its->sender = sends->calls[0].by;
    }
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
  struct matching matching = {.its = its, .sends = sends, .to = to};
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
  __u32 slot = 0, begin, end_of_packet;
  __u64 entered = send_under_way(cpu, &slot);
  if (!slot || !payload_of(skb, &begin, &end_of_packet)) return;
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
  struct connection* its = served ? connection_of(sk) : 0;
  __u32 begin, end;
  if (its) {
    if (payload_of(skb, &begin, &end)) handed_over(its, end - its->first_out, cpu);
  } else if (calls || has_own_links) {
    leaves_for_server(sk, skb, cpu, served);
  }
  return 0;
}
