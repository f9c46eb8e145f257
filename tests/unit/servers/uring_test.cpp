// What io_uring alone can run into: being forbidden, an old kernel, more input than buffers.
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client.h"
#include "server_process.h"

namespace servers::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// From now on this call fails with this errno, if its second argument is `second`, or always.
void forbid(long call, int error, int second = -1) {
  const auto load = [](std::size_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  };
  // Jumps count the instructions that are passed over.
  sock_filter program[] = {
      load(offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 3),
      load(offsetof(seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(second), 0,
               static_cast<std::uint8_t>(second >= 0 ? 1 : 0)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = std::size(program), .filter = program};
  constexpr int kNoPrivilege = 125;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    ::_exit(kNoPrivilege);
}

TEST(UringTest, WhereItIsForbiddenThatIsOneLineWithTheRemedyAndExitCode1) {
  ServerProcess forbidden(server_path("uring"), {}, [] { forbid(SYS_io_uring_setup, EPERM); });
  EXPECT_EQ(forbidden.wait(), 1);
  EXPECT_THAT(forbidden.next_error_line(),
              AllOf(HasSubstr("cannot set up io_uring: Operation not permitted"),
                    testing::AnyOf(HasSubstr("kernel.io_uring_disabled=0"), HasSubstr("seccomp"))));
  EXPECT_EQ(forbidden.rest_of_stderr(), "");

  ServerProcess hidden(server_path("uring"), {}, [] { forbid(SYS_io_uring_setup, ENOSYS); });
  EXPECT_EQ(hidden.wait(), 1);
  EXPECT_THAT(hidden.next_error_line(), HasSubstr("this kernel is built without it"));
}

TEST(UringTest, WhatAnOldKernelLacksIsSaidOnceAndDoneWithout) {
  constexpr int kRegisterBufferRing = 22;  // IORING_REGISTER_PBUF_RING
  ServerProcess server(server_path("uring"), {},
                       [] { forbid(SYS_io_uring_register, EINVAL, kRegisterBufferRing); });
  EXPECT_EQ(Client(server.port()).echo("x"), "x");
  EXPECT_THAT(server.next_error_line(), HasSubstr("io_uring has no buffer rings"));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  EXPECT_EQ(server.rest_of_stderr(), "");
}

class UringBuffersTest : public ModelTest {};

TEST_P(UringBuffersTest, MoreClientsSendAtOnceThanThereAreBuffers) {
  ServerProcess server(UringBuffersTest::server(), serving(1));
  std::vector<Client> clients;
  for (int i = 0; i < 600; ++i) {
    clients.emplace_back(server.port());
    ASSERT_EQ(clients.back().echo("x"), "x");
  }
  for (int round = 0; round < 3; ++round) {
    server.signal(SIGSTOP);
    for (std::size_t i = 0; i < clients.size(); ++i)
      clients[i].send(pattern(2000, i));
    server.signal(SIGCONT);
    for (std::size_t i = 0; i < clients.size(); ++i)
      ASSERT_TRUE(clients[i].receive(2000) == pattern(2000, i)) << "client " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(, UringBuffersTest,
                         testing::Values("uring", "uring --as-linux=5.19", "uring --as-linux=5.15"),
                         ModelTest::name);

}  // namespace
}  // namespace servers::test
