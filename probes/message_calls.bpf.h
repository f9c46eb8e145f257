/* When does a message take its steps, on kernels that do not show what sockets receive and send?
 *
 * Before Linux 6.3 there is neither sock_recv_length, nor sock_send_length, nor sk_data_ready.
 * There,
 * - data arrives with the packet that TCP takes up (tcp_probe, which is before it counts the
 * bytes);
 * - a thread has received when bytes of a packet were copied (tcp_rcv_space_adjust): of a call that
 *   takes several packets, with the last of them;
 * - what the device has not got when a send returns is noted by the descriptor's socket, or the
 *   request's: sends_by_socket.
 * Several messages of one sendmmsg between servers are one. */

/* With MSG_PEEK it receives nothing. */
static __always_inline bool only_peeks(const struct tr_thread* thread) {
  if (!may_peek(thread->call)) return false;
  const struct pt_regs* regs = (const struct pt_regs*)bpf_task_pt_regs(bpf_get_current_task_btf());
  return regs && receive_flags(regs, thread->call) & MSG_PEEK;
}

/* Softirqs are off here, or the socket is a task's. */
SEC("tp_btf/tcp_probe")
int BPF_PROG(on_tcp_probe, struct sock* sk, struct sk_buff* skb) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  count_run(cpu, TR_PROGRAM_PROBE, cpu->slot);
  cpu->arrival = 0;
  if (!is_served(sk->__sk_common.skc_num) &&
      !(has_own_links && is_served(bpf_ntohs(sk->__sk_common.skc_dport))))
    return 0;
  __u32 begin, end;
  if (!payload_of(skb, &begin, &end)) return 0;
  /* Behind a gap it waits for what fills that; or it has come before. */
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk);
  if (!tcp || !reaches(tcp->rcv_nxt, begin) || reaches(tcp->rcv_nxt, end)) return 0;
  data_arrives(sk, cpu, &end);
  return 0;
}

static __always_inline void is_read(struct tr_thread* thread, struct sock* sk) {
  if (!thread || only_peeks(thread)) return;
  if (is_from_client(sk, sk->__sk_common.skc_num))
    message_received(sk, thread);
  else if (has_own_links)
    hop_received(sk, thread);
}

static __always_inline bool is_for_kernel(void) {
  struct tr_cpu* cpu = this_cpu();
  return !cpu || cpu->context.softirq || cpu->context.interrupts;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_tcp_rcv_space_adjust, struct sock* sk) {
  if (is_for_kernel() || !hold_cpu(TR_PROGRAM_SPACE_ADJUST)) return 0;
  is_read(first_thread(TR_PROGRAM_SPACE_ADJUST), sk);
  release_cpu();
  return 0;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(again_tcp_rcv_space_adjust, struct sock* sk) {
  if (is_for_kernel() || was_seen(TR_PROGRAM_SPACE_ADJUST, ANYWHERE)) return 0;
  is_read(running_thread(TR_PROGRAM_SPACE_ADJUST), sk);
  release_cpu();
  return 0;
}

/* A call or a request that was entered then has sent. */
static __always_inline void message_sent_there(const struct sock* sk,
                                               const struct tr_thread* thread, __u64 entered,
                                               bool to_tree) {
  __u16 port = BPF_CORE_READ(sk, __sk_common.skc_num);
  bool served = is_served(port);
  if (!to_tree && !served) return;
  if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP) return;
  __u32 to = BPF_CORE_READ((const struct tcp_sock*)sk, write_seq);
  if (to_tree || !is_from_client(sk, port)) {
    struct own_link link = {};
    if (link_of(sk, &link)) hop_sends(&link, thread->slot, entered, to, true);
    return;
  }
  __u64 socket = (__u64)sk;
  struct socket_sends* its = bpf_map_lookup_elem(&sends_by_socket, &socket);
  if (!its) return;
  to -= its->first_out;
  struct sends* sends = &its->sends;
  if (its->size) {
    if (is_to_be_sent(sends, its->size, to)) keep_call(sends, to, entered, thread->slot);
  } else if (!sends->made && !reaches(sends->handed, to)) {
    sends->calls[0] = (struct moment){.ns = entered, .to = to, .by = thread->slot};
    barrier();
    sends->made = 1;
  }
}
