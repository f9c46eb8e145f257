/* On which path through its code does a thread block?
 *
 * A stack is kept once, under a 64-bit hash of its addresses, so that what happens on it is added
 * up under one number. (BPF_MAP_TYPE_STACK_TRACE has a slot for each hash modulo its size, and
 * loses what collides: of thousands of stacks some, and always the same.) Stands before all that
 * adds up: it needs nothing of them. */
#ifndef TRACE_RUN_PROBES_STACKS_BPF_H
#define TRACE_RUN_PROBES_STACKS_BPF_H

#include "kernel_types.h"
#include "records.h"
#include "unwind.bpf.h"

/* Whether stacks are kept. User space gives the maps below their size then. */
const volatile __u8 has_stacks = 0;

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u64);
  __type(value, struct tr_stack);
} stacks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct tr_stack_key);
  __type(value, struct tr_stack_sum);
} stack_sums SEC(".maps");

/* Beside `records`. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_stack_note);
} stack_notes SEC(".maps");

/* Where a stack is put together: a sample may come while another program is at it. */
enum stack_taker { BY_SWITCH, BY_SAMPLE, BY_CALL, STACK_TAKERS };

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, STACK_TAKERS);
  __type(key, __u32);
  __type(value, struct tr_stack);
} stack_scratch SEC(".maps");

__u64 stacks_lost[TR_STACK_LOSSES] = {};
__u32 images = 0;    /* executed since */
__u32 processes = 0; /* told apart */

static __always_inline struct tr_stack_note* stack_note(__u32 slot) {
  return bpf_map_lookup_elem(&stack_notes, &slot);
}

static __always_inline __u64 mix(__u64 hash, __u64 word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
  return hash ^ hash >> 32;
}

/* Never 0. */
static __always_inline __u64 hash_of_stack(const struct tr_stack* stack) {
  __u64 hash = mix(mix(stack->image, stack->process),
                   (__u64)stack->user_frames << 32 | stack->kernel_frames);
  for (__u32 i = 0; i < TR_USER_FRAMES; i++) {
    if (i >= stack->user_frames) break;
    hash = mix(hash, stack->user[i]);
  }
  for (__u32 i = 0; i < TR_KERNEL_FRAMES; i++) {
    if (i >= stack->kernel_frames) break;
    hash = mix(hash, stack->kernel[i]);
  }
  return hash ? hash : 1;
}

/* Keeps the stack that stack_scratch holds; 0: lost. Global functions take no key or value of a map
 * by address: Linux 6.1 forbids it. */
__noinline __u64 keep_stack(enum stack_taker taker) {
  __u32 key = taker;
  struct tr_stack* stack = bpf_map_lookup_elem(&stack_scratch, &key);
  if (!stack) return 0;
  __u64 hash = hash_of_stack(stack);
  if (bpf_map_lookup_elem(&stacks, &hash)) return hash;
  if (!bpf_map_update_elem(&stacks, &hash, stack, BPF_ANY)) return hash;
  __sync_fetch_and_add(&stacks_lost[TR_LOST_STACKS_FULL], 1);
  return 0;
}

/* By frame pointers alone. */
static __always_inline void take_user_frames(void* ctx, struct tr_stack* stack) {
  long user = bpf_get_stack(ctx, stack->user, sizeof(stack->user), BPF_F_USER_STACK);
  stack->user_frames = user > 0 ? user / sizeof(__u64) : 0;
  stack->unwinding = user > 0 ? TR_BY_FRAME_POINTERS : TR_UNREADABLE;
  if (user == sizeof(stack->user)) stack->unwinding |= TR_CUT;
}

