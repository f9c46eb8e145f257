/* Which system calls does a thread make, how long does each take, and how does it end? */

static __always_inline __u32 call_number(long id, bool compat) {
  __u32 call = (unsigned long)id < TR_CALL_OTHER ? (__u32)id : TR_CALL_OTHER;
  return compat ? call | TR_CALL_COMPAT : call;
}

static __always_inline void count_entry(struct tr_thread* thread, const struct pt_regs* regs,
                                        __u32 call) {
  struct tr_call* entry = find_call(thread, call);
  if (likely(entry))
    entry->calls++;
  else
    spill(thread->serial, TR_CELL_KEY(TR_CELL_CALLS, call, 0), 1);
  if (call == NR_FUTEX)
    count_cell(thread, TR_CELL_KEY(TR_CELL_FUTEX, call, futex_operation(regs) & 0xfff));
}

/* Counts alone, the cheapest mode: no clock is read. */
static __always_inline void count_call(struct tr_thread* thread, struct pt_regs* regs, long id) {
  if (thread && counting) count_entry(thread, regs, call_number(id, in_compat_call(regs)));
}

SEC("tp_btf/sys_enter")
int BPF_PROG(count_sys_enter, struct pt_regs* regs, long id) {
  if (!hold_cpu(TR_PROGRAM_SYS_ENTER)) return 0;
  count_call(first_thread(TR_PROGRAM_SYS_ENTER), regs, id);
  release_cpu();
  return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(recount_sys_enter, struct pt_regs* regs, long id) {
  if (was_seen(TR_PROGRAM_SYS_ENTER, ANYWHERE)) return 0;
  count_call(running_thread(TR_PROGRAM_SYS_ENTER), regs, id);
  release_cpu();
  return 0;
}

/* membership.bpf.h */
static __always_inline void tell(enum tr_news_kind kind, __u32 tgid, __u64 now,
                                 const struct sock* sk);

__u8 told_of_uring = 0;

/* A call begins, and no program was run when the last one ended. */
static __noinline int end_unseen_call(struct tr_thread* thread, __u64 now) {
  __sync_fetch_and_add(&lost[TR_UNSEEN_CALL_END], 1);
  if (thread->moved) count_moved(thread, now);
  if (has_locks) lock_exit(thread, NO_RESULT, now);
  close_call(thread, thread->call, thread->call_since_ns, thread->call_cpu_ns, NO_RESULT, now);
  return 0;
}

static __always_inline void enter_call(struct tr_thread* thread, const struct pt_regs* regs,
                                       __u32 call, __u64 now) {
  enter_state(thread, TR_STATE_SYSTEM, now);
  if (preemptible) {
    thread->seen &= ~MAY_BE_INSIDE;
    if (unlikely(thread->call != TR_NO_CALL)) end_unseen_call(thread, now);
  }
  if (unlikely(thread->restarted_call != TR_NO_CALL) &&
      (call == thread->restarted_call || call == NR_RESTART_SYSCALL)) {
    /* The kernel restarts an interrupted call: still the same one. */
    thread->call = thread->restarted_call;
    thread->call_since_ns = thread->restarted_since_ns;
    thread->call_cpu_ns = thread->restarted_cpu_ns;
    thread->restarted_call = TR_NO_CALL;
    if (has_locks && call != NR_RESTART_SYSCALL) lock_enter(thread, regs, false, now);
    return;
  }
  thread->call = call;
  thread->call_since_ns = now;
  thread->call_cpu_ns = 0;
  thread->woken = 0;
  thread->argument = first_argument(regs);
  if (has_messages && unlikely(call == NR_IO_URING_ENTER && !told_of_uring)) {
    told_of_uring = 1;
    tell(TR_NEWS_URING, thread->tgid, now, 0);
  }
  if (likely(in_window(now))) count_entry(thread, regs, call);
  if (has_locks) lock_enter(thread, regs, true, now);
}

static __always_inline void call_begins(struct tr_thread* thread, struct pt_regs* regs, long id) {
  if (!thread) return;
  begin_change(thread);
  enter_call(thread, regs, call_number(id, in_compat_call(regs)), bpf_ktime_get_ns());
  end_change(thread);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_sys_enter, struct pt_regs* regs, long id) {
  if (!hold_cpu(TR_PROGRAM_SYS_ENTER)) return 0;
  call_begins(first_thread(TR_PROGRAM_SYS_ENTER), regs, id);
  release_cpu();
  return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(again_sys_enter, struct pt_regs* regs, long id) {
  if (was_seen(TR_PROGRAM_SYS_ENTER, IN_A_CALL)) return 0;
  call_begins(running_thread(TR_PROGRAM_SYS_ENTER), regs, id);
  release_cpu();
  return 0;
}

/* A call has ended with an error, or is about to be restarted. */
__noinline int failed_call(struct tr_thread* thread, long error, __u64 now) {
  if (!thread) return 0;
  __u32 call = thread->call;
  if (error == ERESTARTSYS || error == ERESTARTNOINTR || error == ERESTARTNOHAND ||
      error == ERESTART_RESTARTBLOCK) {
    thread->restarted_call = call;
    thread->restarted_since_ns = thread->call_since_ns;
    thread->restarted_cpu_ns = thread->call_cpu_ns;
    return 0;
  }
  if (call == NR_RT_SIGRETURN) {
    /* It "returns" what the interrupted code had in that register: EINTR says that the interrupted
     * call is not restarted but fails (arch/x86/kernel/signal.c). */
    if (error == EINTR && thread->restarted_call != TR_NO_CALL) {
      close_call(thread, thread->restarted_call, thread->restarted_since_ns,
                 thread->restarted_cpu_ns, NO_RESULT, now);
      if (in_window(now)) count_error(thread, thread->restarted_call, EINTR);
      thread->restarted_call = TR_NO_CALL;
    }
  } else if (in_window(now)) {
    count_error(thread, call, (__u32)error);
  }
  close_call(thread, call, thread->call_since_ns, thread->call_cpu_ns, -error, now);
  return 0;
}

static __always_inline void count_useless_wake(struct tr_thread* thread,
                                               const struct pt_regs* regs) {
  __u32 operation = futex_operation(regs) & 0xfff, command = operation & FUTEX_COMMAND;
  if (command == FUTEX_WAKE || command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE ||
      command == FUTEX_WAKE_OP || command == FUTEX_WAKE_BITSET)
    count_cell(thread, TR_CELL_KEY(TR_CELL_WOKE_NOBODY, NR_FUTEX, operation));
}

int tell_mapped(struct tr_thread* thread);

/* A call ends, and no program was run when it began; false: so it may be. */
static __noinline bool start_unseen_call(struct tr_thread* thread, const struct pt_regs* regs,
                                         __u64 now) {
  if (thread->seen & MAY_BE_INSIDE) {
    thread->seen &= ~MAY_BE_INSIDE;
    return false;
  }
  /* Who forbids a call, or makes another of it, does so before sys_enter. */
  struct task_struct* task = bpf_get_current_task_btf();
  if (task->ptrace) return false;
  if (bpf_core_field_exists(task->seccomp.mode) && task->seccomp.mode) return false;
  __sync_fetch_and_add(&lost[TR_UNSEEN_CALL_START], 1);
  long id = call_left(regs);
  thread->call = call_number(id == -1 ? NR_RT_SIGRETURN : id, in_compat_call(regs));
  thread->call_since_ns = now;
  thread->call_cpu_ns = 0;
  thread->woken = 0;
  if (in_window(now)) count_entry(thread, regs, thread->call);
  return true;
}

static __always_inline void leave_call(struct tr_thread* thread, const struct pt_regs* regs,
                                       long ret, __u64 now) {
  enter_state(thread, TR_STATE_USER, now);
  /* Entered before the thread was traced? */
  if (unlikely(thread->call == TR_NO_CALL) &&
      (!preemptible || !start_unseen_call(thread, regs, now)))
    return;
  __u32 call = thread->call;
  if (inspect_descriptors && ret > 0)
    look_for_socket(thread, first_argument(regs), receive_flags(regs, call), call, ret);
  if (thread->moved) count_moved(thread, now);
  if (has_locks) lock_exit(thread, ret, now);
  if (unlikely(ret < 0 && ret >= -MAX_ERRNO))
    failed_call(thread, -ret, now);
  else
    close_call(thread, call, thread->call_since_ns, thread->call_cpu_ns, ret, now);
  if (call == NR_FUTEX && ret == 0 && in_window(now)) count_useless_wake(thread, regs);
  if (has_stacks && call == NR_MMAP && maps_code(regs)) tell_mapped(thread);
  if (has_messages && is_among(calls_for_readiness, call)) learned_of_events(thread, now);
  thread->call = TR_NO_CALL;
}

static __always_inline void call_ends(struct tr_thread* thread, struct pt_regs* regs, long ret) {
  if (!thread) return;
  begin_change(thread);
  leave_call(thread, regs, ret, bpf_ktime_get_ns());
  end_change(thread);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs* regs, long ret) {
  if (!hold_cpu(TR_PROGRAM_SYS_EXIT)) return 0;
  call_ends(first_thread(TR_PROGRAM_SYS_EXIT), regs, ret);
  release_cpu();
  return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(again_sys_exit, struct pt_regs* regs, long ret) {
  if (was_seen(TR_PROGRAM_SYS_EXIT, IN_NO_CALL)) return 0;
  call_ends(running_thread(TR_PROGRAM_SYS_EXIT), regs, ret);
  release_cpu();
  return 0;
}
