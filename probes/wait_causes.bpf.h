/* Which object exactly does a thread wait for, and who exactly ends the wait? How long do such
 * waits take, and how long is then the way to a CPU? How many threads does a connection wake?
 *
 * With --waits alone. A wait's cause is looked up when it has ended, at its wake-up. Most waits of
 * a thread have the same cause as its last one, which is therefore kept beside the thread: one
 * comparison then takes the place of hashing. */

/* As `records`: by the number of a thread's record. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_wait_note);
} wait_notes SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, TR_CAUSES);
  __type(key, struct tr_cause_key);
  __type(value, __u32);
} cause_numbers SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, TR_CAUSES);
  __type(key, __u32);
  __type(value, struct tr_cause);
} causes SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1 << 14);
  __type(key, struct tr_wake_pair_key);
  __type(value, struct tr_wake_pair);
} wake_pairs SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, __u32); /* port */
  __type(value, struct tr_arrivals);
} arrivals SEC(".maps");

__u32 causes_asked_for = 0;   /* rows 1 to this have been used, up to the size of the array */
__u64 wake_pairs_unnamed = 0; /* found no room in `wake_pairs` */
__u64 arrivals_uncounted = 0; /* at ports that found no room in `arrivals` */

/* Bits as in calls_with_descriptor. */
const volatile __u64 calls_with_instance[TR_CALL_OTHER / 64 + 1] = {}; /* epoll, io_uring */
const volatile __u64 calls_with_futex[TR_CALL_OTHER / 64 + 1] = {};
const volatile __u64 calls_with_count_first[TR_CALL_OTHER / 64 + 1] = {};
const volatile __u64 calls_with_count_second[TR_CALL_OTHER / 64 + 1] = {};
const volatile __u64 calls_for_connections[TR_CALL_OTHER / 64 + 1] = {};

/* From which ports the kernel takes one for a socket that asks for none: too many to be told apart,
 * and of no meaning. */
const volatile __u16 short_lived_first = 0xffff;
const volatile __u16 short_lived_last = 0;

static __always_inline struct tr_wait_note* wait_note_of(const struct tr_thread* thread) {
  __u32 slot = thread->slot;
  return bpf_map_lookup_elem(&wait_notes, &slot);
}

__noinline int begin_wait_notes(struct tr_thread* thread) {
  if (!has_waits || !thread) return 0;
  struct tr_wait_note* sleep = wait_note_of(thread);
  if (!sleep) return 0;
  __builtin_memset(sleep, 0, sizeof(*sleep));
  sleep->running_up = TR_CAUSE_NONE;
  sleep->last_cause = TR_CAUSE_NONE;
  return 0;
}

static __always_inline bool is_short_lived(__u16 port) {
  return port >= short_lived_first && port <= short_lived_last && !is_served(port);
}

static __always_inline void place_of_inode(struct file* file, struct tr_place* place) {
  place->kind = TR_PLACE_INODE;
  place->which = can_cast ? CAST(file, file)->f_inode->i_ino : BPF_CORE_READ(file, f_inode, i_ino);
}

/* An IP socket is told by the ports that name a service; where neither does, by both. */
static __always_inline void place_of_socket(struct file* file, struct tr_place* place) {
  unsigned short family;
  __u16 own, far;
  if (can_cast) {
    struct sock* sk = CAST(socket, CAST(file, file)->private_data)->sk;
    family = sk->__sk_common.skc_family;
    own = sk->__sk_common.skc_num;
    far = bpf_ntohs(sk->__sk_common.skc_dport);
  } else {
    struct socket* socket = BPF_CORE_READ(file, private_data);
    struct sock* sk = BPF_CORE_READ(socket, sk);
    family = BPF_CORE_READ(sk, __sk_common.skc_family);
    own = BPF_CORE_READ(sk, __sk_common.skc_num);
    far = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
  }
  if (family != AF_INET && family != AF_INET6) {
    place_of_inode(file, place);
    return;
  }
  bool own_counts = own && !is_short_lived(own), far_counts = far && !is_short_lived(far);
  if (own_counts && !far_counts) far = 0;
  if (far_counts && !own_counts) own = 0;
  place->kind = TR_PLACE_PORTS;
  place->which = (__u64)own << 16 | far;
}

