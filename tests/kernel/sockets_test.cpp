// Are messages through sockets told from other data, and counted whatever call carries them?
#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "traced.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(Sockets, AnEagainSpinIsSplitFromWhatSucceeds) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) != 0) ::_exit(1);
    char byte = 0;
    for (int i = 0; i < 900; ++i)
      (void)!::recv(ends[0], &byte, 1, 0);
    (void)!::send(ends[1], &byte, 1, 0);
    (void)!::recv(ends[0], &byte, 1, 0);
  });
  expect_sound(outcome);
  const SyscallStats recv = outcome.call(name_of(SYS_recvfrom));
  EXPECT_EQ(recv.calls, 901U);
  EXPECT_THAT(recv.errors_by_errno, UnorderedElementsAre(Pair(EAGAIN, 900)));
  EXPECT_EQ(outcome.counts.total.received_messages, 1U);
}

// Moves known amounts through sockets by every call that can, and through a pipe and a file, which
// are no sockets.

void move_data() {
  std::array<int, 2> ends{};
  std::array<int, 2> pipe_ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) ::_exit(1);
  if (::pipe(pipe_ends.data()) != 0) ::_exit(1);
  std::array<char, 100> data{};
  iovec part{data.data(), data.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  for (int i = 0; i < 10; ++i) {
    bool good = true;
    good &= ::send(ends[0], data.data(), 100, 0) == 100;
    good &= ::recv(ends[1], data.data(), 100, MSG_PEEK) == 100;  // moves nothing
    good &= ::recv(ends[1], data.data(), 100, 0) == 100;
    good &= ::write(ends[0], data.data(), 100) == 100;
    good &= ::read(ends[1], data.data(), 100) == 100;
    good &= ::writev(ends[0], &part, 1) == 100;
    good &= ::readv(ends[1], &part, 1) == 100;
    good &= ::sendmsg(ends[0], &message, 0) == 100;
    good &= ::recvmsg(ends[1], &message, 0) == 100;
    good &= ::write(pipe_ends[1], data.data(), 100) == 100;
    good &= ::read(pipe_ends[0], data.data(), 100) == 100;
    if (!good) ::_exit(1);
  }
}

TEST(Sockets, SocketMessagesAreCountedWhateverCallCarriesThem) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, move_data);
  expect_sound(outcome);
  EXPECT_EQ(outcome.counts.total.sent_messages, 40U);
  EXPECT_EQ(outcome.counts.total.sent_bytes, 4000U);
  EXPECT_EQ(outcome.counts.total.received_messages, 40U);
  EXPECT_EQ(outcome.counts.total.received_bytes, 4000U);
}

TEST(Sockets, DescriptorsTellSocketsWhereTracepointsAreMissing) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{.inspect_descriptors = true});
  const Outcome outcome = trace(probes, move_data);
  expect_sound(outcome);
  EXPECT_EQ(outcome.counts.total.sent_messages, 40U);
  EXPECT_EQ(outcome.counts.total.sent_bytes, 4000U);
  EXPECT_EQ(outcome.counts.total.received_messages, 40U);
  EXPECT_EQ(outcome.counts.total.received_bytes, 4000U);
}

}  // namespace
}  // namespace tr::kernel_test
