#include "capture/syscall_names.h"

#include <cerrno>
#include <linux/futex.h>
#include <sys/syscall.h>

#include <gtest/gtest.h>

namespace tr::capture {
namespace {

TEST(SyscallName, KnowsTheNativeNumbers) {
  EXPECT_EQ(syscall_name(SYS_futex), "futex");
  EXPECT_EQ(syscall_name(SYS_recvfrom), "recvfrom");
  EXPECT_EQ(syscall_name(SYS_io_uring_enter), "io_uring_enter");
}

TEST(SyscallName, KnowsTheCompatNumbers) {
#if defined(__x86_64__)
  // i386: arch/x86/entry/syscalls/syscall_32.tbl.
  EXPECT_EQ(syscall_name(240, true), "futex");
  EXPECT_EQ(syscall_name(371, true), "recvfrom");
  EXPECT_EQ(syscall_name(422, true), "futex_time64");
#elif defined(__aarch64__)
  // arm: arch/arm/tools/syscall.tbl.
  EXPECT_EQ(syscall_name(240, true), "futex");
  EXPECT_EQ(syscall_name(292, true), "recvfrom");
  EXPECT_EQ(syscall_name(0xf0005, true), "set_tls");
#else
  GTEST_SKIP() << "no compat table for this architecture";
#endif
}

#if defined(__x86_64__)
TEST(SyscallName, KnowsX32Calls) {
  EXPECT_EQ(syscall_name(0x40000000 | 512), "rt_sigaction");
  EXPECT_EQ(syscall_name(0x40000000 | SYS_futex), "futex");
  EXPECT_EQ(syscall_name(0x40000000 | 462), "mseal");
}

TEST(SyscallName, KnowsWhatX8664AloneHas) {
  EXPECT_EQ(syscall_name(335), "uretprobe");
  EXPECT_EQ(syscall_name(336), "uprobe");
  EXPECT_NE(syscall_name(335, true), "uretprobe");
}
#endif

TEST(SyscallName, HasNoGapAmongTheNumbersThatAllArchitecturesShare) {
  for (int number = 424; number <= 471; ++number) {
    if (number == 447) continue;  // memfd_secret is not on every architecture
    for (const bool compat : {false, true})
      EXPECT_EQ(syscall_name(number, compat).find("syscall_"), std::string::npos) << number;
  }
  EXPECT_EQ(syscall_name(451), "cachestat");
  EXPECT_EQ(syscall_name(462), "mseal");
  EXPECT_EQ(syscall_name(471, true), "rseq_slice_yield");
}

TEST(SyscallName, GivesTheNumberOfOthers) {
  EXPECT_EQ(syscall_name(511), "syscall_511");
  EXPECT_EQ(syscall_name(100'000), "syscall_100000");
  EXPECT_EQ(syscall_name(-1), "syscall_-1");
  EXPECT_EQ(syscall_name(-101, true), "syscall_-101");  // libseccomp's own number for i386's socket
}

TEST(FutexOperationName, CoversTheHeader) {
  EXPECT_EQ(futex_operation_name(FUTEX_WAIT), "WAIT");
  EXPECT_EQ(futex_operation_name(FUTEX_WAKE_PRIVATE), "WAKE_PRIVATE");
  EXPECT_EQ(futex_operation_name(FUTEX_FD), "FD");
  EXPECT_EQ(futex_operation_name(FUTEX_REQUEUE_PRIVATE), "REQUEUE_PRIVATE");
  EXPECT_EQ(futex_operation_name(FUTEX_CMP_REQUEUE_PRIVATE), "CMP_REQUEUE_PRIVATE");
  EXPECT_EQ(futex_operation_name(FUTEX_WAKE_OP_PRIVATE), "WAKE_OP_PRIVATE");
  EXPECT_EQ(futex_operation_name(FUTEX_LOCK_PI_PRIVATE), "LOCK_PI_PRIVATE");
  EXPECT_EQ(futex_operation_name(FUTEX_LOCK_PI2), "LOCK_PI2");
  EXPECT_EQ(futex_operation_name(FUTEX_UNLOCK_PI), "UNLOCK_PI");
  EXPECT_EQ(futex_operation_name(FUTEX_TRYLOCK_PI), "TRYLOCK_PI");
  EXPECT_EQ(futex_operation_name(FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME),
            "WAIT_BITSET_PRIVATE|REALTIME");
  EXPECT_EQ(futex_operation_name(FUTEX_WAKE_BITSET), "WAKE_BITSET");
  EXPECT_EQ(futex_operation_name(FUTEX_WAIT_REQUEUE_PI_PRIVATE), "WAIT_REQUEUE_PI_PRIVATE");
  EXPECT_EQ(futex_operation_name(FUTEX_CMP_REQUEUE_PI_PRIVATE), "CMP_REQUEUE_PI_PRIVATE");
}

TEST(FutexOperationName, ShowsWhatItDoesNotKnow) {
  EXPECT_EQ(futex_operation_name(14), "OP_14");
  EXPECT_EQ(futex_operation_name(FUTEX_WAKE_PRIVATE | 512), "WAKE_PRIVATE|ROBUST_UNLOCK");
  EXPECT_EQ(futex_operation_name(2048 + 1), "OP_2049");
}

TEST(ErrnoName, CoversUserAndKernelErrors) {
  EXPECT_EQ(errno_name(EAGAIN), "EAGAIN");
  EXPECT_EQ(errno_name(ETIMEDOUT), "ETIMEDOUT");
  EXPECT_EQ(errno_name(512), "ERESTARTSYS");
  EXPECT_EQ(errno_name(516), "ERESTART_RESTARTBLOCK");
  EXPECT_EQ(errno_name(4095), "errno_4095");
}

}  // namespace
}  // namespace tr::capture
