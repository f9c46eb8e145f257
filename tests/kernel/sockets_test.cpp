// Are messages through sockets told from other data, and counted whatever call carries them?
#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <tuple>
#include <unistd.h>

#include <gmock/gmock.h>

#include "traced.h"
#include "util/fd.h"

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

// A server that talks to itself as well as to a client.
class OwnLinks : public testing::TestWithParam<std::tuple<int, bool>> {
 protected:
  // Its address, as a listener has it or a client needs it.
  struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;

    explicit Address(int family) {
      storage.ss_family = static_cast<sa_family_t>(family);
      if (family == AF_INET6) {
        reinterpret_cast<sockaddr_in6&>(storage).sin6_addr = in6addr_loopback;
        length = sizeof(sockaddr_in6);
      } else {
        reinterpret_cast<sockaddr_in&>(storage).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        length = sizeof(sockaddr_in);
      }
    }
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
    // The port lies in the same place in both (RFC 3493).
    std::uint16_t port() { return ntohs(reinterpret_cast<sockaddr_in&>(storage).sin_port); }
  };
};

TEST_P(OwnLinks, AreNoClients) {
  const int family = std::get<0>(GetParam());
  const bool inspect = std::get<1>(GetParam());
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{.inspect_descriptors = inspect});
  Address address(family);
  const Fd listener(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener || ::bind(listener.get(), address.get(), address.length) != 0)
    GTEST_SKIP() << "no loopback of this family";
  ASSERT_EQ(::listen(listener.get(), 2), 0);
  ASSERT_EQ(::getsockname(listener.get(), address.get(), &address.length), 0);
  probes.serve_ports(address.port(), 1);

  const Fd client(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), address.get(), address.length), 0);
  ASSERT_EQ(::send(client.get(), "hello", 5, 0), 5);

  const Outcome outcome = trace(probes, [&] {
    const int from_client = ::accept(listener.get(), nullptr, nullptr);
    const int link = ::socket(family, SOCK_STREAM, 0);
    if (::connect(link, address.get(), address.length) != 0) ::_exit(1);
    const int accepted = ::accept(listener.get(), nullptr, nullptr);
    char byte = 'x';
    bool good = true;
    for (int i = 0; i < 7; ++i)
      good &= ::send(link, &byte, 1, 0) == 1 && ::recv(accepted, &byte, 1, 0) == 1;
    for (int i = 0; i < 5; ++i)
      good &= ::recv(from_client, &byte, 1, 0) == 1;
    good &= ::send(from_client, &byte, 1, 0) == 1 && ::send(accepted, &byte, 1, 0) == 1;
    if (!good) ::_exit(1);
  });
  expect_sound(outcome);
  const TaskCounts& total = outcome.counts.total;
  EXPECT_EQ(total.received_messages, 12U);
  EXPECT_EQ(total.sent_messages, 9U);
  EXPECT_EQ(total.served_messages, 5U);
  EXPECT_EQ(total.served_bytes, 5U);
  EXPECT_EQ(total.inter_server_messages, 7U);
}

INSTANTIATE_TEST_SUITE_P(, OwnLinks,
                         testing::Combine(testing::Values(AF_INET, AF_INET6), testing::Bool()),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param) == AF_INET6 ? "IPv6"
                                                                                  : "IPv4") +
                                  (std::get<1>(test.param) ? "_by_descriptor" : "");
                         });

}  // namespace
}  // namespace tr::kernel_test
