/* What has just come to a socket? Before its sleeper is woken. */

SEC("tp_btf/sk_data_ready")
int BPF_PROG(on_sk_data_ready, struct sock* sk) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  count_run(cpu, TR_PROGRAM_DATA_READY, cpu->slot);
  if (has_waits) connection_arrives(sk, cpu);
  if (has_messages && !inspect_descriptors) data_arrives(sk, cpu, 0);
  return 0;
}
