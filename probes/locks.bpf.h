/* Which futex does a thread wait at, for how long, and who hands it to whom?
 *
 * A call's futex is looked up once, by futex_rows.bpf.h; from then on it is known by its row.
 * Several CPUs write to a row at once, so everything in it is a sum of atomic additions, the order
 * of which does not matter. */
#include "futex_rows.bpf.h"

/* By the number of the thread's record. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_lock_thread);
} lock_threads SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct tr_handoff_key);
  __type(value, __u64);
} handoffs SEC(".maps");

static __always_inline bool is_futex_call(__u32 call) {
  __u32 plain = call & ~TR_CALL_COMPAT;
  if (plain == NR_FUTEX_WAITV || (plain >= NR_FUTEX2_WAKE && plain <= NR_FUTEX2_REQUEUE))
    return true;
  return call == NR_FUTEX || call == (NR_FUTEX_COMPAT | TR_CALL_COMPAT) ||
         call == (NR_FUTEX_COMPAT_TIME64 | TR_CALL_COMPAT);
}

/* May its caller sleep until it is woken? */
static __always_inline bool waits_at_futex(__u32 operation) {
  return operation < 32 && ((1u << FUTEX_WAIT | 1u << FUTEX_LOCK_PI | 1u << FUTEX_WAIT_BITSET |
                             1u << FUTEX_WAIT_REQUEUE_PI | 1u << FUTEX_LOCK_PI2 |
                             1u << TR_FUTEX_WAITV | 1u << TR_FUTEX2_WAIT) >>
                                operation &
                            1);
}

static __always_inline bool requeues(__u32 operation) {
  return operation == FUTEX_REQUEUE || operation == FUTEX_CMP_REQUEUE ||
         operation == FUTEX_CMP_REQUEUE_PI || operation == TR_FUTEX2_REQUEUE;
}

static __always_inline bool wakes_at_futex(__u32 operation) {
  return requeues(operation) || operation == FUTEX_WAKE || operation == FUTEX_WAKE_OP ||
         operation == FUTEX_WAKE_BITSET || operation == FUTEX_UNLOCK_PI ||
         operation == TR_FUTEX2_WAKE;
}

static __always_inline struct tr_lock_thread* lock_thread(__u32 slot) {
  return slot ? bpf_map_lookup_elem(&lock_threads, &slot) : 0;
}

static __always_inline void add(__u64* to, __u64 number) {
  __sync_fetch_and_add(to, number);
}

static __always_inline void count_in_bucket(__u32* buckets, __u64 ns) {
  __u32 bucket = tr_bucket(ns);
  if (bucket >= TR_LOCK_BUCKETS) bucket = TR_LOCK_BUCKETS - 1;
  __sync_fetch_and_add(&buckets[bucket], 1);
}

/* More or fewer sleepers from `at` on. What comes after the window has closed is left out, so that
 * the number of sleepers stays that of the close. */
__noinline int change_waiters(__u32 row, __s64 more, __u64 at) {
  struct tr_futex* futex = futex_row(row);
  if (!futex || at >= window_close_ns) return 0;
  bool open = at >= window_open_ns;
  __s64 before = __sync_fetch_and_add(&futex->waiters, more), after = before + more;
  if (open) {
    __s64 most = before > after ? before : after, known = futex->most_waiters;
    for (int tries = 0; tries < 4 && most > known; tries++)
      known = __sync_val_compare_and_swap(&futex->most_waiters, known, most);
  }
  if (before <= 0 && after > 0) {
    if (open)
      __sync_fetch_and_add(&futex->busy_ns, -(__s64)at);
    else
      __sync_fetch_and_add(&futex->busy_before, 1);
  } else if (before > 0 && after <= 0) {
    if (open)
      __sync_fetch_and_add(&futex->busy_ns, (__s64)at);
    else
      __sync_fetch_and_add(&futex->busy_before, -1);
  }
  return 0;
}

/* Whether the thread is still counted among the waiters; from here on it is not. Its waker asks,
 * and so does its wake-up, where that is on another CPU: one of them is told so. */
