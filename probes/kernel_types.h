/* The kernel's types, as far as the probes read them.
 *
 * Declared by hand instead of dumping a vmlinux.h: with preserve_access_index libbpf finds the real
 * offsets in the running kernel's BTF, so this builds on machines without BTF, and x86-64 and arm64
 * share one source. */
#ifndef TRACE_RUN_PROBES_KERNEL_TYPES_H
#define TRACE_RUN_PROBES_KERNEL_TYPES_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Its size does not matter: only its address is asked for. */
struct rw_semaphore {
  void* owner;
};

struct mm_struct {
  struct rw_semaphore mmap_lock;
};

struct seccomp {
  int mode;
};

struct task_struct {
  unsigned int __state;
  unsigned int flags;
  unsigned int on_cpu; /* CONFIG_SMP; since 7.2 a byte, which libbpf fits to unsigned types only */
  int pid;
  int tgid;
  char comm[16];
  struct mm_struct* mm;
  unsigned int ptrace;
  struct seccomp seccomp;
  struct files_struct* files;
  void* worker_private;
};

/* Before 5.17 worker_private was called so. */
struct task_struct___before_5_17 {
  void* pf_io_worker;
};

/* Before 5.14 the state was called so. */
struct task_struct___before_5_14 {
  long state;
};

struct in6_addr {
  union {
    __u8 u6_addr8[16];
    __u32 u6_addr32[4];
  } in6_u;
};

struct sock_common {
  unsigned short skc_family;
  unsigned char skc_state;
  __u16 skc_num;   /* local port, host order */
  __u16 skc_dport; /* the other end's, network order */
  __u32 skc_rcv_saddr;
  __u32 skc_daddr;
  struct in6_addr skc_v6_rcv_saddr;
  struct in6_addr skc_v6_daddr;
};

struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol;
};

struct tcp_sock {
  __u32 rcv_nxt;
  __u32 copied_seq;
  __u32 write_seq;
};

struct sk_buff {
  struct sock* sk;
  unsigned int len;
  __u16 transport_header;
  unsigned char* head;
  unsigned char* data;
};

struct super_block {
  unsigned long s_magic;
};

struct inode {
  unsigned short i_mode;
  unsigned long i_ino;
  struct super_block* i_sb;
};

struct qstr {
  const unsigned char* name;
};

struct dentry {
  struct qstr d_name;
};

struct path {
  struct dentry* dentry;
};

struct file {
  struct path f_path;
  struct inode* f_inode;
  void* private_data;
};

struct fdtable {
  unsigned int max_fds;
  struct file** fd;
};

struct files_struct {
  struct fdtable* fdt;
};

struct socket {
  struct sock* sk;
};

struct vm_area_struct {
  unsigned long vm_start;
  unsigned long vm_flags;
  unsigned long vm_pgoff;
  struct file* vm_file;
};

struct io_worker {
  struct io_wq_work* cur_work;
};

/* user_data and flags are those of the submission queue's entry, the low byte of the flags too. */
struct io_cqe {
  __u64 user_data;
};

struct io_kiocb {
  struct file* file;
  __u8 opcode;
  unsigned int flags;
  struct io_cqe cqe;
  void* ctx; /* were its type named here, uring.bpf.h could not compare with it: clang leaves it out
              */
};

/* Before 5.19 it was kept there. */
struct io_kiocb___before_5_19 {
  __u64 user_data;
};

struct io_uring_sqe {
  __u8 opcode;
  __u8 flags;
};

struct io_uring_cqe {
  __u64 user_data;
  int res;
  unsigned int flags;
};

struct bpf_iter_meta {
  struct seq_file* seq;
};

struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};

struct bpf_iter__tcp {
  struct bpf_iter_meta* meta;
  struct sock_common* sk_common;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
  unsigned long bp;
  unsigned long r10;
  unsigned long r8;
  unsigned long bx;
  unsigned long ax;
  unsigned long cx;
  unsigned long dx;
  unsigned long di;
  unsigned long si;
  unsigned long orig_ax;
  unsigned long ip;
  unsigned long cs;
  unsigned long sp;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
  __u64 regs[31];
  __u64 pstate;
  __u64 orig_x0;
  int syscallno;
};
#endif

#pragma clang attribute pop

