/* When does a thread's CPU work in interrupts and softirqs, on its back? */

/* The state that the running thread is in, now that the CPU's context has changed. */
static __always_inline void context_changed(struct tr_cpu* cpu, enum tr_program program) {
  struct tr_thread* thread = record(cpu->slot);
  count_run(cpu, program, thread);
  if (!thread || thread->busy || !is_on_cpu(thread)) return;
  enum tr_state state = running_state(thread);
  if (cpu->context.interrupts)
    state = TR_STATE_INTERRUPT;
  else if (cpu->context.softirq)
    state = state == TR_STATE_SYSTEM && is_delivering(cpu) ? TR_STATE_DELIVERY : TR_STATE_INTERRUPT;
  if (state == thread->state) return;
  begin_change(thread);
  enter_state(thread, state, bpf_ktime_get_ns());
  end_change(thread);
}

static __always_inline int enter_interrupt(bool by_timer) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  cpu->context.interrupts++;
  cpu->context.by_timer = by_timer;
  context_changed(cpu, TR_PROGRAM_INTERRUPT);
  return 0;
}

static __always_inline int leave_interrupt(void) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  if (cpu->context.interrupts) cpu->context.interrupts--;
  if (!cpu->context.softirq) cpu->context.after_interrupt = 1;
  context_changed(cpu, TR_PROGRAM_INTERRUPT);
  return 0;
}

#define INTERRUPT(name, by_timer)     \
  SEC("tp_btf/" #name "_entry")       \
  int BPF_PROG(on_##name##_entry) {   \
    return enter_interrupt(by_timer); \
  }                                   \
  SEC("tp_btf/" #name "_exit")        \
  int BPF_PROG(on_##name##_exit) {    \
    return leave_interrupt();         \
  }

INTERRUPT(irq_handler, false)
#if defined(__TARGET_ARCH_x86)
/* Those that are no device's: arch/x86/include/asm/trace/irq_vectors.h */
INTERRUPT(local_timer, true)
INTERRUPT(reschedule, false)
INTERRUPT(call_function, false)
INTERRUPT(call_function_single, false)
INTERRUPT(irq_work, false)
#endif

SEC("tp_btf/softirq_entry")
int BPF_PROG(on_softirq_entry, unsigned int vector) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  cpu->context.softirq = vector + 1;
  context_changed(cpu, TR_PROGRAM_SOFTIRQ);
  return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(on_softirq_exit, unsigned int vector) {
  struct tr_cpu* cpu = this_cpu();
  if (!cpu) return 0;
  cpu->context.softirq = 0;
  if (has_messages) cpu->arrival = 0;
  if (has_waits) cpu->arrival_port = 0;
  context_changed(cpu, TR_PROGRAM_SOFTIRQ);
  return 0;
}