static __always_inline bool leave_waiters(struct tr_lock_thread* state) {
  return __sync_val_compare_and_swap(&state->present, 1, 0) == 1;
}

static __always_inline void change_waiters_at(struct tr_lock_thread* state, __s64 more, __u64 at) {
  for (__u32 i = 0; i < TR_WAITV_LOOKED_AT && i < state->waiting; i++)
    change_waiters(state->rows[i], more, at);
}

/* A futex call, as it was made. */
struct futex_call {
  __u64 arguments[6];
  __u32 call;
  __u32 counted; /* entered anew, inside the window */
};

/* One of the futexes of a futex_waitv or futex_requeue, include/uapi/linux/futex.h. */
struct waitv_entry {
  __u64 value;
  __u64 address;
  __u32 flags;
  __u32 reserved;
};

static __always_inline bool is_shared(__u32 flags) {
  return !(flags & FUTEX_PRIVATE_FLAG);
}

/* The rows of the futexes that a futex_waitv names. */
static __noinline int read_waitv(struct task_struct* task, struct tr_lock_thread* state,
                                 struct futex_call* made) {
  if (!state || !made) return 0;
  __u32 given = (__u32)made->arguments[1], looked_at = 0;
  for (__u32 i = 0; i < TR_WAITV_LOOKED_AT && i < given; i++) {
    struct waitv_entry entry;
    if (bpf_probe_read_user(&entry, sizeof(entry), (void*)(made->arguments[0] + i * sizeof(entry))))
      break;
    state->rows[i] = find_futex(task, entry.address, is_shared(entry.flags));
    looked_at = i + 1;
    struct tr_futex* futex = futex_row(state->rows[i]);
    if (futex && made->counted) add(&futex->calls[TR_FUTEX_WAITV], 1);
  }
  if (given > looked_at) add(&lost[TR_LOST_WAITV], given - looked_at);
  state->waiting = looked_at;
  return 0;
}

/* The thread is done with what it had taken: it wakes somebody there. */
static __always_inline void end_hold(struct tr_lock_thread* state, __u32 row, __u64 now) {
  __u32 held = state->held;
  if (!held) return;
  held--;
  struct tr_futex* futex = futex_row(held);
  if (!futex) return;
  if (held != row) {
    struct tr_futex* other = futex_row(row);
    if (!other || other->tgid != futex->tgid || (other->address ^ futex->address) != 4) return;
  }
  state->held = 0;
  if (!held || now < window_open_ns || now >= window_close_ns) return;
  add(&futex->holds, 1);
  add(&futex->hold_ns, inside_window(state->held_since_ns, now));
}

/* A futex call begins; also that of a thread that is taken in while it sleeps in one. */
static __noinline int enter_futex(struct task_struct* task, __u32 slot, struct futex_call* made,
                                  __u64 now) {
  struct tr_lock_thread* state = lock_thread(slot);
  if (!state || !made) return 0;
  __u32 plain = made->call & ~TR_CALL_COMPAT, operation, flags;
  __u64 address = made->arguments[0], second = 0;
  __u64 second_flags = 0;
  state->waiting = 0;
  state->to_wake = 0;
  state->woke = 0;
  state->woken_at = 0;
  state->slept = 0;
  if (plain == NR_FUTEX_WAITV) {
    state->operation = TR_FUTEX_WAITV;
    return read_waitv(task, state, made);
  }
  if (plain == NR_FUTEX2_WAIT || plain == NR_FUTEX2_WAKE) {
    operation = plain == NR_FUTEX2_WAIT ? TR_FUTEX2_WAIT : TR_FUTEX2_WAKE;
    flags = (__u32)made->arguments[3];
  } else if (plain == NR_FUTEX2_REQUEUE) {
    struct waitv_entry pair[2];
    operation = TR_FUTEX2_REQUEUE;
    if (bpf_probe_read_user(pair, sizeof(pair), (void*)address)) {
      add(&lost[TR_LOST_WAITV], 2);
      return 0;
    }
    address = pair[0].address;
    flags = pair[0].flags;
    second = pair[1].address;
    second_flags = pair[1].flags;
    state->to_wake = (__u32)made->arguments[2];
  } else {
    flags = (__u32)made->arguments[1];
    operation = flags & FUTEX_COMMAND;
    if (operation > FUTEX_LOCK_PI2) operation = TR_FUTEX_UNKNOWN;
    if (requeues(operation) || operation == FUTEX_WAKE_OP) {
      second = made->arguments[4];
      second_flags = flags;
      state->to_wake = (__u32)made->arguments[2];
    }
  }
  __u32 row = find_futex(task, address, is_shared(flags));
  state->operation = operation;
  state->rows[0] = row;
  state->second = second ? find_futex(task, second, is_shared(second_flags)) : row;
  struct tr_futex* futex = futex_row(row);
  if (futex && made->counted && operation < TR_FUTEX_OPERATIONS) add(&futex->calls[operation], 1);
  if (waits_at_futex(operation)) {
    state->waiting = 1;
    if (state->held == row + 1) state->held = 0; /* it has given it back without a call */
  } else if (wakes_at_futex(operation)) {
    end_hold(state, row, now);
  }
  return 0;
}

