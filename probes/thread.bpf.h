/* How does a thread's record grow? The maps, the measurement window, and the few operations by
 * which every program adds to a record. */
#ifndef TRACE_RUN_PROBES_THREAD_BPF_H
#define TRACE_RUN_PROBES_THREAD_BPF_H

#include "kernel_types.h"
#include "records.h"
#include "stacks.bpf.h"

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Belonging to the traced tree means: having an entry here, the number of one's record. The load's
 * threads have one too, TR_LOAD_MEMBER, which user space gives its first. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, __u32);
} members SEC(".maps");

/* Record 0 is nobody's. User space sets the size before loading. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, struct tr_thread);
} records SEC(".maps");

/* The record of the thread that runs is found through its CPU, kept up at every switch: that is
 * cheaper than asking the task storage at every event. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_cpu);
} cpus SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1 << 16);
  __type(key, struct tr_spill_key);
  __type(value, __u64);
} spilled SEC(".maps");

/* The measurement window [open, close): set by user space ahead of time, or opened by the first
 * exec. Nothing is counted outside it; an interval that spans an edge is cut there. */
volatile __u64 window_open_ns = ~0ull;
volatile __u64 window_close_ns = ~0ull;

/* Where no clock is read: whether to count. */
volatile __u8 counting = 0;

__u64 lost[TR_LOSSES] = {};

/* How many running threads have been taken in: a CPU that has not heard of the last of them may run
 * a traced thread without knowing. */
__u32 adoptions = 0;

/* Whether waits are told apart by their causes. */
const volatile __u8 has_budget = 1;

/* Whether programs may be preempted here: preemption.bpf.h. */
const volatile __u8 preemptible = 0;

/* Whether it is followed what threads do with locks: locks.bpf.h. */
const volatile __u8 has_locks = 0;
int lock_reset(__u32 slot);
int lock_blocked(__u32 slot, __u32 call, __u64 now);
int lock_woken(__u32 slot, __u64 from, __u64 to);
int lock_waking(__u32 waker_slot, __u32 slot, __u64 now);
int lock_running(__u32 slot, __u32 tid, __u64 now);

/* Whether messages are followed through the server. */
const volatile __u8 has_messages = 0;

/* Whether waits' causes are told apart to the single object and waker: wait_causes.bpf.h. */
const volatile __u8 has_waits = 0;
int add_cause(struct tr_thread* thread, __u32 wait, __u64 ns);
int add_run_up(struct tr_thread* thread, __u64 now);

static __always_inline bool in_window(__u64 now) {
  return now >= window_open_ns && now < window_close_ns;
}

/* The part of [from, to) inside [open, close). */
static __always_inline __u64 inside(__u64 from, __u64 to, __u64 open, __u64 close) {
  if (from < open) from = open;
  if (to > close) to = close;
  return to > from ? to - from : 0;
}

/* The part of [from, to) inside the window. */
static __always_inline __u64 inside_window(__u64 from, __u64 to) {
  return inside(from, to, window_open_ns, window_close_ns);
}

static __always_inline struct tr_cpu* this_cpu(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&cpus, &zero);
}

static __always_inline struct tr_thread* record(__u32 slot) {
  return slot ? bpf_map_lookup_elem(&records, &slot) : 0;
}

/* The number of a task's record, or TR_LOAD_MEMBER; 0: neither. */
static __always_inline __u32 member_of(struct task_struct* task) {
  __u32* member = bpf_task_storage_get(&members, task, 0, 0);
  return member ? *member : 0;
}

/* The number of a task's record; 0: not traced. */
static __always_inline __u32 slot_of(struct task_struct* task) {
  __u32 member = member_of(task);
  return member == TR_LOAD_MEMBER ? 0 : member;
}

static __always_inline void count_run(struct tr_cpu* cpu, enum tr_program program, bool traced) {
  if (traced)
    cpu->traced[program]++;
  else
    cpu->untraced[program]++;
}

/* Global functions (not static) are verified once, not at each call: loading stays quick. */

__noinline int spill(__u32 serial, __u32 cell, __u64 count) {
  struct tr_spill_key key = {.serial = serial, .cell = cell};
  __u64* there = bpf_map_lookup_elem(&spilled, &key);
  if (!there) {
    __u64 zero = 0;
    bpf_map_update_elem(&spilled, &key, &zero, BPF_NOEXIST);
    there = bpf_map_lookup_elem(&spilled, &key);
  }
  if (there)
    __sync_fetch_and_add(there, count);
  else
    __sync_fetch_and_add(&lost[TR_LOST_SPILL_FULL], 1);
  return 0;
}

/* Where in a table of `slots` a key's search begins: Fibonacci hashing, then the high bits scaled
 * to the table, which need not be a power of two. */
