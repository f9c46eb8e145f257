/* The least that a BPF tracer can cost: programs that do nothing, or no more than to look at the
 * clock, at the tracepoints where trace-run does its work. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile _Bool reads_clock = 0;
volatile __u64 at_ns = 0;

static __always_inline int nothing(void) {
  if (reads_clock) at_ns = bpf_ktime_get_ns();
  return 0;
}

SEC("tp_btf/sys_enter")
int empty_sys_enter(void* context) {
  return nothing();
}

SEC("tp_btf/sys_exit")
int empty_sys_exit(void* context) {
  return nothing();
}

SEC("tp_btf/sched_switch")
int empty_sched_switch(void* context) {
  return nothing();
}

SEC("tp_btf/sched_waking")
int empty_sched_waking(void* context) {
  return nothing();
}

SEC("tp_btf/sched_wakeup")
int empty_sched_wakeup(void* context) {
  return nothing();
}

SEC("tp_btf/sk_data_ready")
int empty_sk_data_ready(void* context) {
  return nothing();
}

SEC("tp_btf/net_dev_start_xmit")
int empty_net_dev_start_xmit(void* context) {
  return nothing();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
