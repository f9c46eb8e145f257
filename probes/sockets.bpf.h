/* How many messages and bytes go through the tree's sockets, whatever call carries them?
 *
 * Two ways to see them: the tracepoints in sock_sendmsg() and sock_recvmsg(), since 6.3; else the
 * descriptor of each call that may move socket data, looked at when it returns, and the file of
 * each completion of io_uring. What is seen is put aside in the record and counted when the call
 * ends, with that moment's timestamp. */

volatile __u16 served_port = 0; /* the first of served_ports; they follow each other */
volatile __u16 served_ports = 0;

static __always_inline bool is_served(__u16 port) {
  return (__u16)(port - served_port) < served_ports;
}

/* A connection from the tree to a port that it serves itself, as its accepted end sees it: what is
 * received there comes from no client. */
struct own_link {
  __u32 near, far; /* addresses; of IPv6 a short form */
  __u16 near_port, far_port;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1 << 14);
  __type(key, struct own_link);
  __type(value, __u8);
} own_links SEC(".maps");

__u8 has_own_links = 0;

static __always_inline __u32 short_form(const struct in6_addr* address) {
  const __u32* words = address->in6_u.u6_addr32;
  if (!words[0] && !words[1] && words[2] == bpf_htonl(0xffff)) return words[3]; /* IPv4-mapped */
  return words[0] ^ words[1] ^ words[2] ^ words[3];
}

/* The connection of a TCP socket as it sees it itself; false: no such socket. */
static __always_inline bool link_of(const struct sock* sk, struct own_link* link) {
  __u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  link->near_port = BPF_CORE_READ(sk, __sk_common.skc_num);
  link->far_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
  if (family == AF_INET) {
    link->near = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
    link->far = BPF_CORE_READ(sk, __sk_common.skc_daddr);
    return true;
  }
  if (family != AF_INET6) return false;
  struct in6_addr address;
  BPF_CORE_READ_INTO(&address, sk, __sk_common.skc_v6_rcv_saddr);
  link->near = short_form(&address);
  BPF_CORE_READ_INTO(&address, sk, __sk_common.skc_v6_daddr);
  link->far = short_form(&address);
  return true;
}

static __always_inline bool is_loopback(__u32 address) {
  return (bpf_ntohl(address) >> 24) == 127;
}

/* Sent to a port number that the tree serves: does it go to the tree? Only on this machine. */
static __noinline bool goes_to_tree(const struct sock* sk) {
  struct own_link link = {};
  __u8 known = 1;
  if (!link_of(sk, &link) || is_served(link.near_port)) return false;
  if (link.near != link.far && !(is_loopback(link.near) && is_loopback(link.far))) return false;
  struct own_link accepted = {
      .near = link.far, .far = link.near, .near_port = link.far_port, .far_port = link.near_port};
  if (!bpf_map_lookup_elem(&own_links, &accepted))
    bpf_map_update_elem(&own_links, &accepted, &known, BPF_ANY);
  has_own_links = 1;
  return true;
}

static __noinline bool comes_from_tree(const struct sock* sk) {
  struct own_link link = {};
  return link_of(sk, &link) && bpf_map_lookup_elem(&own_links, &link);
}

/* The ports are handed in because who trusts the socket reads them more cheaply: the own one, as
 * the kernel has it, and the far one, in network order. */
static __always_inline bool is_from_client(const struct sock* sk, __u16 own_port) {
  return is_served(own_port) && !(has_own_links && comes_from_tree(sk));
}

static __always_inline bool is_to_tree(const struct sock* sk, __u16 far_port) {
  return is_served(bpf_ntohs(far_port)) && goes_to_tree(sk);
}

__noinline int count_moved(struct tr_thread* thread, __u64 now) {
  if (!thread) return 0;
  if (in_window(now)) {
    thread->counters[TR_RECEIVED_MESSAGES] += thread->received_messages;
    thread->counters[TR_RECEIVED_BYTES] += thread->received_bytes;
    thread->counters[TR_SENT_MESSAGES] += thread->sent_messages;
    thread->counters[TR_SENT_BYTES] += thread->sent_bytes;
    thread->counters[TR_SERVED_MESSAGES] += thread->served_messages;
    thread->counters[TR_SERVED_BYTES] += thread->served_bytes;
    thread->counters[TR_INTER_SERVER_MESSAGES] += thread->inter_server_messages;
  }
  thread->moved = 0;
  thread->received_messages = thread->sent_messages = 0;
  thread->served_messages = thread->inter_server_messages = 0;
  thread->received_bytes = thread->sent_bytes = thread->served_bytes = 0;
  return 0;
}

static __always_inline void sent(struct tr_thread* thread, bool to_tree, __u64 messages,
                                 __u64 bytes) {
  thread->moved = 1;
  if (to_tree) thread->inter_server_messages += messages;
  thread->sent_messages += messages;
  thread->sent_bytes += bytes;
}

static __always_inline void received(struct tr_thread* thread, bool served, __u64 messages,
                                     __u64 bytes) {
  thread->moved = 1;
  thread->received_messages += messages;
  thread->received_bytes += bytes;
  if (served) {
    thread->served_messages += messages;
    thread->served_bytes += bytes;
  }
}

/* messages.bpf.h */
static __always_inline void message_sent(struct sock* sk, const struct tr_thread* thread,
                                         bool to_tree);
