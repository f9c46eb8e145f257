/* What has just come to a socket? Before its sleeper is woken. */

static __always_inline void data_has_come(struct sock* sk, struct tr_cpu* cpu) {
  count_run(cpu, TR_PROGRAM_DATA_READY, cpu->slot);
  if (has_waits) connection_arrives(sk, cpu);
  if (has_messages && !inspect_descriptors) data_arrives(sk, cpu, 0);
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(on_sk_data_ready, struct sock* sk) {
  if (!hold_cpu(TR_PROGRAM_DATA_READY)) return 0;
  struct tr_cpu* cpu = this_cpu();
  if (cpu) {
    if (preemptible) cpu->ready = (__u64)sk;
    data_has_come(sk, cpu);
  }
  release_cpu();
  return 0;
}

/* Mostly in a softirq, where nothing comes between the first and this. Where something does, a
 * socket is looked at twice, which changes nothing: what has come is told by offsets. */
SEC("tp_btf/sk_data_ready")
int BPF_PROG(again_sk_data_ready, struct sock* sk) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  bool seen = cpu->ready == (__u64)sk;
  cpu->ready = 0;
  if (seen) return 0;
  bpf_preempt_disable();
  data_has_come(sk, cpu);
  release_cpu();
  return 0;
}