/* `stopped`: not the running task's, so that each is fetched with a helper. */
static __always_inline void read_arguments(const struct pt_regs* regs, __u32 call, bool stopped,
                                           struct futex_call* made) {
#define ARGUMENT(i, field) \
  made->arguments[i] = stopped ? BPF_CORE_READ(regs, field) : (__u64)regs->field
#if defined(__TARGET_ARCH_x86)
  if (call & TR_CALL_COMPAT) {
    ARGUMENT(0, bx);
    ARGUMENT(1, cx);
    ARGUMENT(2, dx);
    ARGUMENT(3, si);
    ARGUMENT(4, di);
    for (int i = 0; i < 5; i++)
      made->arguments[i] = (__u32)made->arguments[i];
    return;
  }
  ARGUMENT(0, di);
  ARGUMENT(1, si);
  ARGUMENT(2, dx);
  ARGUMENT(3, r10);
  ARGUMENT(4, r8);
#else
  ARGUMENT(0, orig_x0);
  ARGUMENT(1, regs[1]);
  ARGUMENT(2, regs[2]);
  ARGUMENT(3, regs[3]);
  ARGUMENT(4, regs[4]);
#endif
#undef ARGUMENT
}

/* `anew`: not one that the kernel restarts. */
static __always_inline void lock_enter(struct tr_thread* thread, const struct pt_regs* regs,
                                       bool anew, __u64 now) {
  if (likely(!is_futex_call(thread->call))) return;
  struct futex_call made = {.call = thread->call, .counted = anew && in_window(now)};
  read_arguments(regs, thread->call, false, &made);
  enter_futex(bpf_get_current_task_btf(), thread->slot, &made, now);
}

/* A thread is taken in that sleeps in a futex call. */
static __always_inline void lock_adopted(struct tr_thread* thread, struct task_struct* task,
                                         const struct pt_regs* regs, __u64 now) {
  if (!is_futex_call(thread->call)) return;
  struct futex_call made = {.call = thread->call, .counted = 0};
  read_arguments(regs, thread->call, true, &made);
  enter_futex(task, thread->slot, &made, now);
  lock_blocked(thread->slot, thread->call, now);
}

/* A record begins, or is used again. */
__noinline int lock_reset(__u32 slot) {
  struct tr_lock_thread* state = lock_thread(slot);
  if (state) __builtin_memset(state, 0, sizeof(*state));
  return 0;
}

static __always_inline void end_wait(struct tr_lock_thread* state, long result, __u64 now) {
  __u32 row = state->rows[0];
  struct tr_futex* futex = futex_row(row);
  if (!futex) return;
  bool counted = in_window(now);
  if (result >= 0) {
    if (state->waiting == 1) {
      state->held = state->woken_at ? state->woken_at : row + 1;
      state->held_since_ns = now;
    }
    if (counted && state->slept && !state->woken_at) add(&futex->woken_by_others, 1);
  } else if (counted) {
    if (result == -EAGAIN) add(&futex->changed, 1);
    if (result == -ETIMEDOUT) add(&futex->timeouts, 1);
    if (result == -EINTR) add(&futex->interrupted, 1);
  }
}

