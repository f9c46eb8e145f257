/* Which threads are traced, from when to when, and what must user space know at once?
 *
 * The first task is adopted before it executes anything; from then on every new task inherits
 * membership at task_newtask, which unlike sched_process_fork is also passed by the threads that
 * io_uring makes. */

/* Processes whose threads the iterator takes in. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1 << 15);
  __type(key, __u32);
  __type(value, __u8);
} adopted SEC(".maps");

/* Records of exited threads, oldest first, to be used again when no fresh ones are left. User space
 * gives it the size of `records`. */
struct {
  __uint(type, BPF_MAP_TYPE_QUEUE);
  __uint(max_entries, 1);
  __type(value, __u32);
} exited SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 16);
} news SEC(".maps");

/* The process whose exec opens the window; 0: none does. */
volatile __u32 window_opens_at_exec_of = 0;
/* Whether the window closes when the last thread is gone. */
volatile __u8 window_closes_with_tree = 0;
__u32 living = 0;
__u32 records_asked_for = 0; /* records 1 to this have been used, up to the size of the array */
__u32 threads_adopted = 0;
struct tr_folded folded = {};
/* Set before user space reads the records: from then on no new threads are taken in. */
volatile __u8 closed = 0;

const volatile __u32 record_slots = 2; /* max_entries of `records` */

