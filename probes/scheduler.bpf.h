/* When does a thread run, wait for a CPU, or sleep, and on which CPU? */

static __always_inline void switched_out(void* ctx, struct tr_thread* thread,
                                         struct task_struct* task, bool preempt, __u64 now) {
  unsigned int state = task_state(task);
  if (preempt || state == 0) {
    enter_state(thread, TR_STATE_PREEMPTED, now);
    count(thread, TR_INVOLUNTARY_SWITCHES, now);
  } else if (unlikely(state & TASK_DEAD)) {
    /* Its last switch is nobody's context switch: perf does not count it either. */
    thread_gone(thread, now);
  } else {
    if (has_budget) thread->object = blocking_object(thread, task);
    if (has_waits) note_place(thread, task);
    if (unlikely(thread->woken)) {
      thread->woken = 0;
      if (is_among(calls_for_readiness, thread->call) && in_window(now))
        count_in_vain(thread, thread->call);
    }
    if (has_stacks && has_budget) note_stack(ctx, thread->slot);
    if (has_locks) lock_blocked(thread->slot, thread->call, now);
    enter_state(thread, TR_STATE_BLOCKED, now);
    count(thread, TR_VOLUNTARY_SWITCHES, now);
  }
}

/* Which traced thread leaves this CPU, and which comes? */
struct exchange {
  struct tr_cpu* cpu;
  struct tr_thread* leaving;
  struct tr_thread* coming;
  bool unseen; /* that the leaving one had come was not shown */
};

/* Keeps tr_cpu up. False: neither is traced. */
static __always_inline bool exchange_threads(struct task_struct* prev, struct task_struct* next,
                                             struct exchange* exchange, __u64 now) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return false;
  cpu->context = (struct tr_context){};
  if (has_waits) cpu->arrival_port = 0;
  __u32 leaving = cpu->slot;
  exchange->unseen = false;
  if (unlikely(!leaving && ((__u32)prev->pid != cpu->pid || cpu->adoptions != adoptions))) {
    leaving = slot_of(prev);
    cpu->adoptions = adoptions;
    struct tr_thread* thread = record(leaving);
    if (thread && !is_on_cpu(thread)) { /* else it was when it was taken in */
      __sync_fetch_and_add(&lost[TR_UNSEEN_SWITCH], 1);
      exchange->unseen = true;
    }
  }
  __u32 coming = next->pid ? member_of(next) : 0; /* the idle task is never traced */
  if (has_budget) {
    /* Who leaves a CPU at the first switch that is shown has had it since before. */
    if (unlikely(!cpu->since_ns)) cpu->owner = owner_of(prev, member_of(prev));
    change_owner(cpu, owner_of(next, coming), now);
  }
  if (coming == TR_LOAD_MEMBER) coming = 0;
  bool traced = (leaving | coming) != 0;
  count_run(cpu, TR_PROGRAM_SCHED_SWITCH, traced);
  cpu->slot = coming;
  cpu->pid = next->pid;
  exchange->cpu = cpu;
  exchange->leaving = record(leaving);
  exchange->coming = record(coming);
  return traced;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_sched_switch, bool preempt, struct task_struct* prev, struct task_struct* next) {
  struct exchange exchange;
  __u64 now = bpf_ktime_get_ns();
  if (!exchange_threads(prev, next, &exchange, now)) return 0;
  if (exchange.leaving) {
    if (unlikely(exchange.unseen)) switched_in(exchange.leaving, exchange.cpu, now);
    switched_out(ctx, exchange.leaving, prev, preempt, now);
  }
  if (exchange.coming) switched_in(exchange.coming, exchange.cpu, now);
  return 0;
}

/* Where only calls are counted: says whose they are, and counts nothing itself. */
SEC("tp_btf/sched_switch")
int BPF_PROG(count_sched_switch, bool preempt, struct task_struct* prev, struct task_struct* next) {
  struct exchange exchange;
  if (exchange_threads(prev, next, &exchange, 0) && exchange.leaving && !preempt &&
      unlikely(task_state(prev) & TASK_DEAD))
    thread_gone(exchange.leaving, bpf_ktime_get_ns());
  return 0;
}

/* The record of a task that is not the running one; counts the run. */
static __always_inline struct tr_thread* other_thread(struct task_struct* task,
                                                      enum tr_program program) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  struct tr_thread* thread = record(slot_of(task));
  count_run(cpu, program, thread);
  return thread;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_sched_wakeup, struct task_struct* task) {
  struct tr_thread* thread = other_thread(task, TR_PROGRAM_SCHED_WAKEUP);
  if (!thread) return 0;
  __u64 now = bpf_ktime_get_ns();
  count(thread, TR_WAKEUPS, now);
  /* A thread that is woken before it has left its CPU just goes on. */
  if (likely(thread->state == TR_STATE_BLOCKED)) {
    __u64 since = thread->since_ns;
    woken_up(thread, now);
    if (has_messages) sleep_ends(thread, since, now);
  }
  thread->waking_ns = 0;
  thread->waker = TR_WOKEN_BY_UNKNOWN;
  return 0;
}

/* Where only calls are counted and threads may be missed. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(count_sched_wakeup_new, struct task_struct* task) {
  inherit_late(task);
  return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_sched_wakeup_new, struct task_struct* task) {
  inherit_late(task);
  struct tr_thread* thread = other_thread(task, TR_PROGRAM_SCHED_WAKEUP_NEW);
  if (!thread) return 0;
  __u64 now = bpf_ktime_get_ns();
  count(thread, TR_WAKEUPS, now);
  thread->born_ns = now;
  thread->since_ns = now;
  thread->state = TR_STATE_WOKEN;
  if (has_messages) is_born(thread, now);
  return 0;
}

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(on_sched_migrate_task, struct task_struct* task, int to_cpu) {
  struct tr_thread* thread = other_thread(task, TR_PROGRAM_SCHED_MIGRATE);
  /* Counted when it next runs, as perf does: several moves in between are one migration. */
  if (thread) thread->migrated = 1;
  return 0;
}