static __always_inline void end_wake(struct tr_lock_thread* state, long result, __u64 now) {
  __u32 operation = state->operation;
  struct tr_futex* futex = futex_row(state->rows[0]);
  if (!futex || result < 0) return;
  __u64 woken = result, moved = 0;
  if (operation == FUTEX_UNLOCK_PI) woken = state->woke; /* returns 0 */
  if (requeues(operation)) {
    /* They return how many were woken or moved, and wake first; with PI, only if the lock is free
     * (kernel/futex/requeue.c). */
    if (operation == FUTEX_CMP_REQUEUE_PI)
      woken = state->woke;
    else if (woken > state->to_wake)
      woken = state->to_wake;
    if (woken > (__u64)result) woken = result;
    moved = result - woken;
  }
  struct tr_futex* target = moved ? futex_row(state->second) : 0;
  if (target) {
    change_waiters(state->rows[0], -(__s64)moved, now);
    change_waiters(state->second, moved, now);
    futex->requeued_to = state->second;
    futex->requeued_at_ns = now;
  }
  if (!in_window(now)) return;
  if (woken) add(&futex->woken, woken);
  if (moved) add(&futex->requeued, moved);
  if (target) add(&target->requeued_in, moved);
  if (!result && operation != FUTEX_UNLOCK_PI) add(&futex->woke_nobody, 1);
}

__noinline int exit_futex(__u32 slot, long result, __u64 now) {
  struct tr_lock_thread* state = lock_thread(slot);
  if (!state) return 0;
  if (result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND ||
      result == -ERESTART_RESTARTBLOCK)
    return 0; /* not its end */
  if (state->waiting)
    end_wait(state, result, now);
  else if (wakes_at_futex(state->operation))
    end_wake(state, result, now);
  /* It runs: if it still counts as a sleeper, its wake-up was not shown. */
  if (unlikely(leave_waiters(state))) change_waiters_at(state, -1, now);
  state->asleep = 0;
  state->waking = 0;
  state->waiting = 0;
  state->handed = 0;
  state->operation = TR_FUTEX_UNKNOWN;
  return 0;
}

static __always_inline void lock_exit(struct tr_thread* thread, long result, __u64 now) {
  if (unlikely(is_futex_call(thread->call))) exit_futex(thread->slot, result, now);
}

/* A thread falls asleep. */
__noinline int lock_blocked(__u32 slot, __u32 call, __u64 now) {
  struct tr_lock_thread* state = lock_thread(slot);
  if (!state) return 0;
  if (!is_futex_call(call)) {
    state->held = 0; /* given back without a call, or held over this sleep: that cannot be told */
    return 0;
  }
  if (!state->waiting) return 0;
  state->asleep = 1;
  state->slept = 1;
  if (state->waking) return 0; /* before it had left its CPU */
  change_waiters_at(state, 1, now);
  state->present = 1;
  return 0;
}

__noinline int add_interval(__u32 row, __u64 from, __u64 to) {
  struct tr_futex* futex = futex_row(row);
  if (!futex || to <= window_open_ns || from >= window_close_ns) return 0;
  __u64 ns = inside_window(from, to);
  add(&futex->waits, 1);
  add(&futex->wait_ns, ns);
  count_in_bucket(futex->wait_buckets, ns);
  return 0;
}

/* A thread that waited at one futex has slept enough. Where it was moved to another meanwhile, the
 * rest of its wait was there. */
