// Is what goes through io_uring counted by operation?
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "traced.h"
#include "uring_ring.h"
#include "util/clock.h"
#include "util/fd.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class Uring : public WithRing {};

INSTANTIATE_TEST_SUITE_P(Plain, Uring, testing::Values(0U));
INSTANTIATE_TEST_SUITE_P(Deferred, Uring, testing::Values(kDeferred));

TEST_P(Uring, NopsAreCountedWithTheirCalls) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  ASSERT_TRUE(probes.options().uring);
  const Outcome outcome = trace(probes, [] {
    TestRing ring(GetParam());
    for (int round = 0; round < 100; ++round) {
      for (int i = 0; i < 10; ++i)
        io_uring_prep_nop(ring.next());
      ring.submit(10);
      ring.take_expecting(0, 10);
    }
  });
  expect_sound(outcome);
  ASSERT_TRUE(outcome.counts.total.uring);
  EXPECT_EQ(outcome.counts.total.uring->operations.size(), 1U);
  const UringOperation nop = operation(outcome, "NOP");
  EXPECT_EQ(nop.submitted, 1000U);
  EXPECT_EQ(nop.completed, 1000U);
  EXPECT_EQ(latencies(nop), 1000U);
  EXPECT_EQ(nop.polled + nop.to_worker + nop.more + nop.by_sqpoll + nop.silent, 0U);
  EXPECT_EQ(nop.under_way, 0U);
  EXPECT_THAT(nop.errors_by_errno, IsEmpty());
  EXPECT_EQ(outcome.call(name_of(SYS_io_uring_enter)).calls, 100U);
  EXPECT_EQ(outcome.call(name_of(SYS_io_uring_enter)).returned, 1000U);
}

void send_and_receive(bool inspect_descriptors, unsigned flags) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{.inspect_descriptors = inspect_descriptors});
  const Outcome outcome = trace(probes, [flags] {
    const auto ends = socket_pair();
    TestRing ring(flags);
    std::array<char, 100> out{};
    std::array<char, 100> in{};
    for (int i = 0; i < 500; ++i) {
      // The receive comes first: it must wait until the socket is readable.
      io_uring_prep_recv(ring.next(1), ends[0].get(), in.data(), in.size(), 0);
      io_uring_prep_send(ring.next(2), ends[1].get(), out.data(), out.size(), 0);
      ring.submit(2);
      ring.take_expecting(100, 2);
    }
  });
  expect_sound(outcome);
  const UringOperation send = operation(outcome, "SEND");
  const UringOperation receive = operation(outcome, "RECV");
  EXPECT_EQ(send.submitted, 500U);
  EXPECT_EQ(send.completed, 500U);
  EXPECT_EQ(send.polled, 0U);
  EXPECT_EQ(receive.submitted, 500U);
  EXPECT_EQ(receive.completed, 500U);
  EXPECT_EQ(receive.polled, 500U);
  EXPECT_EQ(latencies(send) + latencies(receive), 1000U);
  const TaskCounts& total = outcome.counts.total;
  EXPECT_EQ(total.sent_messages, 500U);
  EXPECT_EQ(total.sent_bytes, 50'000U);
  EXPECT_EQ(total.received_messages, 500U);
  EXPECT_EQ(total.received_bytes, 50'000U);
}

TEST_P(Uring, SendsAndReceivesAreTheSocketsMessages) {
  send_and_receive(false, GetParam());
}

TEST_P(Uring, SendsAndReceivesAreToldByTheirFilesToo) {
  send_and_receive(true, GetParam());
}

TEST_P(Uring, FailuresAreToldApart) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    TestRing ring(GetParam() | IORING_SETUP_SUBMIT_ALL);
    char byte = 0;
    for (int i = 0; i < 7; ++i)
      io_uring_prep_read(ring.next(), 12345, &byte, 1, 0);
    ring.submit(7);
    ring.take_expecting(-EBADF, 7);
    // Malformed: an offset to a call that has none.
    for (int i = 0; i < 3; ++i) {
      io_uring_sqe* const sqe = ring.next();
      io_uring_prep_close(sqe, 12345);
      sqe->off = 1;
    }
    ring.submit(3);
    ring.take_expecting(-EINVAL, 3);
    // A chain that breaks at its first request.
    io_uring_sqe* const first = ring.next();
    io_uring_prep_read(first, 12345, &byte, 1, 0);
    first->flags |= IOSQE_IO_LINK;
    io_uring_prep_nop(ring.next());
    ring.submit(2);
    const std::vector<int> results = ring.take(2);
    check(results[0] == -EBADF && results[1] == -ECANCELED);
  });
  expect_sound(outcome);
  const UringOperation read = operation(outcome, "READ");
  EXPECT_EQ(read.submitted, 8U);
  EXPECT_EQ(read.completed, 8U);
  EXPECT_THAT(read.errors_by_errno, ElementsAre(Pair(EBADF, 8U)));
  const UringOperation close = operation(outcome, "CLOSE");
  EXPECT_EQ(close.submitted, 3U);
  EXPECT_EQ(close.refused, 3U);
  EXPECT_EQ(close.completed, 3U);
  EXPECT_THAT(close.errors_by_errno, ElementsAre(Pair(EINVAL, 3U)));
  EXPECT_THAT(operation(outcome, "NOP").errors_by_errno, ElementsAre(Pair(ECANCELED, 1U)));
  EXPECT_EQ(operation(outcome, "NOP").under_way, 0U);
}