#if defined(__TARGET_ARCH_x86)
/* arch/x86/include/uapi/asm/unistd_64.h */
#define NR_READ 0
#define NR_WRITE 1
#define NR_MMAP 9
#define NR_RT_SIGRETURN 15
#define NR_READV 19
#define NR_WRITEV 20
#define NR_SENDFILE 40
#define NR_SENDTO 44
#define NR_RECVFROM 45
#define NR_SENDMSG 46
#define NR_RECVMSG 47
#define NR_EXIT 60
#define NR_FUTEX 202
#define NR_RESTART_SYSCALL 219
#define NR_RECVMMSG 299
#define NR_SENDMMSG 307
#define NR_IO_URING_ENTER 426
#elif defined(__TARGET_ARCH_arm64)
/* include/uapi/asm-generic/unistd.h */
#define NR_READ 63
#define NR_WRITE 64
#define NR_READV 65
#define NR_WRITEV 66
#define NR_SENDFILE 71
#define NR_EXIT 93
#define NR_FUTEX 98
#define NR_RESTART_SYSCALL 128
#define NR_RT_SIGRETURN 139
#define NR_SENDTO 206
#define NR_RECVFROM 207
#define NR_SENDMSG 211
#define NR_RECVMSG 212
#define NR_MMAP 222
#define NR_RECVMMSG 243
#define NR_SENDMMSG 269
#define NR_IO_URING_ENTER 426
#else
#error "the probes know x86-64 and arm64"
#endif

/* scripts/syscall.tbl: the same on all since 424. arch/x86/entry/syscalls/syscall_32.tbl,
 * arch/arm/tools/syscall.tbl: the same on both. */
#define NR_FUTEX_WAITV 449
#define NR_FUTEX2_WAKE 454
#define NR_FUTEX2_WAIT 455
#define NR_FUTEX2_REQUEUE 456
#define NR_FUTEX_COMPAT 240
#define NR_FUTEX_COMPAT_TIME64 422

/* include/linux/sched.h, include/linux/errno.h, include/net/tcp_states.h, include/linux/socket.h,
 * include/uapi/linux/stat.h, include/uapi/linux/magic.h, include/linux/interrupt.h */
#define TASK_DEAD 0x00000080
#define TASK_INTERRUPTIBLE 0x00000001
#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD 0x00200000
#define ANON_INODE_FS_MAGIC 0x09041934
#define TIMER_SOFTIRQ 1
#define NET_RX_SOFTIRQ 3
#define HRTIMER_SOFTIRQ 8
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516
#define EINTR 4
#define EAGAIN 11
#define ETIMEDOUT 110
#define EOWNERDEAD 130
#define MAX_ERRNO 4095
#define VM_SHARED 0x8 /* include/linux/mm.h */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_FIN_WAIT1 4
#define TCP_FIN_WAIT2 5
#define TCP_CLOSE 7
#define TCP_LISTEN 10
#define AF_INET 2
#define AF_INET6 10
#define MSG_PEEK 2
#define IPPROTO_TCP 6 /* include/uapi/linux/in.h */
/* include/uapi/linux/io_uring.h */
#define IOSQE_BUFFER_SELECT (1u << 5)
#define IOSQE_CQE_SKIP_SUCCESS (1u << 6)
#define IORING_CQE_F_MORE (1u << 1)
#define IORING_CQE_F_NOTIF (1u << 3)
#define IORING_OP_NOP 0
#define IORING_OP_READV 1
#define IORING_OP_WRITEV 2
#define IORING_OP_READ_FIXED 4
#define IORING_OP_WRITE_FIXED 5
#define IORING_OP_POLL_ADD 6
#define IORING_OP_SENDMSG 9
#define IORING_OP_RECVMSG 10
#define IORING_OP_TIMEOUT 11
#define IORING_OP_ACCEPT 13
#define IORING_OP_READ 22
#define IORING_OP_WRITE 23
#define IORING_OP_SEND 26
#define IORING_OP_RECV 27
#define IORING_OP_URING_CMD 46
#define IORING_OP_SEND_ZC 47
#define IORING_OP_SENDMSG_ZC 48
#define IORING_OP_READ_MULTISHOT 49
#define IORING_OP_RECV_ZC 58
/* include/uapi/linux/futex.h */
#define FUTEX_COMMAND 0x7f
#define FUTEX_PRIVATE_FLAG 128 /* futex2 has it too */
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_REQUEUE 3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAKE_OP 5
#define FUTEX_LOCK_PI 6
#define FUTEX_UNLOCK_PI 7
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_WAIT_REQUEUE_PI 11
#define FUTEX_CMP_REQUEUE_PI 12
#define FUTEX_LOCK_PI2 13
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000

