/* The least that a BPF tracer can cost: programs that do nothing, at the tracepoints where
 * trace-run does its work. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("tp_btf/sys_enter")
int empty_sys_enter(void* context) {
  return 0;
}

SEC("tp_btf/sys_exit")
int empty_sys_exit(void* context) {
  return 0;
}

SEC("tp_btf/sched_switch")
int empty_sched_switch(void* context) {
  return 0;
}

SEC("tp_btf/sched_waking")
int empty_sched_waking(void* context) {
  return 0;
}

SEC("tp_btf/sched_wakeup")
int empty_sched_wakeup(void* context) {
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