TEST_P(Uring, TimeoutsAndCancellationsEndRequests) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    const auto ends = socket_pair();
    TestRing ring(GetParam());
    char byte = 0;
    __kernel_timespec time{.tv_sec = 0, .tv_nsec = 5'000'000};
    io_uring_prep_timeout(ring.next(), &time, 0, 0);
    ring.submit(1);
    ring.take_expecting(-ETIME);
    io_uring_prep_recv(ring.next(77), ends[0].get(), &byte, 1, 0);
    ring.submit();
    io_uring_prep_cancel64(ring.next(78), 77, 0);
    ring.submit(2);
    const std::vector<int> results = ring.take(2);
    check(results[0] + results[1] == -ECANCELED);
  });
  expect_sound(outcome);
  const UringOperation timeout = operation(outcome, "TIMEOUT");
  EXPECT_EQ(timeout.submitted, 1U);
  EXPECT_EQ(timeout.completed, 1U);
  EXPECT_THAT(timeout.errors_by_errno, ElementsAre(Pair(ETIME, 1U)));
  ASSERT_EQ(latencies(timeout), 1U);
  EXPECT_GE(to_histogram(timeout.latency, kKernelBuckets).max(), 4'000'000U);
  const UringOperation receive = operation(outcome, "RECV");
  EXPECT_EQ(receive.polled, 1U);
  EXPECT_THAT(receive.errors_by_errno, ElementsAre(Pair(ECANCELED, 1U)));
  EXPECT_EQ(operation(outcome, "ASYNC_CANCEL").completed, 1U);
}

TEST_P(Uring, SilentRequestsAreSubmittedWithoutACompletion) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    TestRing ring(GetParam());
    for (int i = 0; i < 50; ++i) {
      io_uring_sqe* const silent = ring.next();
      io_uring_prep_nop(silent);
      silent->flags |= IOSQE_CQE_SKIP_SUCCESS;
      io_uring_prep_nop(ring.next());
      ring.submit(1);
      ring.take_expecting(0);
    }
    char byte = 0;
    io_uring_sqe* const fails = ring.next();
    io_uring_prep_read(fails, 12345, &byte, 1, 0);
    fails->flags |= IOSQE_CQE_SKIP_SUCCESS;
    ring.submit(1);
    ring.take_expecting(-EBADF);
  });
  expect_sound(outcome);
  const UringOperation nop = operation(outcome, "NOP");
  EXPECT_EQ(nop.submitted, 100U);
  EXPECT_EQ(nop.silent, 50U);
  EXPECT_EQ(nop.completed, 50U);
  EXPECT_EQ(nop.broke_silence, 0U);
  EXPECT_EQ(latencies(nop), 50U);
  EXPECT_EQ(nop.under_way, 0U);
  const UringOperation read = operation(outcome, "READ");
  EXPECT_EQ(read.silent, 1U);
  EXPECT_EQ(read.broke_silence, 1U);
  EXPECT_EQ(read.completed, 1U);
}

