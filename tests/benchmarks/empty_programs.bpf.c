/* The least that a BPF tracer can cost: programs that do nothing, or no more than to look at the
 * clock, at the tracepoints where trace-run does its work. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile _Bool reads_clock = 0;
volatile __u64 at_ns = 0;

#define EMPTY(tracepoint)                        \
  SEC("tp_btf/" #tracepoint)                     \
  int empty_##tracepoint(void* context) {        \
    if (reads_clock) at_ns = bpf_ktime_get_ns(); \
    return 0;                                    \
  }

EMPTY(sys_enter)
EMPTY(sys_exit)
EMPTY(sched_switch)
EMPTY(sched_waking)
EMPTY(sched_wakeup)
EMPTY(sk_data_ready)
EMPTY(net_dev_start_xmit)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
