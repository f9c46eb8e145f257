// Is each message followed that goes through io_uring?
#include <array>
#include <cstdint>
#include <sys/socket.h>

#include <gmock/gmock.h>

#include "followed.h"
#include "uring_ring.h"
#include "util/clock.h"
#include "util/fd.h"

namespace tr::kernel_test {
namespace {

struct Way {
  unsigned ring_flags;
  unsigned send_flags;
  bool by_descriptor;
};

class UringMessages : public Followed, public testing::WithParamInterface<Way> {
 protected:
  void SetUp() override {
    io_uring ring{};
    if (const int error = io_uring_queue_init(2, &ring, GetParam().ring_flags); error != 0)
      GTEST_SKIP() << "no such io_uring here: " << std::strerror(-error);
    io_uring_queue_exit(&ring);
  }

  // Receives, works, and sends as much.
  void serve() const {
    TestRing ring(GetParam().ring_flags);
    io_uring_prep_nop(ring.next());
    ring.submit(1);
    ring.take_expecting(0);
    shared_->step = 1;
    const Fd client = accept();
    std::array<char, 64> message{};
    for (;;) {
      io_uring_prep_recv(ring.next(), client.get(), message.data(), message.size(), 0);
      ring.submit(1);
      const int got = ring.take(1)[0];
      if (got == 0) return;
      check(got == 64);
      const std::uint64_t start = monotonic_ns();
      work_for(kMillisecond);
      shared_->at_least_ns += monotonic_ns() - start;
      io_uring_sqe* const send = ring.next();
      io_uring_prep_send(send, client.get(), message.data(), message.size(), 0);
      send->flags = static_cast<std::uint8_t>(send->flags | GetParam().send_flags);
      ring.submit(1);
      ring.take_expecting(64);
    }
  }
};

constexpr std::uint64_t kMessages = 30;

TEST_P(UringMessages, AreFollowedEachAndWhole) {
  for (const std::uint32_t size : {64U, 0U}) {
    TRACE_RUN_LOAD_OR_SKIP(probes, follow_options(GetParam().by_descriptor));
    shared_->at_least_ns = 0;
    round_trips_ns_ = 0;
    shared_->step = 0;
    const MessagePath path = follow(
        probes, size, [&] { serve(); },
        [&] {
          wait_for(shared_->step, 1);
          (void)probes.read_news();  // there is a ring: its sends will be shown
          ask(connect().get(), kMessages, 64);
        });
    EXPECT_EQ(messages_of(path), kMessages);
    // When tcp_sendmsg_locked is entered is not known of a send by a worker where there is none.
    const bool unknown = GetParam().send_flags & IOSQE_ASYNC && path.notes.at("no_send") != 0;
    if (unknown) {
      EXPECT_EQ(path.notes.at("no_send"), kMessages);
      EXPECT_GE(leg_ns(path, "unresolved"), shared_->at_least_ns);
      continue;
    }
    expect_resolved(path, kMessages);
    EXPECT_GE(leg_ns(path, "work"), shared_->at_least_ns);
    EXPECT_LE(whole_ns(path), round_trips_ns_);
  }
}

INSTANTIATE_TEST_SUITE_P(BySocket, UringMessages,
                         testing::Values(Way{0, 0, false}, Way{kDeferred, 0, false},
                                         Way{IORING_SETUP_SQPOLL, 0, false},
                                         Way{0, IOSQE_ASYNC, false}));
INSTANTIATE_TEST_SUITE_P(ByDescriptor, UringMessages,
                         testing::Values(Way{0, 0, true}, Way{kDeferred, 0, true},
                                         Way{IORING_SETUP_SQPOLL, 0, true},
                                         Way{0, IOSQE_ASYNC, true}));

}  // namespace
}  // namespace tr::kernel_test
