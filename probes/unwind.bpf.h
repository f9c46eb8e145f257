/* Who called whom? Follows a user stack by the call frame information of the code, from tables that
 * user space has made of it: most code has no frame pointers to follow. Code without a table, as a
 * JIT makes it, is taken to have them.
 *
 * On x86-64. Elsewhere frame pointers are common, and bpf_get_stack() follows them. */
#ifndef TRACE_RUN_PROBES_UNWIND_BPF_H
#define TRACE_RUN_PROBES_UNWIND_BPF_H

#include "kernel_types.h"
#include "records.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_unwind_row);
} unwind_rows SEC(".maps");

/* Written once, before their number is published. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_unwind_space);
} unwind_spaces SEC(".maps");

/* image << 32 | process -> the number of its space; with process 0, of any process of the image. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, __u64);
  __type(value, __u32);
} space_of_process SEC(".maps");

/* A frame of the running thread. */
struct tr_frame {
  __u64 ip, sp, bp;
  __u32 space;   /* TR_UNWIND_SPACES: none */
  __u32 at_call; /* ip is a return address: the call is before it */
};

enum step { STEP_CALLER, STEP_OUTERMOST, STEP_LOST };

static __always_inline __u32 space_of(__u32 image, __u32 process) {
  __u64 key = (__u64)image << 32 | process;
  __u32* space = bpf_map_lookup_elem(&space_of_process, &key);
  if (!space) {
    key = (__u64)image << 32;
    space = bpf_map_lookup_elem(&space_of_process, &key);
  }
  return space ? *space : TR_UNWIND_SPACES;
}

/* All bits set if a <= b, without a branch: the verifier would follow both ways at each step of a
 * search. Of values below 2^63. */
static __always_inline __u64 up_to(__u64 a, __u64 b) {
  __u64 mask = (__u64)((__s64)(a - b - 1) >> 63);
  barrier_var(mask); /* or clang makes branches of it */
  return mask;
}

/* The last row of `rows` from `first` on that begins at `address` or before. */
static __always_inline struct tr_unwind_row* row_at(__u32 first, __u32 rows, __u32 address) {
  __u32 left = rows;
  for (int i = 0; i < 21; i++) { /* 2^21 = TR_UNWIND_ROWS */
    __u32 half = left >> 1;
    __u32 middle = first + half;
    struct tr_unwind_row* row = bpf_map_lookup_elem(&unwind_rows, &middle);
    if (!row) return 0;
    first += half & up_to(row->address, address);
    left -= half;
  }
  return bpf_map_lookup_elem(&unwind_rows, &first);
}

static __always_inline struct tr_unwind_range* range_at(struct tr_unwind_space* space,
                                                        __u64 number) {
  /* Else clang, which sees that the number is in bounds, leaves the bound out, and makes an OR of
   * an addition: Linux 6.1 cannot follow that. */
  barrier_var(number);
  number &= TR_UNWIND_RANGES - 1;
  barrier_var(number);
  return &space->ranges[number];
}

static __always_inline struct tr_unwind_row* row_of(const struct tr_frame* frame) {
  __u32 number = frame->space;
  struct tr_unwind_space* space = bpf_map_lookup_elem(&unwind_spaces, &number);
  if (!space) return 0;
  __u64 at = frame->ip - frame->at_call;
  __u64 first = 0;
  for (__u32 half = TR_UNWIND_RANGES / 2; half; half /= 2)
    first += half & up_to(range_at(space, first + half)->start, at);
  struct tr_unwind_range* range = range_at(space, first);
  if (at < range->start || at >= range->end || !range->rows) return 0;
  return row_at(range->first_row, range->rows, at - range->bias);
}

static __always_inline bool read_word(__u64 at, __u64* word) {
  return !bpf_probe_read_user(word, sizeof(*word), (void*)at);
}

/* A signal's handler returns to here with the stack pointer at struct ucontext
 * (arch/x86/include/uapi/asm/sigcontext.h): what was interrupted goes on. */
static __always_inline enum step leave_signal(struct tr_frame* frame) {
  __u64 at = frame->sp + 40; /* uc_mcontext */
  if (!read_word(at + 80, &frame->bp) || !read_word(at + 120, &frame->sp) ||
      !read_word(at + 128, &frame->ip))
    return STEP_LOST;
  frame->at_call = 0;
  return STEP_CALLER;
}

/* At a return address in code without a table: is what follows "add $n, %rsp; ret"? So end the
 * trampolines that interpreters give their functions (Python's -X perf), which have no frame
 * pointer. How much that leaves behind; 0: something else follows. */
static __always_inline __u64 popped_at(const struct tr_frame* frame) {
  __u64 code = 0;
  if (!frame->at_call || bpf_probe_read_user(&code, 5, (void*)frame->ip)) return 0;
  return (code & 0xff80ffffff) == 0xc300c48348 ? code >> 24 & 0x7f : 0;
}

/* Goes to the caller's frame. A global function: verified once, not at each frame. */
__noinline int leave_frame(struct tr_frame* frame, __u32* by_frame_pointers) {
  if (!frame || !by_frame_pointers) return STEP_LOST;
  struct tr_unwind_row* row = row_of(frame);
  __u32 rule = row ? row->rule : TR_RULE_NONE;
  __s64 saved = row ? row->frame_pointer * 8 : 0;
  __s64 offset = row ? row->offset * 8 : 0;
  __u64 cfa;
  switch (rule) {
    case TR_RULE_STACK_POINTER:
      cfa = frame->sp + offset;
      break;
    case TR_RULE_FRAME_POINTER:
      cfa = frame->bp + offset;
      break;
    case TR_RULE_AT_FRAME_POINTER:
      if (!read_word(frame->bp + offset, &cfa)) return STEP_LOST;
      break;
    case TR_RULE_PLT:
      cfa = frame->sp + 8 + ((frame->ip & 15) >= 11 ? 8 : 0);
      break;
    case TR_RULE_SIGNAL:
      return leave_signal(frame);
    case TR_RULE_OUTERMOST:
      return STEP_OUTERMOST;
    case TR_RULE_NONE:
      cfa = popped_at(frame);
      if (cfa) {
        cfa += frame->sp + 8;
        break;
      }
      *by_frame_pointers = 1;
      cfa = frame->bp + 16;
      saved = -16;
      break;
    default:
      return STEP_LOST;
  }
  if (cfa <= frame->sp) return STEP_LOST; /* callers are above */
  if (!read_word(cfa - 8, &frame->ip)) return STEP_LOST;
  if (saved && !read_word(cfa + saved, &frame->bp)) return STEP_LOST;
  frame->sp = cfa;
  frame->at_call = 1;
  /* Where frame pointers end, they are 0. */
  return frame->ip ? STEP_CALLER : rule == TR_RULE_NONE ? STEP_OUTERMOST : STEP_LOST;
}

#endif