/* Since 6.2, and user space says so: a pointer that the kernel lets programs follow like one of its
 * own, at the cost of a load. Else each step is a call of bpf_probe_read_kernel(), 30 ns and more.
 */
extern void* bpf_rdonly_cast(const void* object, __u32 type) __ksym __weak;
const volatile __u8 can_cast = 0;

#define CAST(type, object) \
  ((struct type*)bpf_rdonly_cast(object, bpf_core_type_id_kernel(struct type)))

static __always_inline unsigned int task_state(const struct task_struct* task) {
  if (bpf_core_field_exists(task->__state)) return task->__state;
  return (unsigned int)BPF_CORE_READ((const struct task_struct___before_5_14*)task, state);
}

/* A 32-bit call on a 64-bit kernel: its numbers mean other calls. Told by the mode of the caller's
 * code, so a 64-bit program's int 0x80 is taken for a 64-bit call. */
static __always_inline bool in_compat_call(const struct pt_regs* regs) {
#if defined(__TARGET_ARCH_x86)
  return regs->cs == 0x23; /* __USER32_CS, arch/x86/include/asm/segment.h */
#else
  return regs->pstate & 0x10; /* PSR_MODE32_BIT, arch/arm64/include/uapi/asm/ptrace.h */
#endif
}

static __always_inline __u32 futex_operation(const struct pt_regs* regs) {
#if defined(__TARGET_ARCH_x86)
  return (__u32)regs->si;
#else
  return (__u32)regs->regs[1];
#endif
}

/* Of an mmap: does it map code from a file? include/uapi/asm-generic/mman-common.h */
static __always_inline bool maps_code(const struct pt_regs* regs) {
#define PROT_EXEC 4
#define MAP_ANONYMOUS 0x20
#if defined(__TARGET_ARCH_x86)
  return regs->dx & PROT_EXEC && !(regs->r10 & MAP_ANONYMOUS);
#else
  return regs->regs[2] & PROT_EXEC && !(regs->regs[3] & MAP_ANONYMOUS);
#endif
}

/* Still what the caller passed when the call returns. */
static __always_inline __u64 first_argument(const struct pt_regs* regs) {
#if defined(__TARGET_ARCH_x86)
  return regs->di;
#else
  return regs->orig_x0;
#endif
}

/* The flags of a recvfrom, recvmsg or recvmmsg. */
static __always_inline __u32 receive_flags(const struct pt_regs* regs, __u32 call) {
#if defined(__TARGET_ARCH_x86)
  return (__u32)(call == NR_RECVMSG ? regs->dx : regs->r10);
#else
  return (__u32)(call == NR_RECVMSG ? regs->regs[2] : regs->regs[3]);
#endif
}

/* The same of a stopped task. */
static __always_inline __u64 first_argument_of(const struct pt_regs* regs) {
#if defined(__TARGET_ARCH_x86)
  return BPF_CORE_READ(regs, di);
#else
  return BPF_CORE_READ(regs, orig_x0);
#endif
}

static __always_inline __u64 second_argument_of(const struct pt_regs* regs) {
#if defined(__TARGET_ARCH_x86)
  return BPF_CORE_READ(regs, si);
#else
  return BPF_CORE_READ(regs, regs[1]);
#endif
}

/* The number of the call that the running thread leaves, as the kernel still has it; -1: that was
 * lost on the way, as rt_sigreturn does. */
static __always_inline long call_left(const struct pt_regs* regs) {
#if defined(__TARGET_ARCH_x86)
  return (long)regs->orig_ax;
#else
  return (long)regs->syscallno;
#endif
}

/* The number of the call that a stopped task is in; -1: none. */
static __always_inline long call_under_way(const struct pt_regs* regs) {
#if defined(__TARGET_ARCH_x86)
  return (long)BPF_CORE_READ(regs, orig_ax);
#else
  return (long)BPF_CORE_READ(regs, syscallno);
#endif
}

#endif