static __always_inline void place_of_file(struct tr_thread* thread, struct task_struct* task,
                                          struct tr_place* place) {
  struct file* file = file_of(task, (__u32)thread->argument);
  if (!file) return;
  switch (thread->object) {
    case TR_ON_CLIENT:
    case TR_ON_LISTENER:
    case TR_ON_SOCKET:
      place_of_socket(file, place);
      return;
    case TR_ON_PIPE:
    case TR_ON_FILE:
    case TR_ON_DEVICE:
      place_of_inode(file, place);
      return;
  }
  /* Those that are no files of a file system share one inode. */
  place->kind = TR_PLACE_DESCRIPTOR;
  place->tgid = thread->tgid;
  place->which = (__u32)thread->argument;
}

static __noinline int place_of(struct tr_thread* thread, struct task_struct* task,
                               struct tr_place* place) {
  __u32 call = thread->call;
  if (thread->object != TR_ON_NOTHING) {
    place_of_file(thread, task, place);
  } else if (is_among(calls_with_futex, call)) {
    place->kind = TR_PLACE_ADDRESS;
    place->tgid = thread->tgid;
    place->which = thread->argument;
  } else if (is_among(calls_with_instance, call)) {
    place->kind = TR_PLACE_DESCRIPTOR;
    place->tgid = thread->tgid;
    place->which = (__u32)thread->argument;
  } else if (is_among(calls_with_count_first, call)) {
    place->kind = TR_PLACE_COUNT;
    place->which = (__u32)thread->argument;
  } else if (is_among(calls_with_count_second, call)) {
    struct pt_regs* regs = (struct pt_regs*)bpf_task_pt_regs(task);
    place->kind = TR_PLACE_COUNT;
    place->which = (__u32)second_argument_of(regs);
  }
  return 0;
}

/* Where a thread that sleeps, or is about to, does so; when its record says on what. */
static __always_inline void note_place(struct tr_thread* thread, struct task_struct* task) {
  struct tr_wait_note* sleep = wait_note_of(thread);
  if (!sleep) return;
  struct tr_place place = {};
  place_of(thread, task, &place);
  sleep->place = place;
}

/* A connection has arrived at a listener, and this wake-up is part of it. */
static __always_inline void count_arrival(struct tr_cpu* cpu) {
  __u32 port = cpu->arrival_port;
  struct tr_arrivals* at = bpf_map_lookup_elem(&arrivals, &port);
  if (!at) return;
  __u16 woken = ++cpu->arrival_woken;
  __sync_fetch_and_add(&at->woken, 1);
  if (woken == 2) __sync_fetch_and_add(&at->herds, 1);
  if (woken >= 2) __sync_fetch_and_add(&at->too_many, 1);
}

/* Whether a waker of this kind is one thread, and not the load. */
static __always_inline bool is_named(__u32 waker) {
  return waker == TR_WOKEN_BY_TREE || waker == TR_WOKEN_BY_OTHER || waker == TR_WOKEN_BY_KERNEL;
}

/* On the waker's CPU, as on_sched_waking. */
static __always_inline void note_cause(struct tr_thread* thread, struct tr_cpu* cpu) {
  struct tr_wait_note* sleep = wait_note_of(thread);
  if (!sleep) return;
  if (is_named(thread->waker)) {
    sleep->waker_tid = (__u32)bpf_get_current_pid_tgid();
    bpf_get_current_comm(sleep->waker, sizeof(sleep->waker));
  }
  if (unlikely(cpu->arrival_port) && is_among(calls_for_connections, thread->call))
    count_arrival(cpu);
}

/* A listener is readable: a connection has arrived. Whom this wakes is woken before the CPU does
 * anything else of which the probes hear. */
static __always_inline void connection_arrives(const struct sock* sk, struct tr_cpu* cpu) {
  cpu->arrival_port = 0;
  if (likely(sk->__sk_common.skc_state != TCP_LISTEN)) return;
  unsigned short family = sk->__sk_common.skc_family;
  if ((family != AF_INET && family != AF_INET6) || !in_window(bpf_ktime_get_ns())) return;
  __u32 port = sk->__sk_common.skc_num;
  struct tr_arrivals* at = bpf_map_lookup_elem(&arrivals, &port);
  if (!at) {
    struct tr_arrivals none = {};
    bpf_map_update_elem(&arrivals, &port, &none, BPF_NOEXIST);
    at = bpf_map_lookup_elem(&arrivals, &port);
  }
  if (!at) {
    __sync_fetch_and_add(&arrivals_uncounted, 1);
    return;
  }
  __sync_fetch_and_add(&at->connections, 1);
  cpu->arrival_port = port;
  cpu->arrival_woken = 0;
}

/* Two CPUs may each raise it: the larger one stays. */
static __always_inline void raise_max(__u64* max, __u64 value) {
  __u64 there = *max;
  for (int attempt = 0; attempt < 8 && value > there; attempt++) {
    __u64 found = __sync_val_compare_and_swap(max, there, value);
    if (found == there) return;
    there = found;
  }
}

