/* What does a thread use its CPU for? Samples of its stack, at a fixed rate on every CPU. */

SEC("perf_event")
int on_cpu_sample(struct bpf_perf_event_data* ctx) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  /* A sample may come in the middle of a switch: the task itself says whose it is. */
  struct tr_thread* thread = record(slot_of(bpf_get_current_task_btf()));
  count_run(cpu, TR_PROGRAM_CPU_SAMPLE, thread);
  if (!thread || !in_window(bpf_ktime_get_ns())) return 0;
  struct tr_stack_note* note = stack_note(thread->slot);
  if (!note) return 0;
  struct tr_stack_key key = {.stack = take_stack(ctx, note, BY_SAMPLE, true), .cause = TR_ON_CPU};
  __builtin_memcpy(key.comm, thread->comm, sizeof(key.comm));
  add_to_stack(&key, 0);
  return 0;
}
