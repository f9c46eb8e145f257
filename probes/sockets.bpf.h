/* How many messages and bytes go through the tree's sockets, whatever call carries them?
 *
 * Two ways to see them: the tracepoints in sock_sendmsg() and sock_recvmsg(), since 6.3; else the
 * descriptor of each call that may move socket data, looked at when it returns. What is seen is put
 * aside in the record and counted when the call ends, with that moment's timestamp. */

volatile __u16 served_port = 0;

static __always_inline bool is_served(const struct sock* sk) {
  unsigned short family = sk->__sk_common.skc_family;
  return sk->__sk_common.skc_num == served_port && (family == AF_INET || family == AF_INET6);
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
  }
  thread->moved = 0;
  thread->received_messages = thread->sent_messages = thread->served_messages = 0;
  thread->received_bytes = thread->sent_bytes = thread->served_bytes = 0;
  return 0;
}

static __always_inline void sent(struct tr_thread* thread, __u64 messages, __u64 bytes) {
  thread->moved = 1;
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

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_sock_send_length, struct sock* sk, int ret, int flags) {
  struct tr_thread* thread = running_thread(TR_PROGRAM_SOCK_SEND);
  if (thread && ret > 0) sent(thread, 1, ret);
  return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_sock_recv_length, struct sock* sk, int ret, int flags) {
  struct tr_thread* thread = running_thread(TR_PROGRAM_SOCK_RECV);
  if (thread && ret > 0 && !(flags & MSG_PEEK)) received(thread, is_served(sk), 1, ret);
  return 0;
}

const volatile __u8 inspect_descriptors = 0;

/* The socket behind a descriptor of the current task; 0: another kind of file, or none. */
static __always_inline struct sock* socket_of(__u32 descriptor) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct fdtable* table = task->files->fdt;
  struct file* file = 0;
  if (descriptor >= table->max_fds) return 0;
  bpf_probe_read_kernel(&file, sizeof(file), table->fd + descriptor);
  if (!file) return 0;
  struct inode* inode = BPF_CORE_READ(file, f_inode);
  if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK) return 0;
  struct socket* socket = BPF_CORE_READ(file, private_data);
  return BPF_CORE_READ(socket, sk);
}

/* A call has returned `ret` > 0: did it move data through a socket? sendmmsg and recvmmsg return
 * messages, so their bytes stay unknown. */
__noinline int look_for_socket(struct tr_thread* thread, __u64 descriptor, __u32 flags, __u32 call,
                               long ret) {
  if (!thread) return 0;
  bool sends = call == NR_SENDTO || call == NR_SENDMSG || call == NR_WRITE || call == NR_WRITEV ||
               call == NR_SENDMMSG || call == NR_SENDFILE;
  bool receives = call == NR_RECVFROM || call == NR_RECVMSG || call == NR_READ ||
                  call == NR_READV || call == NR_RECVMMSG;
  if (!sends && !receives) return 0;
  if ((call == NR_RECVFROM || call == NR_RECVMSG) && flags & MSG_PEEK) return 0;
  struct sock* sk = socket_of((__u32)descriptor);
  if (!sk) return 0;
  bool many = call == NR_SENDMMSG || call == NR_RECVMMSG;
  __u64 messages = many ? ret : 1, bytes = many ? 0 : ret;
  if (sends)
    sent(thread, messages, bytes);
  else
    received(thread, BPF_CORE_READ(sk, __sk_common.skc_num) == served_port, messages, bytes);
  return 0;
}