#if defined(__TARGET_ARCH_x86)
/* By the code's call frame information; false: a 32-bit program, or one that is not known yet. */
__noinline bool unwind_stack(struct tr_stack* stack) {
  if (!stack) return false;
  struct task_struct* task = bpf_get_current_task_btf();
  struct pt_regs* regs = (struct pt_regs*)bpf_task_pt_regs(task);
  struct tr_frame frame = {.space = space_of(stack->image, stack->process)};
  if (frame.space == TR_UNWIND_SPACES || BPF_CORE_READ(regs, cs) == 0x23) return false;
  frame.ip = BPF_CORE_READ(regs, ip);
  frame.sp = BPF_CORE_READ(regs, sp);
  frame.bp = BPF_CORE_READ(regs, bp);
  __u32 by_frame_pointers = 0;
  int step = STEP_CALLER;
  __u32 count = 0;
  for (; count < TR_USER_FRAMES && step == STEP_CALLER; count++) {
    stack->user[count] = frame.ip;
    step = leave_frame(&frame, &by_frame_pointers);
  }
  stack->user_frames = count;
  stack->unwinding = step == STEP_OUTERMOST ? TR_WHOLE : TR_CUT;
  if (by_frame_pointers) stack->unwinding |= TR_BY_FRAME_POINTERS;
  return true;
}
#else
static bool unwind_stack(struct tr_stack* stack) {
  return false;
}
#endif

/* The number of the running thread's stack, kept; 0: lost. */
static __always_inline __u64 take_stack(void* ctx, const struct tr_stack_note* note,
                                        enum stack_taker taker, bool with_kernel) {
  __u32 key = taker;
  struct tr_stack* stack = bpf_map_lookup_elem(&stack_scratch, &key);
  if (!stack) return 0;
  stack->image = note->image;
  stack->process = note->process;
  if (!unwind_stack(stack)) take_user_frames(ctx, stack);
  long kernel = with_kernel ? bpf_get_stack(ctx, stack->kernel, sizeof(stack->kernel), 0) : 0;
  stack->kernel_frames = kernel > 0 ? kernel / sizeof(__u64) : 0;
  return keep_stack(taker);
}

/* The running thread blocks here. */
static __always_inline void note_stack(void* ctx, __u32 slot) {
  struct tr_stack_note* note = stack_note(slot);
  if (note) note->stack = take_stack(ctx, note, BY_SWITCH, true);
}

__noinline int add_to_stack(const struct tr_stack_key* its, __u64 ns) {
  if (!its) return 0;
  struct tr_stack_key key = *its;
  struct tr_stack_sum* sum = bpf_map_lookup_elem(&stack_sums, &key);
  if (!sum) {
    struct tr_stack_sum none = {};
    bpf_map_update_elem(&stack_sums, &key, &none, BPF_NOEXIST);
    sum = bpf_map_lookup_elem(&stack_sums, &key);
  }
  if (!sum) {
    __sync_fetch_and_add(&stacks_lost[TR_LOST_SUMS_FULL], 1);
    return 0;
  }
  __sync_fetch_and_add(&sum->count, 1);
  __sync_fetch_and_add(&sum->ns, ns);
  return 0;
}

/* A wait that began where note_stack() was has ended. */
static __always_inline void add_blocked(const struct tr_thread* thread, __u32 cause, __u64 ns) {
  struct tr_stack_note* note = stack_note(thread->slot);
  struct tr_stack_key key = {.stack = note ? note->stack : 0, .cause = cause};
  __builtin_memcpy(key.comm, thread->comm, sizeof(key.comm));
  add_to_stack(&key, ns);
}

/* A thread's first note: what it executes is what its parent does, or what it was taken in with. */
static __always_inline void begin_note(const struct tr_thread* thread, __u32 parent_slot,
                                       __u32 parent_tgid) {
  struct tr_stack_note* note = stack_note(thread->slot);
  if (!note) return;
  struct tr_stack_note* parent = parent_slot ? stack_note(parent_slot) : 0;
  note->stack = 0;
  note->image = parent ? parent->image : thread->tgid;
  if (parent && parent_tgid == thread->tgid)
    note->process = parent->process;
  else if (!parent || __sync_fetch_and_add(&processes, 1) < TR_PROCESSES_APART)
    note->process = thread->tgid;
  else
    note->process = 0;
}

/* The thread has executed another program. */
static __always_inline void begin_image(const struct tr_thread* thread) {
  struct tr_stack_note* note = stack_note(thread->slot);
  if (!note) return;
  note->image = TR_FIRST_NEW_IMAGE + __sync_fetch_and_add(&images, 1);
  note->process = thread->tgid;
}

#endif