// A listening socket on loopback; its port.
std::uint16_t listen_on(const Fd& listener) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  check(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  check(::listen(listener.get(), 64) == 0);
  check(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  return ntohs(address.sin_port);
}

Fd connect_to(std::uint16_t port) {
  Fd client(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  check(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  return client;
}

// One request accepts all, one receives all of a client's messages: only the first completion of
// neither says which request it is of.
void accept_and_receive_many(bool inspect_descriptors, unsigned flags) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{.inspect_descriptors = inspect_descriptors});
  const Outcome outcome = trace(probes, [flags] {
    TestRing ring(flags);
    const Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
    const std::uint16_t port = listen_on(listener);
    io_uring_prep_multishot_accept(ring.next(1), listener.get(), nullptr, nullptr, 0);
    ring.submit();
    std::vector<Fd> clients;
    for (int i = 0; i < 10; ++i) {
      clients.push_back(connect_to(port));
      const int accepted = ring.take(1)[0];
      check(accepted >= 0);
      if (i > 0) ::close(accepted);
    }
    static std::array<std::array<char, 64>, 8> buffers;
    io_uring_prep_provide_buffers(ring.next(2), buffers.data(), 64, 8, 1, 0);
    ring.submit(1);
    check(ring.take(1)[0] >= 0);
    const auto ends = socket_pair();
    io_uring_sqe* const receive = ring.next(3);
    io_uring_prep_recv_multishot(receive, ends[0].get(), nullptr, 0, 0);
    receive->flags |= IOSQE_BUFFER_SELECT;
    receive->buf_group = 1;
    ring.submit();
    for (int i = 0; i < 8; ++i) {
      check(::write(ends[1].get(), "message", 8) == 8);
      ring.take_expecting(8);
    }
    check(::write(ends[1].get(), "message", 8) == 8);
    ring.take_expecting(-ENOBUFS);  // its last
  });
  expect_sound(outcome);
  const UringOperation accept = operation(outcome, "ACCEPT");
  EXPECT_EQ(accept.submitted, 1U);
  // The ring ends while it is under way.
  EXPECT_GE(accept.completed, 10U);
  EXPECT_LE(accept.completed, 11U);
  EXPECT_EQ(accept.more, 10U);
  EXPECT_EQ(latencies(accept), 0U);
  const UringOperation receive = operation(outcome, "RECV");
  EXPECT_EQ(receive.submitted, 1U);
  EXPECT_EQ(receive.completed, 9U);
  EXPECT_EQ(receive.more, 8U);
  EXPECT_EQ(latencies(receive), 0U);
  EXPECT_THAT(receive.errors_by_errno, ElementsAre(Pair(ENOBUFS, 1U)));
  EXPECT_EQ(receive.under_way, 0U);
  EXPECT_EQ(operation(outcome, "PROVIDE_BUFFERS").completed, 1U);
  EXPECT_EQ(operation(outcome, "").completed, 0U);
  EXPECT_EQ(outcome.counts.total.received_messages, 8U);
}

TEST_P(Uring, MultishotCompletionsBelongToTheirRequest) {
  accept_and_receive_many(false, GetParam());
}

TEST_P(Uring, MultishotReceivesAreToldByTheirFilesToo) {
  accept_and_receive_many(true, GetParam());
}

// A receive that was there before the tracing: what it completes is counted, and said to be of an
// operation that is not known.
TEST_P(Uring, WhatIsOlderThanTheTracingIsNotGuessed) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  std::array<int, 2> ready{};
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe2(ready.data(), O_CLOEXEC) | ::pipe2(go.data(), O_CLOEXEC), 0);
  HeldChild child([&] {
    const auto ends = socket_pair();  // outlive the ring: their end would be one event more
    TestRing ring(GetParam());
    io_uring_prep_poll_multishot(ring.next(), ends[0].get(), POLLIN);
    char byte = 0;
    io_uring_prep_recv(ring.next(), ends[1].get(), &byte, 1, 0);
    ring.submit();
    check(::write(ready[1], "x", 1) == 1);
    check(::read(go[0], &byte, 1) == 1);
    check(::write(ends[1].get(), "x", 1) == 1);
    ring.take_expecting(POLLIN);
    check(::read(ends[0].get(), &byte, 1) == 1);
    check(::write(ends[0].get(), "x", 1) == 1);
    ring.take_expecting(1);
  });
  child.go();
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  const std::array<pid_t, 1> processes = {child.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  open_window(probes);
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  ASSERT_EQ(child.wait(), 0);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  EXPECT_EQ(operation(outcome, "").completed, 1U);
  const UringOperation receive = operation(outcome, "RECV");
  EXPECT_EQ(receive.submitted, 0U);
  EXPECT_EQ(receive.completed, 1U);
  EXPECT_EQ(receive.unknown_start, 1U);
  EXPECT_EQ(latencies(receive), 0U);
}

