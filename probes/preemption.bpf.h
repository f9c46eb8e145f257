/* What if the kernel preempts a thread inside a program, or skips a program for it?
 *
 * Since 7.0 (a46023d5616e, 439ebd5b5708) programs at tracepoints that a task passes at work run
 * with preemption enabled. Others then run on the CPU, in the middle of a change; and as long as
 * the thread is not back the kernel skips that program on that CPU, for all threads: its recursion
 * counter is still raised.
 *
 * So each such program holds its CPU while it works, and a second one at the same tracepoint does
 * the work where the first was skipped: other threads are stuck in the one, and not in the other.
 * Where both were, what follows tells: a call that ends without its beginning, or begins before
 * the last one's end (syscalls.bpf.h); a new thread that is woken and not a member yet
 * (scheduler.bpf.h). */

extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;
extern void bpf_local_irq_save(unsigned long* flags) __ksym __weak;
extern void bpf_local_irq_restore(unsigned long* flags) __ksym __weak;

/* Those whose runs are not counted; numbered after enum tr_program. */
enum uncounted_program { ON_NEWTASK = TR_PROGRAMS, ON_EXEC, ON_RENAME, ON_SET_STATE, ON_CLOSE };

/* tr_thread.seen: a bit for each program whose first has run and whose second has not, and this:
 * the thread may be in a call that began before its record. */
#define MAY_BE_INSIDE (1u << 31)

/* For tests: acts as if the kernel skipped one run in three of the first programs, and with 2 also
 * one in three of the second ones: of one event in six it skips both. */
const volatile __u32 rehearsed_skips = 0;
__u32 rehearsals[2][32] = {};

static __noinline bool is_skipped(__u32 program, bool again) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu || !cpu->slot || program >= 32) return false;
  __u32 run = __sync_fetch_and_add(&rehearsals[again][program], 1);
  if (!again) return run % 3 == 0;
  /* With the first, but not at both ends of one call; and alone. */
  __u32 with_first = program == TR_PROGRAM_SYS_EXIT ? 3 : 0;
  return rehearsed_skips > 1 && (run % 6 == with_first || run % 6 == 1);
}

/* Begins what must not be preempted; false: not to be done. Between this and release_cpu() a
 * program must not return. */
static __always_inline bool hold_cpu(__u32 program) {
  if (!preemptible) return true;
  if (rehearsed_skips && is_skipped(program, false)) return false;
  bpf_preempt_disable();
  return true;
}

/* With interrupts off enabling preemption does not preempt: else this would be where most threads
 * get stuck. It is made up for as soon as the kernel looks again, a moment later. */
static __always_inline void release_cpu(void) {
  if (!preemptible) return;
  unsigned long flags;
  bpf_local_irq_save(&flags);
  bpf_preempt_enable();
  bpf_local_irq_restore(&flags);
}

/* Events of traced threads that only the first, and only the second program has seen: of what the
 * kernel has skipped, they are not lost. */
__u64 seen_by_first[32] = {};
__u64 seen_by_second[32] = {};

/* Takes an old mark away: the second program was skipped. */
static __always_inline void drop_mark(struct tr_thread* thread, __u32 program) {
  if (likely(!(thread->seen & 1u << program))) return;
  thread->seen &= ~(1u << program);
  __sync_fetch_and_add(&seen_by_first[program], 1);
}

/* At one edge of a call the mark of the other is an old one. */
static __always_inline void drop_other_edge(struct tr_thread* thread, __u32 program) {
  if (program == TR_PROGRAM_SYS_ENTER) drop_mark(thread, TR_PROGRAM_SYS_EXIT);
  if (program == TR_PROGRAM_SYS_EXIT) drop_mark(thread, TR_PROGRAM_SYS_ENTER);
}

/* A thread that is gone has no further events. */
static __always_inline void drop_marks(struct tr_thread* thread) {
  for (__u32 program = 0; program < TR_PROGRAMS; program++)
    drop_mark(thread, program);
}

/* The running thread's record as running_thread(), for a first program that has a second. */
static __always_inline struct tr_thread* first_thread(enum tr_program program) {
  struct tr_thread* thread = running_thread(program);
  if (preemptible && thread) {
    drop_mark(thread, program);
    drop_other_edge(thread, program);
    thread->seen |= 1u << program;
  }
  return thread;
}

/* Whether the CPU is known to run a thread that is not traced. */
static __always_inline bool runs_stranger(const struct tr_cpu* cpu) {
  return !cpu->slot && (__u32)bpf_get_current_pid_tgid() == cpu->pid && cpu->adoptions == adoptions;
}

/* Where a first program leaves the thread. */
enum place_left { ANYWHERE, IN_A_CALL, IN_NO_CALL };

/* In a second program: the first has been there, or there is nothing to do. Else it holds the CPU.
 * The mark may be an old one, where the second itself was skipped the last time: then the place
 * tells. */
static __always_inline bool was_seen(__u32 program, enum place_left place) {
  if (rehearsed_skips && is_skipped(program, true)) return true;
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return true;
  struct tr_thread* thread = record(cpu->slot);
  if (thread) {
    bool in_call = thread->call != TR_NO_CALL;
    if (thread->seen & 1u << program && (place == ANYWHERE || in_call == (place == IN_A_CALL))) {
      thread->seen &= ~(1u << program);
      return true;
    }
    drop_mark(thread, program);
    drop_other_edge(thread, program);
    __sync_fetch_and_add(&seen_by_second[program], 1);
  } else if (runs_stranger(cpu)) {
    return true;
  }
  bpf_preempt_disable();
  return false;
}