static __always_inline __u32 table_start(__u32 key, __u32 slots) {
  __u64 slot = ((__u64)(key * 2654435769u) * slots) >> 32;
  barrier_var(slot); /* or clang fuses the shifts, and the verifier can no longer see the bound */
  return (__u32)slot;
}

#define TABLE_PROBES 8

__noinline int count_cell_slowly(struct tr_thread* thread, __u32 key) {
  if (!thread) return 0;
  __u32 slot = table_start(key, TR_CELL_SLOTS);
  for (int probe = 0; probe < TABLE_PROBES; probe++) {
    if (slot >= TR_CELL_SLOTS) slot = 0;
    __u64 cell = thread->cells[slot];
    if (cell == 0) {
      thread->cells[slot] = ((__u64)key << 32) | 1;
      return 0;
    }
    /* A full 32-bit count goes on in the spill. */
    if ((__u32)(cell >> 32) == key && (__u32)cell != ~0u) {
      thread->cells[slot] = cell + 1;
      return 0;
    }
    slot++;
  }
  return spill(thread->serial, key, 1);
}

/* One more of a sparse count. */
static __always_inline void count_cell(struct tr_thread* thread, __u32 key) {
  __u32 slot = table_start(key, TR_CELL_SLOTS);
  if (slot < TR_CELL_SLOTS) {
    __u64 cell = thread->cells[slot];
    if (likely((__u32)(cell >> 32) == key && (__u32)cell != ~0u)) {
      thread->cells[slot] = cell + 1;
      return;
    }
  }
  count_cell_slowly(thread, key);
}

/* The slot of a call in the record's table, or TR_CALL_SLOTS if there is no room for it. */
static __noinline __u32 find_call_slowly(struct tr_thread* thread, __u32 call) {
  if (!thread) return TR_CALL_SLOTS;
  __u32 slot = table_start(call, TR_CALL_SLOTS);
  for (int probe = 0; probe < TABLE_PROBES; probe++) {
    if (slot >= TR_CALL_SLOTS) slot = 0;
    if (thread->calls[slot].call == call + 1) return slot;
    if (thread->calls[slot].call == 0) {
      thread->calls[slot].call = call + 1;
      return slot;
    }
    slot++;
  }
  return TR_CALL_SLOTS;
}

static __always_inline struct tr_call* find_call(struct tr_thread* thread, __u32 call) {
  __u32 slot = table_start(call, TR_CALL_SLOTS);
  if (slot < TR_CALL_SLOTS && likely(thread->calls[slot].call == call + 1))
    return &thread->calls[slot];
  slot = find_call_slowly(thread, call);
  return slot < TR_CALL_SLOTS ? &thread->calls[slot] : 0;
}

/* Ends the present state at `now` and begins another: the same timestamp closes the one and opens
 * the other, so that the states add up to the thread's life. */
static __always_inline void enter_state(struct tr_thread* thread, enum tr_state state, __u64 now) {
  __u32 before = thread->state;
  if (before < TR_STATES) {
    __u64 part = inside_window(thread->since_ns, now);
    thread->state_ns[before] += part;
    if (before == TR_STATE_SYSTEM) thread->call_cpu_ns += part;
  }
  thread->since_ns = now;
  thread->state = state;
}

/* Around all that changes the state of a running thread where interrupts are enabled: an interrupt
 * in between keeps its hands off, or its changes and these would run into each other. It is then
 * part of the state that it interrupts. */
static __always_inline void begin_change(struct tr_thread* thread) {
  thread->busy = 1;
  barrier();
}

static __always_inline void end_change(struct tr_thread* thread) {
  barrier();
  thread->busy = 0;
}

/* Which of the two on-CPU states a running thread is in. */
static __always_inline enum tr_state running_state(const struct tr_thread* thread) {
  return thread->call == TR_NO_CALL ? TR_STATE_USER : TR_STATE_SYSTEM;
}

/* A worker of io_uring, or its thread that submits: always in the kernel, and in no call. */
static __always_inline bool is_kernel_worker(const struct tr_thread* thread) {
  return thread->call == TR_CALL_IO_WORKER || thread->call == TR_CALL_SQPOLL;
}

/* Whether the thread is on a CPU, as far as is known. */
static __always_inline bool is_on_cpu(const struct tr_thread* thread) {
  return thread->state >= TR_STATE_USER && thread->state <= TR_STATE_INTERRUPT;
}

static __always_inline void count(struct tr_thread* thread, enum tr_counter counter, __u64 now) {
  if (likely(in_window(now))) thread->counters[counter]++;
}