TEST_P(Uring, WhatARingPostsToAnotherIsOfNoOperation) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    TestRing from(GetParam());
    TestRing to(GetParam());
    for (int i = 0; i < 20; ++i) {
      io_uring_prep_msg_ring(from.next(), to.get()->ring_fd, 5, 99, 0);
      from.submit(1);
      from.take_expecting(0);
      to.take_expecting(5);
    }
  });
  expect_sound(outcome);
  EXPECT_EQ(operation(outcome, "MSG_RING").submitted, 20U);
  EXPECT_EQ(operation(outcome, "MSG_RING").completed, 20U);
  EXPECT_EQ(operation(outcome, "").completed, 20U);
}

// What ends after the window was under way when it closed.
TEST_P(Uring, RequestsUnderWayAtTheWindowsEndAreTold) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  std::array<int, 2> ready{};
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe2(ready.data(), O_CLOEXEC) | ::pipe2(go.data(), O_CLOEXEC), 0);
  HeldChild child([&] {
    const auto ends = socket_pair();
    TestRing ring(GetParam());
    std::array<char, 4> bytes{};
    for (unsigned i = 0; i < 4; ++i)
      io_uring_prep_recv(ring.next(), ends[0].get(), &bytes[i], 1, 0);
    ring.submit();
    check(::write(ends[1].get(), "x", 1) == 1);
    ring.take_expecting(1);
    check(::write(ready[1], "x", 1) == 1);
    char byte = 0;
    check(::read(go[0], &byte, 1) == 1);
    check(::write(ends[1].get(), "y", 1) == 1);
    ring.take_expecting(1);
  });
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  const std::array<pid_t, 1> processes = {child.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  open_window(probes);
  child.go();
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  const std::uint64_t close = probes.close_window_at(0);
  while (monotonic_ns() < close)
    sleep_until_ns(close);
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  ASSERT_EQ(child.wait(), 0);
  const Outcome outcome = collect_closed(probes);
  const UringOperation receive = operation(outcome, "RECV");
  EXPECT_EQ(receive.submitted, 4U);
  EXPECT_EQ(receive.completed, 1U);
  EXPECT_EQ(receive.under_way, 3U);
}

}  // namespace
}  // namespace tr::kernel_test
