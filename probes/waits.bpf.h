/* What does a thread wait for, and who ends the wait? */

/* The calls whose first argument is the descriptor that they block on; a bit each, set by user
 * space. */
const volatile __u64 calls_with_descriptor[TR_CALL_OTHER / 64 + 1] = {};

static __always_inline enum tr_object kind_of_socket(struct file* file) {
  unsigned short family;
  unsigned char state;
  __u16 port;
  if (can_cast) {
    struct sock* sk = CAST(socket, CAST(file, file)->private_data)->sk;
    family = sk->__sk_common.skc_family;
    state = sk->__sk_common.skc_state;
    port = sk->__sk_common.skc_num;
  } else {
    struct socket* socket = BPF_CORE_READ(file, private_data);
    struct sock* sk = BPF_CORE_READ(socket, sk);
    family = BPF_CORE_READ(sk, __sk_common.skc_family);
    state = BPF_CORE_READ(sk, __sk_common.skc_state);
    port = BPF_CORE_READ(sk, __sk_common.skc_num);
  }
  if (family != AF_INET && family != AF_INET6) return TR_ON_SOCKET;
  if (state == TCP_LISTEN) return TR_ON_LISTENER;
  return is_served(port) ? TR_ON_CLIENT : TR_ON_SOCKET;
}

/* Files without a name of their own say in brackets what they are. */
static __always_inline enum tr_object kind_of_anonymous(struct file* file) {
  const unsigned char* at = BPF_CORE_READ(file, f_path.dentry, d_name.name);
  char name[8] = {};
  bpf_probe_read_kernel_str(name, sizeof(name), at);
  if (name[1] == 'e') return name[6] == 'p' ? TR_ON_EPOLL : TR_ON_EVENTFD;
  if (name[1] == 't') return TR_ON_TIMERFD;
  if (name[1] == 's') return TR_ON_SIGNALFD;
  return name[1] == 'i' && name[2] == 'o' ? TR_ON_IO_URING : TR_ON_OTHER;
}

static __noinline int kind_of_file(struct file* file) {
  if (!file) return TR_ON_OTHER;
  unsigned short mode =
      can_cast ? CAST(file, file)->f_inode->i_mode : BPF_CORE_READ(file, f_inode, i_mode);
  switch (mode & S_IFMT) {
    case S_IFSOCK:
      return kind_of_socket(file);
    case S_IFIFO:
      return TR_ON_PIPE;
    case S_IFCHR:
      return TR_ON_DEVICE;
    case S_IFDIR:
    case S_IFBLK:
      return TR_ON_FILE;
  }
  if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) == ANON_INODE_FS_MAGIC)
    return kind_of_anonymous(file);
  return TR_ON_FILE;
}

/* What a thread of io_uring waits at: the ring, for something to do, or what it does. A worker has
 * its work in hand while it does it; the thread that submits has no such thing, but sleeps
 * otherwise when it waits for a lock. */
static __noinline int worker_waits_at(struct task_struct* task) {
  if (!task || task_state(task) != TASK_INTERRUPTIBLE) return TR_ON_NOTHING;
  struct io_worker* worker =
      bpf_core_field_exists(task->worker_private)
          ? task->worker_private
          : BPF_CORE_READ((struct task_struct___before_5_17*)task, pf_io_worker);
  return worker && BPF_CORE_READ(worker, cur_work) ? TR_ON_NOTHING : TR_ON_IO_URING;
}

/* What a thread that sleeps, or is about to, waits at. */
static __always_inline enum tr_object blocking_object(const struct tr_thread* thread,
                                                      struct task_struct* task) {
  if (!is_among(calls_with_descriptor, thread->call))
    return unlikely(is_kernel_worker(thread)) ? worker_waits_at(task) : TR_ON_NOTHING;
  return kind_of_file(file_of(task, (__u32)thread->argument));
}

static __always_inline bool is_user_program(const struct tr_cpu* cpu) {
  return cpu->owner == TR_OWNER_TREE || cpu->owner == TR_OWNER_LOAD || cpu->owner == TR_OWNER_OTHER;
}

/* Whether the softirq that this CPU serves delivers what the running program itself sends. */
static __always_inline bool is_delivering(const struct tr_cpu* cpu) {
  return cpu->context.softirq == NET_RX_SOFTIRQ + 1 && !cpu->context.after_interrupt &&
         is_user_program(cpu);
}

static __always_inline enum tr_waker waker_here(const struct tr_cpu* cpu) {
  const struct tr_context* context = &cpu->context;
  if (context->interrupts) return context->by_timer ? TR_WOKEN_BY_TIMER : TR_WOKEN_BY_INTERRUPT;
  if (context->softirq && !is_delivering(cpu)) {
    __u32 vector = context->softirq - 1;
    if (vector == NET_RX_SOFTIRQ) return TR_WOKEN_BY_NETWORK;
    return vector == TIMER_SOFTIRQ || vector == HRTIMER_SOFTIRQ ? TR_WOKEN_BY_TIMER
                                                                : TR_WOKEN_BY_INTERRUPT;
  }
  switch (cpu->owner) {
    case TR_OWNER_TREE:
      return TR_WOKEN_BY_TREE;
    case TR_OWNER_LOAD:
      return TR_WOKEN_BY_LOAD;
    case TR_OWNER_KERNEL:
      return TR_WOKEN_BY_KERNEL;
    case TR_OWNER_IDLE: /* in an interrupt of a kind that is not shown */
      return TR_WOKEN_BY_INTERRUPT;
    case TR_OWNER_OTHER:
      return TR_WOKEN_BY_OTHER;
  }
  return TR_WOKEN_BY_UNKNOWN;
}

/* On the waker's CPU; the thread may still be on its own, on its way out. So this only takes notes,
 * for its wake-up, which comes when it has left. */
SEC("tp_btf/sched_waking")
int BPF_PROG(on_sched_waking, struct task_struct* task) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  struct tr_thread* thread = record(slot_of(task));
  count_run(cpu, TR_PROGRAM_SCHED_WAKING, thread);
  if (!thread) return 0;
  thread->waker = waker_here(cpu);
  thread->waking_ns = bpf_ktime_get_ns();
  if (has_locks && thread->waker == TR_WOKEN_BY_TREE)
    lock_waking(cpu->slot, thread->slot, thread->waking_ns);
  if (has_messages) note_waker(thread, cpu);
  if (has_waits) note_cause(thread, cpu);
  return 0;
}