/* The slot of a cause in the record's table of waits, or TR_WAIT_SLOTS if there is no room. */
static __noinline __u32 find_wait(struct tr_thread* thread, __u32 key) {
  if (!thread) return TR_WAIT_SLOTS;
  __u32 slot = table_start(key, TR_WAIT_SLOTS);
  for (int probe = 0; probe < TABLE_PROBES; probe++) {
    if (slot >= TR_WAIT_SLOTS) slot = 0;
    __u32 there = thread->waits[slot].key;
    if (there == key + 1 || there == 0) return slot;
    slot++;
  }
  return TR_WAIT_SLOTS;
}

/* Adds a wait to those with the same cause. */
__noinline int add_wait(struct tr_thread* thread, __u64 from, __u64 to) {
  if (!thread || to <= window_open_ns || from >= window_close_ns) return 0;
  __u32 call = thread->call == TR_NO_CALL ? TR_CALL_NONE : thread->call;
  __u32 key = TR_WAIT_KEY(call, thread->object, thread->waker);
  __u64 ns = inside_window(from, to);
  if (has_waits) add_cause(thread, key, ns);
  if (has_stacks) add_blocked(thread, key, ns);
  __u32 slot = find_wait(thread, key);
  if (likely(slot < TR_WAIT_SLOTS && thread->waits[slot].count != ~0u)) {
    thread->waits[slot].key = key + 1;
    thread->waits[slot].count++;
    thread->waits[slot].ns += ns;
    return 0;
  }
  spill(thread->serial, TR_CELL_KEY(TR_CELL_WAITS, call, key & 0xff), 1);
  spill(thread->serial, TR_CELL_KEY(TR_CELL_WAIT_NS, call, key & 0xff), ns);
  return 0;
}

/* The thread has slept enough: it goes to a run queue. Its wake-up may have begun even before it
 * had left its CPU. */
static __always_inline void woken_up(struct tr_thread* thread, __u64 now) {
  __u64 since = thread->since_ns, waking = thread->waking_ns;
  if (!waking || waking > now) waking = now;
  if (waking < since) waking = since;
  if (has_budget) {
    add_wait(thread, since, waking);
    thread->woken = thread->waker != TR_WOKEN_BY_TIMER;
  }
  if (has_locks) lock_woken(thread->slot, since, waking);
  enter_state(thread, TR_STATE_WAKING, waking);
  enter_state(thread, TR_STATE_WOKEN, now);
}

/* message_sleeps.bpf.h */
static __always_inline void runs_again(const struct tr_thread* thread, __u64 now);

/* The thread runs on this CPU from now on. */
static __always_inline void switched_in(struct tr_thread* thread, struct tr_cpu* cpu, __u64 now) {
  if (has_messages) runs_again(thread, now);
  if (unlikely(thread->state == TR_STATE_BLOCKED)) {
    __sync_fetch_and_add(&lost[TR_UNSEEN_WAKEUP], 1);
    count(thread, TR_WAKEUPS, now);
    woken_up(thread, now);
  }
  if (has_locks) lock_running(thread->slot, thread->tid, now);
  if (has_waits && thread->state == TR_STATE_WOKEN) add_run_up(thread, now);
  enter_state(thread, running_state(thread), now);
  if (thread->migrated || (thread->cpu != cpu->id && thread->cpu)) {
    thread->migrated = 0;
    count(thread, TR_MIGRATIONS, now);
  }
  thread->cpu = cpu->id;
}

static __always_inline enum tr_owner owner_of(const struct task_struct* task, __u32 member) {
  if (!task->pid) return TR_OWNER_IDLE;
  if (member == TR_LOAD_MEMBER) return TR_OWNER_LOAD;
  if (member) return TR_OWNER_TREE;
  return task->flags & PF_KTHREAD ? TR_OWNER_KERNEL : TR_OWNER_OTHER;
}

/* The CPU's time until `now` was that of its present owner. Not before the last change: a switch
 * may come between another program's look at the clock and this. */
static __always_inline void change_owner(struct tr_cpu* cpu, enum tr_owner owner, __u64 now) {
  if (unlikely(now < cpu->since_ns)) return;
  if (cpu->owner < TR_OWNERS) cpu->owner_ns[cpu->owner] += inside_window(cpu->since_ns, now);
  cpu->since_ns = now;
  cpu->owner = owner;
}

/* Another thread runs here than the last switch said: that switch was not shown, or the thread was
 * taken in while it ran. */
