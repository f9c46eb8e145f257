/* How much CPU time do the processes take when nothing else of them is looked at?
 *
 * Attached when the window has closed and all other programs are gone: what a message costs then is
 * what it costs without tracing. Between two threads of one process nothing is to be done, and
 * where processes change, the clock is read: so this adds as little as a program at a switch can.
 */

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tr_bare_cpu);
} bare_cpus SEC(".maps");

/* Set ahead of time, as the window's edges are. */
volatile __u64 bare_open_ns = ~0ull;
volatile __u64 bare_close_ns = ~0ull;

/* The processes are those in `adopted`, and what they make from now on. */
static __always_inline bool is_adopted(__u32 tgid) {
  return tgid && bpf_map_lookup_elem(&adopted, &tgid);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(bare_sched_switch, bool preempt, struct task_struct* prev, struct task_struct* next) {
  if (prev->tgid == next->tgid) return 0;
  __u32 zero = 0;
  struct tr_bare_cpu* cpu = bpf_map_lookup_elem(&bare_cpus, &zero);
  if (!cpu) return 0;
  __u64 now = bpf_ktime_get_ns();
  __u32 leaving = prev->tgid;
  /* Another than the last switch named: the first one that is seen, or after one that the kernel
   * has hidden. It is taken to have run since then. */
  if (leaving == cpu->tgid ? cpu->is_ours : is_adopted(leaving))
    cpu->cpu_ns += inside(cpu->since_ns, now, bare_open_ns, bare_close_ns);
  cpu->since_ns = now;
  cpu->tgid = next->tgid;
  cpu->is_ours = is_adopted(next->tgid);
  return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(bare_task_newtask, struct task_struct* child, unsigned long clone_flags) {
  struct task_struct* parent = bpf_get_current_task_btf();
  __u32 tgid = child->tgid;
  __u8 one = 1;
  if (tgid != (__u32)parent->tgid && is_adopted(parent->tgid))
    bpf_map_update_elem(&adopted, &tgid, &one, BPF_ANY);
  return 0;
}