static __always_inline void tell(enum tr_news_kind kind, __u32 tgid, __u64 now,
                                 const struct sock* sk) {
  struct tr_news* item = bpf_ringbuf_reserve(&news, sizeof(*item), 0);
  if (!item) return; /* full of unread news of the same kinds: user space will look anyway */
  __builtin_memset(item, 0, sizeof(*item));
  item->kind = kind;
  item->tgid = tgid;
  item->at_ns = now;
  if (sk) {
    item->port = sk->__sk_common.skc_num;
    item->family = sk->__sk_common.skc_family;
    if (item->family == AF_INET) {
      __u32 address = sk->__sk_common.skc_rcv_saddr;
      __builtin_memcpy(item->address, &address, sizeof(address));
    } else if (item->family == AF_INET6) {
      bpf_core_read(item->address, sizeof(item->address),
                    &sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
    }
  }
  bpf_ringbuf_submit(item, 0);
}

/* The thread's process has mapped code that user space may not know of. */
__noinline int tell_mapped(struct tr_thread* thread) {
  struct tr_stack_note* note = thread ? stack_note(thread->slot) : 0;
  if (!note || !note->process) return 0;
  struct tr_news* item = bpf_ringbuf_reserve(&news, sizeof(*item), 0);
  if (!item) return 0; /* it is learnt at the window's edges, too */
  __builtin_memset(item, 0, sizeof(*item));
  item->kind = TR_NEWS_MAPPED;
  item->tgid = note->process;
  item->image = note->image;
  bpf_ringbuf_submit(item, 0);
  return 0;
}

/* Adds an exited thread to the sums over all whose records are used again, and empties its
 * tables. */
__noinline int fold(struct tr_thread* thread) {
  if (!thread) return 0;
  __sync_fetch_and_add(&folded.threads, 1);
  __sync_fetch_and_add(&folded.life_ns, inside_window(thread->born_ns, thread->died_ns));
  for (int i = 0; i < TR_STATES; i++)
    __sync_fetch_and_add(&folded.state_ns[i], thread->state_ns[i]);
  for (int i = 0; i < TR_COUNTERS; i++)
    __sync_fetch_and_add(&folded.counters[i], thread->counters[i]);
  for (int i = 0; i < TR_CALL_SLOTS; i++) {
    __u32 call = thread->calls[i].call;
    if (!call) continue;
    call--;
    spill(0, TR_CELL_KEY(TR_CELL_CALLS, call, 0), thread->calls[i].calls);
    spill(0, TR_CELL_KEY(TR_CELL_ERRORS, call, 0), thread->calls[i].errors);
    spill(0, TR_CELL_KEY(TR_CELL_TOTAL_NS, call, 0), thread->calls[i].total_ns);
    spill(0, TR_CELL_KEY(TR_CELL_CPU_NS, call, 0), thread->calls[i].cpu_ns);
    spill(0, TR_CELL_KEY(TR_CELL_RETURNED, call, 0), thread->calls[i].returned);
    spill(0, TR_CELL_KEY(TR_CELL_EMPTY, call, 0), thread->calls[i].empty);
    spill(0, TR_CELL_KEY(TR_CELL_IN_VAIN, call, 0), thread->calls[i].in_vain);
    __builtin_memset(&thread->calls[i], 0, sizeof(thread->calls[i]));
  }
  for (int i = 0; i < TR_WAIT_SLOTS; i++) {
    __u32 key = thread->waits[i].key;
    if (!key) continue;
    key--;
    spill(0, TR_CELL_KEY(TR_CELL_WAITS, key >> 8, key & 0xff), thread->waits[i].count);
    spill(0, TR_CELL_KEY(TR_CELL_WAIT_NS, key >> 8, key & 0xff), thread->waits[i].ns);
    __builtin_memset(&thread->waits[i], 0, sizeof(thread->waits[i]));
  }
  for (int i = 0; i < TR_CELL_SLOTS; i++) {
    __u64 cell = thread->cells[i];
    if (cell) spill(0, (__u32)(cell >> 32), (__u32)cell);
    thread->cells[i] = 0;
  }
  return 0;
}

/* What a thread of io_uring is, by the name that it gives itself when it begins. */
static __always_inline __u32 kind_of_worker(const char* comm) {
  /* "iou-sqp-PID", "iou-wrk-PID": io_uring/sqpoll.c, io-wq.c */
  return comm[0] == 'i' && comm[3] == '-' && comm[4] == 's' ? TR_CALL_SQPOLL : TR_CALL_IO_WORKER;
}

/* A record for a new thread: a fresh one, or that of the thread which exited first; 0: none. */
static __always_inline __u32 take_record(void) {
  __u32 slot = __sync_fetch_and_add(&records_asked_for, 1) + 1;
  if (slot < record_slots) return slot;
  if (bpf_map_pop_elem(&exited, &slot)) return 0;
  struct tr_thread* thread = record(slot);
  if (!thread) return 0;
  fold(thread);
  __builtin_memset(thread, 0, __builtin_offsetof(struct tr_thread, calls));
  return slot;
}

static __always_inline struct tr_thread* adopt(struct task_struct* task) {
  if (closed) return 0;
  __u32* member = bpf_task_storage_get(&members, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!member) {
    __sync_fetch_and_add(&lost[TR_LOST_NO_STORAGE], 1);
    return 0;
  }
  *member = take_record();
  struct tr_thread* thread = record(*member);
  if (!thread) {
    __sync_fetch_and_add(&lost[TR_LOST_NO_RECORD], 1);
    return 0;
  }
  __sync_fetch_and_add(&living, 1);
  thread->slot = *member;
  if (has_locks) lock_reset(thread->slot);
  thread->serial = __sync_fetch_and_add(&threads_adopted, 1) + 1;
  thread->call = TR_NO_CALL;
  thread->restarted_call = TR_NO_CALL;
  thread->seen = MAY_BE_INSIDE;
  if (unlikely(task->flags & PF_IO_WORKER)) thread->call = kind_of_worker(task->comm);
  thread->tid = task->pid;
  thread->tgid = task->tgid;
  if (has_waits) begin_wait_notes(thread);
  bpf_probe_read_kernel(thread->comm, sizeof(thread->comm), &task->comm);
  return thread;
}

/* The thread has left its CPU for the last time. */
__noinline int thread_gone(struct tr_thread* thread, __u64 now) {
  if (!thread) return 0;
  enter_state(thread, TR_STATE_DEAD, now);
  thread->died_ns = now;
  if (preemptible) drop_marks(thread);
  /* exit and exit_group never return; a killed thread leaves its call open. */
  if (thread->call != TR_NO_CALL)
    close_call(thread, thread->call, thread->call_since_ns, thread->call_cpu_ns, NO_RESULT, now);
  if (thread->restarted_call != TR_NO_CALL)
    close_call(thread, thread->restarted_call, thread->restarted_since_ns, thread->restarted_cpu_ns,
               NO_RESULT, now);
  if (__sync_fetch_and_sub(&living, 1) == 1 && window_closes_with_tree && now < window_close_ns)
    window_close_ns = now;
  __u32 slot = thread->slot;
  bpf_map_push_elem(&exited, &slot, BPF_ANY);
  return 0;
}

/* The running thread has made a new one. */
static __always_inline void inherit(struct task_struct* child) {
  struct task_struct* parent = bpf_get_current_task_btf();
  __u32 member = member_of(parent);
  if (member == TR_LOAD_MEMBER) {
    __u32* of_child = bpf_task_storage_get(&members, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (of_child) *of_child = TR_LOAD_MEMBER;
  } else if (member) {
    struct tr_thread* thread = adopt(child);
    if (has_stacks && thread) begin_note(thread, member, parent->tgid);
  }
}

SEC("tp_btf/task_newtask")
int BPF_PROG(on_task_newtask, struct task_struct* child, unsigned long clone_flags) {
  if (!hold_cpu(ON_NEWTASK)) return 0;
  inherit(child);
  release_cpu();
  return 0;
}

/* In place of a second program there: before its first wake-up a new thread does nothing. */
static __always_inline void inherit_late(struct task_struct* child) {
  if (preemptible && !bpf_task_storage_get(&members, child, 0, 0)) inherit(child);
}

static __always_inline void has_executed(struct task_struct* task, bool first) {
  struct tr_thread* thread = record(slot_of(task));
  if (!thread) return;
  if (preemptible && first) thread->seen |= 1u << ON_EXEC;
  /* A thread that is not the leader takes over the leader's id. */
  thread->tid = task->pid;
  if (has_stacks) {
    begin_image(thread);
    tell_mapped(thread);
  }
  if ((__u32)task->tgid == window_opens_at_exec_of) {
    __u64 now = bpf_ktime_get_ns();
    window_opens_at_exec_of = 0;
    window_open_ns = now;
    tell(TR_NEWS_EXEC, task->tgid, now, 0);
  }
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_sched_process_exec, struct task_struct* task, int old_pid) {
  if (!hold_cpu(ON_EXEC)) return 0;
  has_executed(task, true);
  release_cpu();
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(again_sched_process_exec, struct task_struct* task, int old_pid) {
  if (was_seen(ON_EXEC, ANYWHERE)) return 0;
  has_executed(task, false);
  release_cpu();
  return 0;
}

/* A thread's name is the last it had. */
static __always_inline void is_renamed(struct task_struct* task, const char* comm) {
  struct tr_thread* thread = record(slot_of(task));
  if (!thread) return;
  bpf_probe_read_kernel_str(thread->comm, sizeof(thread->comm), comm);
  if (is_kernel_worker(thread)) thread->call = kind_of_worker(thread->comm);
}

SEC("tp_btf/task_rename")
int BPF_PROG(on_task_rename, struct task_struct* task, const char* comm) {
  if (!hold_cpu(ON_RENAME)) return 0;
  is_renamed(task, comm);
  release_cpu();
  return 0;
}

/* Once or twice, that is the same. */
SEC("tp_btf/task_rename")
int BPF_PROG(again_task_rename, struct task_struct* task, const char* comm) {
  is_renamed(task, comm);
  return 0;
}

static __always_inline void state_is_set(const struct sock* sk, int new_state) {
  /* A thread of the tree calls a server: known before anything is sent. */
  if (has_messages && new_state == TCP_SYN_SENT && !has_own_links &&
      is_served(bpf_ntohs(sk->__sk_common.skc_dport)) && slot_of(bpf_get_current_task_btf()))
    has_own_links = 1;
  if (new_state != TCP_LISTEN) return;
  struct task_struct* task = bpf_get_current_task_btf();
  if (slot_of(task)) tell(TR_NEWS_LISTEN, task->tgid, bpf_ktime_get_ns(), sk);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_inet_sock_set_state, const struct sock* sk, int old_state, int new_state) {
  if (!hold_cpu(ON_SET_STATE)) return 0;
  state_is_set(sk, new_state);
  release_cpu();
  return 0;
}

/* News may come twice. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(again_inet_sock_set_state, const struct sock* sk, int old_state, int new_state) {
  state_is_set(sk, new_state);
  return 0;
}

/* Takes the threads of the `adopted` processes in, as they stand. */
SEC("iter/task")
int adopt_threads(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  if (!task) return 0;
  __u32 tgid = task->tgid;
  if (!bpf_map_lookup_elem(&adopted, &tgid) || member_of(task)) return 0;
  if (task_state(task) & TASK_DEAD) return 0;
  struct tr_thread* thread = adopt(task);
  if (!thread) return 0;
  if (has_stacks) begin_note(thread, 0, 0);
  __sync_fetch_and_add(&adoptions, 1);
  unsigned int state = task_state(task);
  __u64 now = bpf_ktime_get_ns();
  thread->born_ns = now;
  thread->since_ns = now;
  if (state) {
    struct pt_regs* regs = (struct pt_regs*)bpf_task_pt_regs(task);
    long id = regs ? call_under_way(regs) : -1;
    thread->state = TR_STATE_BLOCKED;
    thread->seen = 0;
    if (!is_kernel_worker(thread) && id >= 0) {
      thread->call = call_number(id, false);
      thread->argument = first_argument_of(regs);
      if (has_locks) lock_adopted(thread, task, regs, now);
    }
    if (has_budget) thread->object = blocking_object(thread, task);
    if (has_waits) note_place(thread, task);
    thread->call_since_ns = now;
  } else if (bpf_core_field_exists(task->on_cpu) && task->on_cpu) {
    thread->state = running_state(thread); /* or in a call: its next event tells */
  } else {
    thread->state = TR_STATE_PREEMPTED;
  }
  return 0;
}