static __always_inline void message_received(struct sock* sk, const struct tr_thread* thread);
/* message_calls.bpf.h */
static __always_inline void message_sent_there(const struct sock* sk,
                                               const struct tr_thread* thread, __u64 entered,
                                               bool to_tree);
/* message_hops.bpf.h */
static __always_inline void hop_received(struct sock* sk, const struct tr_thread* thread);

/* No call's end will count what a thread of io_uring moves. */
static __always_inline void count_moved_by_worker(struct tr_thread* thread) {
  if (unlikely(is_kernel_worker(thread))) count_moved(thread, bpf_ktime_get_ns());
}

static __always_inline void has_sent(struct tr_thread* thread, struct sock* sk, int ret) {
  if (!thread || ret <= 0) return;
  bool to_tree = is_to_tree(sk, sk->__sk_common.skc_dport);
  sent(thread, to_tree, 1, ret);
  if (has_messages) message_sent(sk, thread, to_tree);
  count_moved_by_worker(thread);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_sock_send_length, struct sock* sk, int ret, int flags) {
  if (!hold_cpu(TR_PROGRAM_SOCK_SEND)) return 0;
  has_sent(first_thread(TR_PROGRAM_SOCK_SEND), sk, ret);
  release_cpu();
  return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(again_sock_send_length, struct sock* sk, int ret, int flags) {
  if (was_seen(TR_PROGRAM_SOCK_SEND, ANYWHERE)) return 0;
  has_sent(running_thread(TR_PROGRAM_SOCK_SEND), sk, ret);
  release_cpu();
  return 0;
}

static __always_inline void has_received(struct tr_thread* thread, struct sock* sk, int ret,
                                         int flags) {
  if (!thread || ret <= 0 || flags & MSG_PEEK) return;
  unsigned short family = sk->__sk_common.skc_family;
  bool served =
      (family == AF_INET || family == AF_INET6) && is_from_client(sk, sk->__sk_common.skc_num);
  received(thread, served, 1, ret);
  if (has_messages && served)
    message_received(sk, thread);
  else if (has_messages && has_own_links)
    hop_received(sk, thread);
  count_moved_by_worker(thread);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_sock_recv_length, struct sock* sk, int ret, int flags) {
  if (!hold_cpu(TR_PROGRAM_SOCK_RECV)) return 0;
  has_received(first_thread(TR_PROGRAM_SOCK_RECV), sk, ret, flags);
  release_cpu();
  return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(again_sock_recv_length, struct sock* sk, int ret, int flags) {
  if (was_seen(TR_PROGRAM_SOCK_RECV, ANYWHERE)) return 0;
  has_received(running_thread(TR_PROGRAM_SOCK_RECV), sk, ret, flags);
  release_cpu();
  return 0;
}

const volatile __u8 inspect_descriptors = 0;

/* The file behind a descriptor of a task; 0: none. */
static __always_inline struct file* file_of(struct task_struct* task, __u32 descriptor) {
  struct fdtable* table = task->files->fdt;
  struct file* file = 0;
  if (descriptor < table->max_fds)
    bpf_probe_read_kernel(&file, sizeof(file), table->fd + descriptor);
  return file;
}

/* The socket that a file is; 0: another kind of file, or none. */
static __always_inline struct sock* socket_of(struct file* file) {
  if (!file) return 0;
  struct inode* inode = BPF_CORE_READ(file, f_inode);
  if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK) return 0;
  struct socket* socket = BPF_CORE_READ(file, private_data);
  return BPF_CORE_READ(socket, sk);
}

/* `entered`: when the call was, or the request submitted; 0: not known. */
static __always_inline void moved(struct tr_thread* thread, const struct sock* sk, bool sends,
                                  __u64 messages, __u64 bytes, __u64 entered) {
  if (sends) {
    bool to_tree = is_to_tree(sk, BPF_CORE_READ(sk, __sk_common.skc_dport));
    sent(thread, to_tree, messages, bytes);
    if (has_messages) message_sent_there(sk, thread, entered, to_tree);
  } else {
    received(thread, is_from_client(sk, BPF_CORE_READ(sk, __sk_common.skc_num)), messages, bytes);
  }
}

static __always_inline bool may_receive(__u32 call) {
  return call == NR_RECVFROM || call == NR_RECVMSG || call == NR_READ || call == NR_READV ||
         call == NR_RECVMMSG;
}

static __always_inline bool may_peek(__u32 call) {
  return call == NR_RECVFROM || call == NR_RECVMSG || call == NR_RECVMMSG;
}

static __always_inline bool may_send(__u32 call) {
  return call == NR_SENDTO || call == NR_SENDMSG || call == NR_WRITE || call == NR_WRITEV ||
         call == NR_SENDMMSG || call == NR_SENDFILE;
}

/* A call has returned `ret` > 0: did it move data through a socket? sendmmsg and recvmmsg return
 * messages, so their bytes stay unknown. */
__noinline int look_for_socket(struct tr_thread* thread, __u64 descriptor, __u32 flags, __u32 call,
                               long ret) {
  if (!thread) return 0;
  bool sends = may_send(call);
  bool receives = may_receive(call);
  if (!sends && !receives) return 0;
  if (may_peek(call) && flags & MSG_PEEK) return 0;
  struct sock* sk = socket_of(file_of(bpf_get_current_task_btf(), (__u32)descriptor));
  if (!sk) return 0;
  bool many = call == NR_SENDMMSG || call == NR_RECVMMSG;
  moved(thread, sk, sends, many ? ret : 1, many ? 0 : ret, thread->call_since_ns);
  return 0;
}
