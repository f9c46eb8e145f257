/* How did a thread that receives come to run: what ended its last sleep, and what had ended the
 * last sleep of the thread that did? */

/* One per record. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_turns);
} turns SEC(".maps");

/* By a few bits of the socket's address: who shares its place with another may be forgotten. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, TR_WOKEN_SLOTS);
  __type(key, __u32);
  __type(value, struct tr_woken);
} woken_for SEC(".maps");

static __always_inline struct tr_turns* turns_of(__u32 slot) {
  return bpf_map_lookup_elem(&turns, &slot);
}

static __always_inline struct tr_woken* woken_by(__u64 socket) {
  __u32 place = (__u32)(socket >> 6) * 2654435769u / (~0u / TR_WOKEN_SLOTS + 1);
  return bpf_map_lookup_elem(&woken_for, &place);
}

/* What io_uring moves has no system call of its own. */
static __always_inline bool has_own_call(const struct tr_thread* thread) {
  return thread->call != NR_IO_URING_ENTER && !is_kernel_worker(thread);
}

/* A sleeper is being woken here: by the data that has just arrived, by a thread, or else. */
static __always_inline void note_waker(const struct tr_thread* thread, const struct tr_cpu* cpu) {
  struct tr_turns* its = turns_of(thread->slot);
  if (!its) return;
  its->noted_cause = cpu->arrival;
  its->noted_by_tree = 0;
  if (cpu->arrival) {
    struct tr_woken* woken = woken_by(cpu->arrival);
    if (woken) *woken = (struct tr_woken){.socket = cpu->arrival, .slot = thread->slot};
  }
  if (cpu->arrival || !cpu->slot || cpu->context.softirq || cpu->context.interrupts) return;
  struct tr_turns* waker = turns_of(cpu->slot);
  if (!waker) return;
  its->noted = waker->sleep;
  its->noted_by_tree = 1;
}

/* Asleep, it had nothing left at hand that it had received. If it waits for events, what wakes it
 * may be no message: until it has received one, it is at work for none. */
static __always_inline void work_sleeps(struct tr_turns* its, const struct tr_thread* thread) {
  if (likely(!its->work.client_ns)) return;
  if (thread->call == NR_IO_URING_ENTER || is_among(calls_for_readiness, thread->call))
    its->work = (struct tr_work){};
  else if (may_receive(thread->call))
    its->work.received = 0;
}

static __always_inline void sleep_ends(const struct tr_thread* thread, __u64 since, __u64 now) {
  struct tr_turns* its = turns_of(thread->slot);
  if (!its) return;
  __u64 waking = thread->waking_ns;
  bool noted = waking != 0;
  if (!waking || waking > now) waking = now;
  if (waking < since) waking = since;
  work_sleeps(its, thread);
  its->sleep.since_ns = since;
  its->sleep.waking_ns = waking;
  its->sleep.woken_ns = now;
  its->sleep.running_ns = ~0ull;
  its->sleep.cause = noted ? its->noted_cause : 0;
  its->woken_by_tree = noted && its->noted_by_tree;
  if (its->woken_by_tree) its->waker = its->noted;
}

/* As if it had slept until its parent woke it. */
static __always_inline void is_born(const struct tr_thread* thread, __u64 now) {
  struct tr_turns* its = turns_of(thread->slot);
  struct tr_cpu* cpu = this_cpu();
  if (!its || !cpu) return;
  __builtin_memset(its, 0, sizeof(*its));
  struct tr_turns* parent = turns_of(cpu->slot);
  if (parent && cpu->slot) {
    its->waker = parent->sleep;
    its->woken_by_tree = 1;
  }
  its->sleep.waking_ns = its->sleep.woken_ns = now;
  its->sleep.running_ns = ~0ull;
}

static __always_inline void runs_again(const struct tr_thread* thread, __u64 now) {
  if (thread->state != TR_STATE_WOKEN && thread->state != TR_STATE_BLOCKED) return;
  struct tr_turns* its = turns_of(thread->slot);
  if (!its) return;
  if (unlikely(thread->state == TR_STATE_BLOCKED)) { /* its wake-up was not shown */
    work_sleeps(its, thread);
    its->sleep = (struct tr_sleep){.since_ns = thread->since_ns, .waking_ns = now, .woken_ns = now};
    its->woken_by_tree = 0;
  }
  its->sleep.running_ns = now;
}

static __always_inline void learned_of_events(const struct tr_thread* thread, __u64 now) {
  struct tr_turns* its = turns_of(thread->slot);
  if (its) its->ready_ns = now;
}
