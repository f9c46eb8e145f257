/* How long does a thread hold a mutex or rwlock of its libc?
 *
 * Uprobes, so with --lock-hold alone: each is a trap into the kernel, for every program on the
 * machine that has this libc mapped. They see what the program itself calls, not what libc locks
 * inside itself. */

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct tr_mutex_key);
  __type(value, struct tr_mutex);
} mutexes SEC(".maps");

/* A new row: too large for a program's stack. */
const struct tr_mutex no_holds = {};

static __always_inline __u64 function_argument(const struct pt_regs* regs, int number) {
#if defined(__TARGET_ARCH_x86)
  return number ? regs->si : regs->di;
#else
  return regs->regs[number ? 1 : 0];
#endif
}

static __always_inline int function_result(const struct pt_regs* regs) {
#if defined(__TARGET_ARCH_x86)
  return (int)regs->ax;
#else
  return (int)regs->regs[0];
#endif
}

static __always_inline struct tr_lock_thread* locking_thread(void) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  /* Not through the CPU: a switch may have been hidden, and beside a trap this costs nothing. */
  struct tr_lock_thread* state = lock_thread(slot_of(bpf_get_current_task_btf()));
  count_run(cpu, TR_PROGRAM_MUTEX, state);
  return state;
}

static __always_inline void add_hold(__u64 mutex, __u64 from, __u64 to) {
  if (to < window_open_ns || to >= window_close_ns) return;
  struct tr_mutex_key key = {.address = mutex, .tgid = bpf_get_current_pid_tgid() >> 32};
  struct tr_mutex* known = bpf_map_lookup_elem(&mutexes, &key);
  if (!known) {
    if (bpf_map_update_elem(&mutexes, &key, &no_holds, BPF_NOEXIST)) {
      /* Full, or another thread was faster. */
      known = bpf_map_lookup_elem(&mutexes, &key);
      if (!known) {
        key.address = 0; /* user space has made this row */
        key.tgid = 0;
      }
    }
    if (!known) known = bpf_map_lookup_elem(&mutexes, &key);
  }
  if (!known) return;
  __u64 ns = inside_window(from, to);
  __sync_fetch_and_add(&known->holds, 1);
  __sync_fetch_and_add(&known->hold_ns, ns);
  if (ns > known->longest_ns) known->longest_ns = ns;
  count_in_bucket(known->buckets, ns);
}

static __always_inline void took_mutex(struct tr_lock_thread* state, __u64 mutex) {
  __u32 free = TR_MUTEXES_HELD;
  for (__u32 i = 0; i < TR_MUTEXES_HELD; i++) {
    if (state->mutex[i].address == mutex) {
      state->mutex[i].depth++;
      return;
    }
    if (!state->mutex[i].address && free == TR_MUTEXES_HELD) free = i;
  }
  if (free >= TR_MUTEXES_HELD) {
    __sync_fetch_and_add(&lost[TR_LOST_MUTEX], 1);
    return;
  }
  state->mutex[free].address = mutex;
  state->mutex[free].depth = 1;
  state->mutex[free].since_ns = bpf_ktime_get_ns();
}

/* `whole`: also if it was taken several times, as a wait on a condition variable does. */
static __always_inline void gave_mutex(struct tr_lock_thread* state, __u64 mutex, bool whole) {
  for (__u32 i = 0; i < TR_MUTEXES_HELD; i++) {
    if (state->mutex[i].address != mutex || !mutex) continue;
    if (!whole && --state->mutex[i].depth) return;
    state->mutex[i].address = 0;
    add_hold(mutex, state->mutex[i].since_ns, bpf_ktime_get_ns());
    return;
  }
}

/* pthread_mutex_lock and its like, by their first argument. */
SEC("uprobe")
int mutex_asked_for(struct pt_regs* regs) {
  struct tr_lock_thread* state = locking_thread();
  if (state) state->mutex_asked_for = function_argument(regs, 0);
  return 0;
}

SEC("uretprobe")
int mutex_taken(struct pt_regs* regs) {
  struct tr_lock_thread* state = locking_thread();
  if (!state || !state->mutex_asked_for) return 0;
  __u64 mutex = state->mutex_asked_for;
  int result = function_result(regs);
  state->mutex_asked_for = 0;
  /* A robust mutex whose owner has died is held as well. */
  if (result == 0 || result == EOWNERDEAD) took_mutex(state, mutex);
  return 0;
}

SEC("uprobe")
int mutex_given(struct pt_regs* regs) {
  struct tr_lock_thread* state = locking_thread();
  if (state) gave_mutex(state, function_argument(regs, 0), false);
  return 0;
}

/* pthread_cond_wait and its like give the mutex, their second argument, and take it again. */
SEC("uprobe")
int mutex_given_to_wait(struct pt_regs* regs) {
  struct tr_lock_thread* state = locking_thread();
  if (!state) return 0;
  state->mutex_asked_for = function_argument(regs, 1);
  gave_mutex(state, state->mutex_asked_for, true);
  return 0;
}

SEC("uretprobe")
int mutex_taken_after_wait(struct pt_regs* regs) {
  struct tr_lock_thread* state = locking_thread();
  if (!state || !state->mutex_asked_for) return 0;
  took_mutex(state, state->mutex_asked_for);
  state->mutex_asked_for = 0;
  return 0;
}
