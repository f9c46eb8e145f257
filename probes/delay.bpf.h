/* What if one stage of the server's work took a little longer? A known delay is spun at one stage,
 * on the tree's own threads, and what was really spent is counted.
 *
 * Programs of their own, loaded only when a delay is asked for: without one, the others are what
 * they were, to the instruction. They stand at the entry and the exit of system calls, where a task
 * is at work and interrupts are enabled. Not at sched_switch: the run queue's lock is held there,
 * and who wakes a thread on that CPU, a client perhaps, would be delayed too.
 *
 * delay_sys_exit is attached before on_sys_exit, and delay_sys_enter behind on_sys_enter: the
 * call's record is there, and the delay is time on a CPU inside that call. */

const volatile __u32 delay_stage = 0; /* enum tr_delay_stage */
const volatile __u32 delay_ns = 0;    /* at most TR_DELAY_MOST_NS */

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_delays);
} delays SEC(".maps");

/* A clock whose reading takes 10 ns still lasts for TR_DELAY_MOST_NS; one that stands still ends
 * all the same. */
#define DELAY_READINGS 1024

static __noinline int spend_delay(void) {
  __u64 from = bpf_ktime_get_ns(), now = from;
  for (__u32 reading = 0; reading < DELAY_READINGS && now - from < delay_ns; reading++)
    now = bpf_ktime_get_ns();
  __u32 zero = 0;
  struct tr_delays* its = bpf_map_lookup_elem(&delays, &zero);
  if (!its || !in_window(from)) return 0;
  __u64 spent = now - from;
  its->count++;
  its->ns += spent;
  if (spent > its->longest_ns) its->longest_ns = spent;
  return 0;
}

/* The running thread, if it is traced and known to be the one that this CPU's record names. */
static __always_inline struct tr_thread* thread_to_delay(void) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu || cpu->pid != (__u32)bpf_get_current_pid_tgid()) return 0;
  return record(cpu->slot);
}

/* A connection of a client to the tree. */
static __always_inline bool is_clients(__u64 descriptor) {
  struct sock* sk = socket_of(file_of(bpf_get_current_task_btf(), (__u32)descriptor));
  return sk && is_from_client(sk, BPF_CORE_READ(sk, __sk_common.skc_num));
}

static __always_inline void delay_send(void) {
  struct tr_thread* thread = thread_to_delay();
  if (thread && may_send(thread->call) && is_clients(thread->argument)) spend_delay();
}

SEC("tp_btf/sys_enter")
int BPF_PROG(delay_sys_enter, struct pt_regs* regs, long id) {
  if (preemptible) bpf_preempt_disable();
  delay_send();
  release_cpu();
  return 0;
}

static __always_inline void delay_end(long ret) {
  struct tr_thread* thread = thread_to_delay();
  if (!thread || thread->call == TR_NO_CALL) return;
  if (delay_stage == TR_DELAY_RECEIVE) {
    if (ret <= 0 || !may_receive(thread->call) || !is_clients(thread->argument)) return;
  } else if (delay_stage == TR_DELAY_WAIT) {
    if (ret <= 0 || !is_among(calls_for_readiness, thread->call)) return;
  } else if (!thread->woken) { /* TR_DELAY_WAKE_UP: it has not slept in this call, or to its time */
    return;
  }
  spend_delay();
}

SEC("tp_btf/sys_exit")
int BPF_PROG(delay_sys_exit, struct pt_regs* regs, long ret) {
  if (preemptible) bpf_preempt_disable();
  delay_end(ret);
  release_cpu();
  return 0;
}