__noinline __u32 find_running(struct tr_cpu* cpu) {
  struct task_struct* task = bpf_get_current_task_btf();
  if (!cpu) return 0;
  __u32 member = member_of(task);
  cpu->pid = task->pid;
  cpu->slot = member == TR_LOAD_MEMBER ? 0 : member;
  cpu->adoptions = adoptions;
  struct tr_thread* thread = record(cpu->slot);
  if (thread) begin_change(thread);
  __u64 now = bpf_ktime_get_ns();
  if (has_budget) change_owner(cpu, owner_of(task, member), now);
  if (!thread) return 0;
  if (!is_on_cpu(thread)) { /* else it was when it was taken in */
    __sync_fetch_and_add(&lost[TR_UNSEEN_SWITCH], 1);
    switched_in(thread, cpu, now);
  }
  end_change(thread);
  return cpu->slot;
}

/* The record of the running thread, if it is traced; counts the run. Only where a task is at work,
 * in no interrupt. */
static __always_inline struct tr_thread* running_thread(enum tr_program program) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  cpu->context = (struct tr_context){};
  if (has_messages) cpu->arrival = 0;
  if (has_waits) cpu->arrival_port = 0;
  __u32 slot = cpu->slot;
  if (unlikely(!slot) &&
      ((__u32)bpf_get_current_pid_tgid() != cpu->pid || cpu->adoptions != adoptions))
    slot = find_running(cpu);
  struct tr_thread* thread = record(slot);
  count_run(cpu, program, thread);
  return thread;
}

/* The calls that wait until there is something to do; a bit each, set by user space. */
const volatile __u64 calls_for_readiness[TR_CALL_OTHER / 64 + 1] = {};

static __always_inline bool is_among(const volatile __u64* calls, __u32 call) {
  __u32 word = call / 64;
  return word <= TR_CALL_OTHER / 64 && calls[word] >> (call & 63) & 1;
}

/* What a call returned, where it never did. */
#define NO_RESULT ((long)(1ul << 63))

/* The thread had slept in this call, was woken, and found nothing. */
__noinline int count_in_vain(struct tr_thread* thread, __u32 call) {
  if (!thread) return 0;
  struct tr_call* entry = find_call(thread, call);
  if (entry)
    entry->in_vain++;
  else
    spill(thread->serial, TR_CELL_KEY(TR_CELL_IN_VAIN, call, 0), 1);
  return 0;
}

/* A call has ended inside the window, and returned nothing. */
__noinline int count_nothing(struct tr_thread* thread, __u32 call, long result) {
  if (!thread || result > 0 || result == NO_RESULT) return 0;
  if (result == 0) {
    struct tr_call* entry = find_call(thread, call);
    if (entry)
      entry->empty++;
    else
      spill(thread->serial, TR_CELL_KEY(TR_CELL_EMPTY, call, 0), 1);
  }
  bool nothing =
      result == -EAGAIN ? call != NR_FUTEX : result == 0 && is_among(calls_for_readiness, call);
  if (thread->woken && nothing) count_in_vain(thread, call);
  return 0;
}

/* Adds the part of a finished call that lies inside the window. */
static __always_inline void close_call(struct tr_thread* thread, __u32 call, __u64 since,
                                       __u64 cpu_ns, long result, __u64 now) {
  __u64 open = window_open_ns, close = window_close_ns;
  if (unlikely(now <= open || since >= close)) return;
  __u64 duration = now - since;
  if (unlikely(since < open || now >= close)) {
    duration = inside_window(since, now);
    if (since < open) count_cell(thread, TR_CELL_KEY(TR_CELL_CARRIED_IN, call, 0));
    if (now >= close) count_cell(thread, TR_CELL_KEY(TR_CELL_IN_FLIGHT, call, 0));
  }
  struct tr_call* entry = find_call(thread, call);
  if (likely(entry)) {
    entry->total_ns += duration;
    entry->cpu_ns += cpu_ns;
    if (result > 0 && now < close) entry->returned += result;
  } else {
    spill(thread->serial, TR_CELL_KEY(TR_CELL_TOTAL_NS, call, 0), duration);
    spill(thread->serial, TR_CELL_KEY(TR_CELL_CPU_NS, call, 0), cpu_ns);
    if (result > 0 && now < close)
      spill(thread->serial, TR_CELL_KEY(TR_CELL_RETURNED, call, 0), result);
  }
  if (result <= 0 && now < close) count_nothing(thread, call, result);
  count_cell(thread, TR_CELL_KEY(TR_CELL_LATENCY, call, tr_bucket(duration)));
}

__noinline int count_error(struct tr_thread* thread, __u32 call, __u32 error) {
  if (!thread) return 0;
  struct tr_call* entry = find_call(thread, call);
  if (entry)
    entry->errors++;
  else
    spill(thread->serial, TR_CELL_KEY(TR_CELL_ERRORS, call, 0), 1);
  count_cell(thread, TR_CELL_KEY(TR_CELL_ERRNO, call, error));
  return 0;
}

#endif