static __always_inline void add_duration(struct tr_durations* durations, __u64 ns) {
  __u32 bucket = tr_bucket(ns);
  if (bucket >= TR_WAIT_BUCKETS) bucket = TR_WAIT_BUCKETS - 1;
  __sync_fetch_and_add(&durations->count, 1);
  __sync_fetch_and_add(&durations->ns, ns);
  __sync_fetch_and_add(&durations->buckets[bucket], 1);
  raise_max(&durations->max_ns, ns);
}

static __always_inline bool is_same(const struct tr_cause_key* a, const struct tr_cause_key* b) {
  const __u64* left = (const __u64*)a;
  const __u64* right = (const __u64*)b;
  return left[0] == right[0] && left[1] == right[1] && left[2] == right[2] && left[3] == right[3] &&
         left[4] == right[4];
}

/* The number of a cause, its row in `causes`; a new one for a new cause. */
static __noinline __u32 number_of(const struct tr_cause_key* key) {
  __u32* there = bpf_map_lookup_elem(&cause_numbers, key);
  if (there) return *there;
  /* Two CPUs may meet a new cause at once: the later one's row then stays empty. */
  if (causes_asked_for >= TR_CAUSES) return TR_CAUSE_OTHERS;
  __u32 number = __sync_fetch_and_add(&causes_asked_for, 1) + 1;
  if (number >= TR_CAUSES) return TR_CAUSE_OTHERS;
  bpf_map_update_elem(&cause_numbers, key, &number, BPF_NOEXIST);
  there = bpf_map_lookup_elem(&cause_numbers, key);
  return there ? *there : TR_CAUSE_OTHERS;
}

static __noinline int count_handoff(struct tr_thread* thread, struct tr_wait_note* sleep) {
  struct tr_wake_pair_key key = {.waker_tid = sleep->waker_tid, .sleeper_tid = thread->tid};
  struct tr_wake_pair* handoff = bpf_map_lookup_elem(&wake_pairs, &key);
  if (!handoff) {
    struct tr_wake_pair fresh = {};
    __builtin_memcpy(fresh.waker, sleep->waker, sizeof(fresh.waker));
    __builtin_memcpy(fresh.sleeper, thread->comm, sizeof(fresh.sleeper));
    bpf_map_update_elem(&wake_pairs, &key, &fresh, BPF_NOEXIST);
    handoff = bpf_map_lookup_elem(&wake_pairs, &key);
  }
  __sync_fetch_and_add(handoff ? &handoff->count : &wake_pairs_unnamed, 1);
  return 0;
}

/* Adds a wait to those with exactly the same cause. */
__noinline int add_cause(struct tr_thread* thread, __u32 wait, __u64 ns) {
  if (!has_waits || !thread) return 0;
  struct tr_wait_note* sleep = wait_note_of(thread);
  if (!sleep) return 0;
  struct tr_cause_key key = {.wait = wait, .place = sleep->place};
  bool named = is_named(thread->waker);
  if (named) __builtin_memcpy(key.waker, sleep->waker, sizeof(key.waker));
  if (sleep->last_cause == TR_CAUSE_NONE || !is_same(&key, &sleep->last)) {
    sleep->last_cause = number_of(&key);
    sleep->last = key;
  }
  __u32 number = sleep->last_cause;
  struct tr_cause* cause = bpf_map_lookup_elem(&causes, &number);
  if (!cause) return 0;
  add_duration(&cause->waits, ns);
  if (named && cause->waker_tid != sleep->waker_tid)
    cause->waker_tid = cause->waker_tid ? TR_SEVERAL : sleep->waker_tid;
  if (thread->waker == TR_WOKEN_BY_TREE) count_handoff(thread, sleep);
  sleep->running_up = number;
  return 0;
}

/* The thread runs, and was on its way to a CPU since its wake-up. */
__noinline int add_run_up(struct tr_thread* thread, __u64 now) {
  if (!has_waits || !thread) return 0;
  struct tr_wait_note* sleep = wait_note_of(thread);
  if (!sleep) return 0;
  __u32 number = sleep->running_up;
  sleep->running_up = TR_CAUSE_NONE;
  if (number == TR_CAUSE_NONE || now <= window_open_ns || thread->since_ns >= window_close_ns)
    return 0;
  struct tr_cause* cause = bpf_map_lookup_elem(&causes, &number);
  if (cause) add_duration(&cause->run_queue, inside_window(thread->since_ns, now));
  return 0;
}
