/* A part of records.h. With stacks: where threads block, and where they use their CPU. */
#ifndef TRACE_RUN_PROBES_RECORDS_STACKS_H
#define TRACE_RUN_PROBES_RECORDS_STACKS_H

/* Stacks, where they are asked for. Addresses as the unwinder found them, innermost first; behind
 * the first, return addresses. */
#define TR_USER_FRAMES 127
#define TR_KERNEL_FRAMES 64

/* How the user's part was unwound; a stack may need several. */
enum tr_unwinding {
  TR_BY_FRAME_POINTERS = 1, /* some steps: code without call frame information */
  TR_UNREADABLE = 2,        /* there is none, or its memory could not be read */
  TR_CUT = 4,               /* it goes on beyond TR_USER_FRAMES, or where no step leads */
  TR_WHOLE = 8,             /* it ends where call frame information says that nothing called */
};

/* How a frame is left, as symbols/unwind.h. */
enum tr_frame_rule {
  TR_RULE_NONE,
  TR_RULE_STACK_POINTER,
  TR_RULE_FRAME_POINTER,
  TR_RULE_AT_FRAME_POINTER,
  TR_RULE_PLT,
  TR_RULE_SIGNAL,
  TR_RULE_OUTERMOST,
  TR_RULE_OTHER
};

/* The rule from this address of a module to the next row's. */
struct tr_unwind_row {
  __u32 address;
  __s16 offset;       /* in words */
  __s8 frame_pointer; /* in words */
  __u8 rule;
};
#define TR_UNWIND_ROWS (1u << 21)

/* The modules of an address space, by address; behind the last, start is ~0. */
struct tr_unwind_range {
  __u64 start;
  __u64 end;
  __u64 bias;      /* address - bias is what the rows say */
  __u32 first_row; /* in `unwind_rows` */
  __u32 rows;
};
#define TR_UNWIND_RANGES 256 /* a power of two */
struct tr_unwind_space {
  struct tr_unwind_range ranges[TR_UNWIND_RANGES];
};
#define TR_UNWIND_SPACES 256

/* Under a hash over all that is filled in. */
struct tr_stack {
  __u32 image;   /* see tr_stack_note */
  __u32 process; /* see tr_stack_note */
  __u16 user_frames;
  __u16 kernel_frames;
  __u32 unwinding; /* of enum tr_unwinding */
  __u64 user[TR_USER_FRAMES];
  __u64 kernel[TR_KERNEL_FRAMES];
};

/* In whose memory a thread's addresses mean something, and where it blocks. */
struct tr_stack_note {
  __u64 stack; /* where it left its CPU to block; 0: unknown */
  /* What it executes. A forked child has its parent's, and so, at first, its mappings. */
  __u32 image;
  __u32 process; /* its tgid; 0: beyond the first TR_PROCESSES_APART, told apart by image alone */
};
#define TR_PROCESSES_APART 1024
/* The image of a process that was taken in is its tgid, those of later ones begin above all. */
#define TR_FIRST_NEW_IMAGE (1u << 22)

/* What a thread called so did on this stack: used its CPU, or waited for that cause. */
struct tr_stack_key {
  __u64 stack; /* 0: unknown */
  __u32 cause; /* TR_WAIT_KEY, or TR_ON_CPU */
  __u32 reserved;
  char comm[TR_COMM_LENGTH];
};
#define TR_ON_CPU 0xffffffffu

struct tr_stack_sum {
  __u64 count; /* waits, or samples */
  __u64 ns;    /* of waits, as tr_wait.ns */
};

enum tr_stack_loss {
  TR_LOST_STACKS_FULL, /* no room for a stack: what happened on it counts for stack 0 */
  TR_LOST_SUMS_FULL,   /* no room for a sum: what happened there is missing */
  TR_STACK_LOSSES
};

#endif
