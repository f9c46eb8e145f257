#include "report/names.h"

#include <cerrno>
#include <csignal>

#include <gtest/gtest.h>

namespace tr::report {
namespace {

TEST(ErrnoName, KnowsThoseOfUserSpaceAndOfTheKernel) {
  EXPECT_EQ(errno_name(EAGAIN), "EAGAIN");
  EXPECT_EQ(errno_name(ECONNRESET), "ECONNRESET");
  EXPECT_EQ(errno_name(512), "ERESTARTSYS");
  EXPECT_EQ(errno_name(0), "errno 0");
  EXPECT_EQ(errno_name(4'000), "errno 4000");
}

TEST(SignalName, KnowsSignals) {
  EXPECT_EQ(signal_name(SIGSEGV), "SIGSEGV");
  EXPECT_EQ(signal_name(0), "signal 0");
  EXPECT_EQ(signal_name(-1), "signal -1");
  EXPECT_EQ(signal_name(1'000'000), "signal 1000000");
}

TEST(SyscallMeaning, IsGivenForWhatServersCall) {
  EXPECT_EQ(syscall_meaning("epoll_wait"), "wait until a connection is ready");
  EXPECT_EQ(syscall_meaning("quotactl"), "");
}

}  // namespace
}  // namespace tr::report
