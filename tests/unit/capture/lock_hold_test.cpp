#include "capture/lock_hold.h"

#include <gmock/gmock.h>

#include "capture/kernel_file.h"

namespace tr::capture {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(LockHold, TheLibcIsFoundInMaps) {
  EXPECT_THAT(
      libc_of("7f00-7f10 r--p 00000000 fe:00 11 /usr/lib/x86_64-linux-gnu/libc.so.6\n"
              "7f10-7f20 r-xp 00010000 fe:00 11 /usr/lib/x86_64-linux-gnu/libc.so.6\n"
              "7f30-7f40 r-xp 00000000 fe:00 12 /usr/lib/x86_64-linux-gnu/libcrypto.so.3\n"),
      ElementsAre("/usr/lib/x86_64-linux-gnu/libc.so.6"));
  EXPECT_THAT(libc_of("7f00-7f10 r-xp 0 fe:00 1 /lib/x86_64-linux-gnu/libc-2.31.so\n"
                      "7f20-7f30 r-xp 0 fe:00 2 /lib/x86_64-linux-gnu/libpthread-2.31.so\n"),
              SizeIs(2));
  EXPECT_THAT(libc_of("7f00-7f10 r-xp 0 fe:00 1 /lib/ld-musl-x86_64.so.1\n"),
              ElementsAre("/lib/ld-musl-x86_64.so.1"));
  EXPECT_THAT(libc_of("5500-5510 r-xp 0 fe:00 1 /usr/bin/static\n"), IsEmpty());
}

TEST(LockHold, FunctionsOfOurOwnLibc) {
  const auto libc = libc_of(kernel_text("", "/proc/self/maps").value_or(""));
  ASSERT_THAT(libc, testing::Not(IsEmpty()));
  // Before glibc 2.34 they are in libpthread.
  const auto probes = mutex_probes(libc.back());
  ASSERT_TRUE(probes.ok()) << probes.error().text();
  std::size_t locks = 0;
  std::size_t waits = 0;
  for (const MutexProbe& probe : *probes) {
    EXPECT_NE(probe.offset, 0U);
    if (probe.function == "pthread_mutex_lock") ++locks;
    if (probe.function == "pthread_cond_wait") ++waits;
  }
  EXPECT_EQ(locks, 2U);  // at entry and at return
  EXPECT_EQ(waits, 2U);  // of the default version alone
}

TEST(LockHold, AFileWithoutMutexesIsRefused) {
  EXPECT_FALSE(mutex_probes("/proc/self/exe").ok());
  EXPECT_FALSE(mutex_probes("/proc/self/maps").ok());
  EXPECT_FALSE(mutex_probes("/nowhere").ok());
}

TEST(LockHold, APairTakesSomeTime) {
  EXPECT_GT(lock_pair_ns(), 0);
}

}  // namespace
}  // namespace tr::capture
