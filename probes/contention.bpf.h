/* Which of the kernel's own locks hold a thread up?
 *
 * Tracepoints since 5.19. A contention lies inside the thread's states, across them: spinning is
 * time on a CPU, sleeping is blocked. */

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct tr_kernel_lock_key);
  __type(value, struct tr_kernel_lock);
} kernel_locks SEC(".maps");

static __always_inline struct tr_lock_thread* contending_thread(void) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  __u32 slot = cpu->slot;
  if (unlikely(!slot) && (__u32)bpf_get_current_pid_tgid() != cpu->pid)
    slot = slot_of(bpf_get_current_task_btf());
  struct tr_lock_thread* state = lock_thread(slot);
  count_run(cpu, TR_PROGRAM_CONTENTION, state);
  return state;
}

static __always_inline bool is_in_foreign_interrupt(void) {
  struct tr_cpu* cpu = this_cpu();
  return cpu && (cpu->context.interrupts || (cpu->context.softirq && !is_delivering(cpu)));
}

static __always_inline void begins_to_contend(void* lock, unsigned int flags) {
  struct tr_lock_thread* state = contending_thread();
  if (!state) return;
  __u32 depth = state->depth;
  /* A mutex is first spun for, then slept for: two beginnings, one end. */
  if (depth && depth <= TR_KERNEL_LOCKS_NESTED && state->kernel[depth - 1].lock == (__u64)lock) {
    if (flags & TR_CONTENTION_MUTEX) {
      state->kernel[depth - 1].flags |= flags;
      return;
    }
    depth--; /* its end was missed */
  }
  if (depth >= TR_KERNEL_LOCKS_NESTED) {
    depth = 0; /* so deep only where ends were missed: a new start */
  }
  state->depth = depth + 1;
  __u64 kind = flags & (TR_LOCK_KINDS - 1);
  if (is_in_foreign_interrupt()) kind |= TR_CONTENTION_IN_INTERRUPT;
  struct mm_struct* mm = bpf_get_current_task_btf()->mm;
  if (mm && lock == &mm->mmap_lock) kind |= TR_CONTENTION_MMAP_LOCK;
  state->kernel[depth].lock = (__u64)lock;
  state->kernel[depth].flags = kind;
  state->kernel[depth].since_ns = bpf_ktime_get_ns();
}

SEC("tp_btf/contention_begin")
int BPF_PROG(on_contention_begin, void* lock, unsigned int flags) {
  if (!hold_cpu(TR_PROGRAM_CONTENTION)) return 0;
  begins_to_contend(lock, flags);
  release_cpu();
  return 0;
}

__noinline int add_contention(__u64 lock, __u64 flags, __u64 from, __u64 to) {
  if (to <= window_open_ns || from >= window_close_ns || to == from) return 0;
  struct tr_kernel_lock_key key = {.lock = lock, .flags = flags};
  __u64 ns = inside_window(from, to);
  struct tr_kernel_lock* known = bpf_map_lookup_elem(&kernel_locks, &key);
  if (!known) {
    struct tr_kernel_lock first = {};
    if (bpf_map_update_elem(&kernel_locks, &key, &first, BPF_NOEXIST)) {
      /* Full, or another CPU was faster. */
      known = bpf_map_lookup_elem(&kernel_locks, &key);
      key.lock = 0; /* user space has made these rows */
      key.flags = flags & (TR_LOCK_KINDS - 1);
    }
    if (!known) known = bpf_map_lookup_elem(&kernel_locks, &key);
  }
  if (!known) {
    add(&lost[TR_LOST_KERNEL_LOCK], 1);
    return 0;
  }
  add(&known->count, 1);
  add(&known->ns, ns);
  if (ns > known->longest_ns) known->longest_ns = ns;
  return 0;
}

static __always_inline void ends_to_contend(void* lock) {
  struct tr_lock_thread* state = contending_thread();
  if (!state) return;
  /* The last that began; those above it have lost their ends. None: it began before its thread was
   * traced. */
  __u32 depth = state->depth, found = 0;
  __u64 since = 0, kind = 0;
  for (__u32 i = 0; i < TR_KERNEL_LOCKS_NESTED; i++)
    if (i < depth && state->kernel[i].lock == (__u64)lock) {
      found = i + 1;
      since = state->kernel[i].since_ns;
      kind = state->kernel[i].flags;
    }
  if (!found) return;
  state->depth = found - 1;
  add_contention((__u64)lock, kind, since, bpf_ktime_get_ns());
}

SEC("tp_btf/contention_end")
int BPF_PROG(on_contention_end, void* lock, int result) {
  if (!hold_cpu(TR_PROGRAM_CONTENTION)) return 0;
  ends_to_contend(lock);
  release_cpu();
  return 0;
}