static __always_inline void end_single_wait(struct tr_lock_thread* state, __u64 from, __u64 to) {
  __u32 row = state->rows[0], last = state->woken_at ? state->woken_at - 1 : row;
  struct tr_futex* futex = futex_row(row);
  if (!futex) return;
  /* Woken by no call, as by a timeout: if nobody is left here, it was moved as well. */
  if (!state->woken_at && futex->waiters <= 0 && futex->requeued_to) last = futex->requeued_to;
  if (leave_waiters(state)) change_waiters(last, -1, to);
  if (last == row) {
    add_interval(row, from, to); /* be it of no length: its waker was that quick */
    return;
  }
  __u64 moved_ns = futex->requeued_at_ns;
  if (moved_ns > to) moved_ns = to;
  if (moved_ns > from) add_interval(row, from, moved_ns);
  if (moved_ns < to) add_interval(last, moved_ns > from ? moved_ns : from, to);
}

/* A thread that slept from `from` is woken at `to`. */
__noinline int lock_woken(__u32 slot, __u64 from, __u64 to) {
  struct tr_lock_thread* state = lock_thread(slot);
  if (!state) return 0;
  state->waking = 0;
  if (!state->asleep) return 0;
  state->asleep = 0;
  if (state->waiting == 1) {
    end_single_wait(state, from, to);
  } else {
    if (leave_waiters(state)) change_waiters_at(state, -1, to);
    for (__u32 i = 0; i < TR_WAITV_LOOKED_AT && i < state->waiting; i++)
      add_interval(state->rows[i], from, to);
  }
  state->handed = state->woken_at;
  return 0;
}

/* On the waker's CPU: who wakes, by a futex call or by ending, which of those that wait? */
__noinline int lock_waking(__u32 waker_slot, __u32 slot, __u64 now) {
  struct tr_thread *waker = record(waker_slot), *woken = record(slot);
  struct tr_lock_thread *by = lock_thread(waker_slot), *state = lock_thread(slot);
  if (!waker || !woken || !by || !state || !state->waiting || !is_futex_call(woken->call)) return 0;
  __u32 row = state->rows[0];
  if (waker->call == NR_EXIT) {
    /* It clears its id, and wakes who joins it (CLONE_CHILD_CLEARTID). */
  } else if (is_futex_call(waker->call) && wakes_at_futex(by->operation)) {
    bool here = false, second = false;
    for (__u32 i = 0; i < TR_WAITV_LOOKED_AT && i < state->waiting; i++) {
      here |= state->rows[i] == by->rows[0];
      second |= state->rows[i] == by->second;
    }
    /* Else it waits where its waker wakes, so it was moved there. */
    row = second && !here ? by->second : by->rows[0];
    by->woke++;
  } else {
    return 0; /* a signal */
  }
  state->woken_at = row + 1;
  state->waker_tid = waker->tid;
  state->waking_ns = now;
  /* Not only when it is on a run queue: until then others may fall asleep here, and would seem to
   * wait beside it. */
  state->waking = 1;
  if (!leave_waiters(state)) return 0;
  if (state->waiting == 1)
    change_waiters(row, -1, now);
  else
    change_waiters_at(state, -1, now);
  return 0;
}

/* A thread that was woken runs. */
__noinline int lock_running(__u32 slot, __u32 tid, __u64 now) {
  struct tr_lock_thread* state = lock_thread(slot);
  if (!state || !state->handed) return 0;
  __u32 row = state->handed - 1;
  state->handed = 0;
  struct tr_futex* futex = futex_row(row);
  if (!futex || now < window_open_ns || now >= window_close_ns) return 0;
  __u64 ns = inside_window(state->waking_ns, now);
  add(&futex->handoffs, 1);
  add(&futex->handoff_ns, ns);
  count_in_bucket(futex->handoff_buckets, ns);
  struct tr_handoff_key key = {.row = row, .waker = state->waker_tid, .woken = tid};
  __u64* known = bpf_map_lookup_elem(&handoffs, &key);
  if (known) {
    add(known, 1);
    return 0;
  }
  __u64 one = 1;
  if (!bpf_map_update_elem(&handoffs, &key, &one, BPF_NOEXIST)) return 0;
  known = bpf_map_lookup_elem(&handoffs, &key);
  if (known)
    add(known, 1);
  else
    add(&lost[TR_LOST_HANDOFF], 1);
  return 0;
}
