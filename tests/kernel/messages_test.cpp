// Is each message followed through the server, and is the time found on the leg where it was spent?
#include <array>
#include <atomic>
#include <functional>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "followed.h"
#include "traced.h"
#include "util/clock.h"
#include "util/fd.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;

class Messages : public Followed, public testing::WithParamInterface<bool> {
 protected:
  static ProbeOptions options() { return follow_options(GetParam()); }
};

const auto kEachWay = [](const testing::TestParamInfo<bool>& its) { return way_name(its.param); };

INSTANTIATE_TEST_SUITE_P(, Messages, testing::Bool(), kEachWay);

TEST_P(Messages, AreFollowedEachAndWhole) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const MessagePath path = follow(
      probes, 64, [&] { echo(accept().get(), 4096); }, [&] { ask(connect().get(), 500, 64); });
  expect_resolved(path, 500);
  EXPECT_EQ(path.message_size, 64U);
  EXPECT_EQ(path.notes.at("handed_off"), 0U);
  EXPECT_EQ(leg_messages(path, "work"), 500U);
  EXPECT_EQ(leg_messages(path, "send"), 500U);
  EXPECT_LE(whole_ns(path), round_trips_ns_);
}

// Without a known size: one turn-around each, the last of which ends with its connection.
TEST_P(Messages, OfAnySizeAreTurnArounds) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const MessagePath path = follow(
      probes, 0, [&] { echo(accept().get(), 4096); },
      [&] {
        const Fd client = connect();
        for (std::size_t size = 1; size <= 300; ++size)
          ask(client.get(), 1, size);
      });
  expect_resolved(path, 300);
  EXPECT_EQ(leg_messages(path, "work"), 300U);
  EXPECT_LE(whole_ns(path), round_trips_ns_);
}

TEST_P(Messages, ReadByteByByteAreWhole) {
  for (const std::uint32_t size : {64U, 0U}) {
    TRACE_RUN_LOAD_OR_SKIP(probes, options());
    const auto serve = [&] {
      const Fd client = accept();
      std::array<char, 64> message{};
      for (;;) {
        for (char& byte : message)
          if (::recv(client.get(), &byte, 1, 0) != 1) return;
        if (::send(client.get(), message.data(), message.size(), 0) != 64) ::_exit(1);
      }
    };
    const MessagePath path = follow(probes, size, serve, [&] { ask(connect().get(), 100, 64); });
    expect_resolved(path, 100);
    EXPECT_EQ(leg_messages(path, "rest"), size == 0 ? 100U : 0U);
  }
}

// In segments that know nothing of messages, read in pieces that do neither.
class Pipelined : public Followed,
                  public testing::WithParamInterface<std::tuple<std::size_t, bool>> {
 protected:
  static ProbeOptions options() { return follow_options(std::get<1>(GetParam())); }
  static std::size_t at_once() { return std::get<0>(GetParam()); }
  static constexpr std::uint64_t kMessages = 5000;

  MessagePath follow_bursts(capture::Probes& probes, bool delayed) {
    const auto serve = [&] {
      const Fd client = accept();
      const int no_delay = delayed ? 0 : 1;
      if (::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay)) != 0)
        ::_exit(1);
      echo(client.get(), at_once());
    };
    const auto burst = [&] {
      const Fd client = connect();
      std::vector<char> data(32'000);
      for (std::size_t done = 0; done < 64 * kMessages; done += data.size()) {
        for (std::size_t sent = 0; sent < data.size(); sent += 1000)
          EXPECT_EQ(::send(client.get(), data.data() + sent, 1000, 0), 1000);
        EXPECT_EQ(::recv(client.get(), data.data(), data.size(), MSG_WAITALL),
                  static_cast<ssize_t>(data.size()));
      }
    };
    return follow(probes, 64, serve, burst);
  }
};

// More may be under way than there is room for, where each byte is a packet, or Nagle's algorithm
// holds them back: then that is said. The kernel may also put off a packet, and hand it over from
// an interrupt before the call that sent it has ended.
TEST_P(Pipelined, AreToldApartByTheirBytes) {
  for (const bool delayed : {false, true}) {
    TRACE_RUN_LOAD_OR_SKIP(probes, options());
    const MessagePath path = follow_bursts(probes, delayed);
    EXPECT_EQ(messages_of(path) + path.notes.at("no_room"), kMessages);
    EXPECT_EQ(path.notes.at("disordered"), 0U);
    EXPECT_EQ(path.notes.at("no_receipt"), 0U);
    const std::uint64_t unknown = path.notes.at("crowded") + path.notes.at("no_send");
    EXPECT_EQ(leg_ns(path, "unresolved") > 0, unknown > 0);
    if (at_once() < 4096 || delayed) continue;
    EXPECT_LE(unknown, kMessages / 100);
    EXPECT_EQ(path.notes.at("no_room"), 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(, Pipelined,
                         testing::Combine(testing::Values(1, 100, 4096), testing::Bool()),
                         [](const auto& its) {
                           return way_name(std::get<1>(its.param)) +
                                  std::to_string(std::get<0>(its.param));
                         });

TEST_P(Messages, OfManySegmentsAreOne) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  constexpr std::size_t kSize = 64 << 10;
  const MessagePath path = follow(
      probes, kSize, [&] { echo(accept().get(), kSize); },
      [&] { ask(connect().get(), 100, kSize); });
  EXPECT_EQ(messages_of(path), 100U);
  EXPECT_EQ(path.notes.at("disordered"), 0U);
  EXPECT_LE(whole_ns(path), round_trips_ns_);
}

TEST_P(Messages, AreFollowedOnConnectionsOfTheirOwn) {
  for (const std::uint32_t size : {64U, 0U}) {
    TRACE_RUN_LOAD_OR_SKIP(probes, options());
    const auto serve = [&] {
      for (int i = 0; i < 100; ++i)
        echo(accept().get(), 4096);
    };
    const auto storm = [&] {
      for (int i = 0; i < 100; ++i)
        ask(connect().get(), 1, 64);
    };
    expect_resolved(follow(probes, size, serve, storm), 100);
  }
}

// Their turn-around has no next arrival to end it.
TEST_P(Messages, OnConnectionsThatStayOpenAreCounted) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  serve(probes, 0);
  HeldChild child([&] { echo(accept().get(), 4096); });
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  const std::array<pid_t, 1> processes = {child.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  open_window(probes);
  child.go();
  const Fd client = connect();
  ask(client.get(), 50, 64);
  expect_resolved(path_of(finish(probes)), 50);
}

TEST_P(Messages, ThatGetNoAnswerAreCountedAsSuch) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const auto serve = [&] {
    const Fd client = accept();
    char byte = 0;
    (void)!::recv(client.get(), &byte, 1, 0);
  };
  const auto ask_in_vain = [&] {
    const Fd client = connect();
    char byte = 0;
    EXPECT_EQ(::send(client.get(), &byte, 1, 0), 1);
    EXPECT_EQ(::recv(client.get(), &byte, 1, 0), 0);
  };
  const MessagePath path = follow(probes, 0, serve, ask_in_vain);
  EXPECT_EQ(messages_of(path), 0U);
  EXPECT_EQ(path.notes.at("unanswered"), 1U);
}

// The packet that opens the connection brings its first message. Who sleeps for connections is
// woken by that, right after: the time until then is unresolved.
TEST_P(Messages, ThatOpenTheirConnectionAreFollowed) {
  for (const std::uint32_t size : {64U, 0U}) {
    TRACE_RUN_LOAD_OR_SKIP(probes, options());
    const int seconds = 5;
    ASSERT_EQ(
        ::setsockopt(listener_.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)), 0);
    const auto serve = [&] {
      for (int i = 0; i < 20; ++i)
        echo(accept().get(), 4096);
    };
    const auto storm = [&] {
      for (int i = 0; i < 20; ++i)
        ask(connect().get(), 3, 64);
    };
    const MessagePath path = follow(probes, size, serve, storm);
    EXPECT_EQ(messages_of(path), 60U);
    EXPECT_EQ(leg_messages(path, "work"), 60U);
    EXPECT_EQ(leg_messages(path, "send"), 60U);
    EXPECT_LE(leg_messages(path, "unresolved"), 20U);
    EXPECT_LE(whole_ns(path), round_trips_ns_);
  }
}

// Whoever peeks has not received.
TEST_P(Messages, ThatAreLookedAtFirstAreReceivedOnce) {
  for (const std::uint32_t size : {64U, 0U}) {
    TRACE_RUN_LOAD_OR_SKIP(probes, options());
    const auto serve = [&] {
      const Fd client = accept();
      std::array<char, 64> message{};
      while (::recv(client.get(), message.data(), 64, MSG_PEEK) == 64) {
        if (::recv(client.get(), message.data(), 64, 0) != 64) ::_exit(1);
        if (::send(client.get(), message.data(), 64, 0) != 64) ::_exit(1);
      }
    };
    const MessagePath path = follow(probes, size, serve, [&] { ask(connect().get(), 50, 64); });
    expect_resolved(path, 50);
    EXPECT_EQ(leg_messages(path, "rest"), 0U);
    EXPECT_EQ(path.notes.at("handed_off"), 0U);
  }
}

// In four segments, of which each but the last finds the receive asleep, in one call.
TEST_P(Messages, OfSeveralSegmentsAreReceivedOnce) {
  for (const std::uint32_t size : {256U, 0U}) {
    TRACE_RUN_LOAD_OR_SKIP(probes, options());
    shared_->tid = 0;
    const auto serve = [&] {
      const Fd client = accept();
      shared_->tid = ::gettid();
      std::array<char, 256> message{};
      while (::recv(client.get(), message.data(), 256, MSG_WAITALL) == 256)
        if (::send(client.get(), message.data(), 256, 0) != 256) ::_exit(1);
    };
    const auto ask_in_pieces = [&] {
      const Fd client = connect();
      const int at_once = 1;
      EXPECT_EQ(::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once)), 0);
      while (shared_->tid == 0)
        std::this_thread::yield();
      std::array<char, 256> message{};
      for (int i = 0; i < 10; ++i) {
        for (std::size_t piece = 0; piece < 256; piece += 64) {
          EXPECT_TRUE(wait_until_blocked(shared_->tid));
          EXPECT_EQ(::send(client.get(), message.data() + piece, 64, 0), 64);
        }
        EXPECT_EQ(::recv(client.get(), message.data(), 256, MSG_WAITALL), 256);
      }
    };
    const MessagePath path = follow(probes, size, serve, ask_in_pieces);
    expect_resolved(path, 10);
    EXPECT_EQ(leg_messages(path, "rest"), 0U);
    EXPECT_EQ(leg_messages(path, "wake"), size != 0 ? 10U : 0U);
  }
}

// ---- Delays that the server knows of are found on their leg ----

TEST_P(Messages, TheServersWorkIsFoundBetweenReceiveAndSend) {
  for (const std::uint32_t size : {64U, 0U})
    for (const auto& delay : {work_for, sleep_for}) {
      TRACE_RUN_LOAD_OR_SKIP(probes, options());
      shared_->at_least_ns = 0;
      round_trips_ns_ = 0;
      const auto serve = [&] {
        const Fd client = accept();
        std::array<char, 64> message{};
        while (::recv(client.get(), message.data(), message.size(), 0) == 64) {
          const std::uint64_t start = monotonic_ns();
          delay(2 * kMillisecond);
          shared_->at_least_ns += monotonic_ns() - start;
          (void)!::send(client.get(), message.data(), message.size(), 0);
        }
      };
      const MessagePath path = follow(probes, size, serve, [&] { ask(connect().get(), 20, 64); });
      expect_resolved(path, 20);
      // Between what the server saw from inside, and the client from outside.
      EXPECT_GE(leg_ns(path, "work"), shared_->at_least_ns);
      EXPECT_LE(whole_ns(path), round_trips_ns_);
      EXPECT_LE(whole_ns(path) - leg_ns(path, "work"), round_trips_ns_ - shared_->at_least_ns);
    }
}

// The second client's data comes while the first one is being served; whether at work or asleep
// makes no difference to it.
TEST_P(Messages, WaitingForABusyServerIsFoundBeforeTheReceive) {
  for (const auto& delay : {work_for, sleep_for}) {
    TRACE_RUN_LOAD_OR_SKIP(probes, options());
    shared_->at_least_ns = 0;
    shared_->step = 0;
    constexpr int kTimes = 20;
    const auto serve = [&] {
      const Fd first = accept(), second = accept();
      std::array<char, 64> message{};
      for (int i = 0; i < kTimes; ++i) {
        if (::recv(first.get(), message.data(), 64, 0) != 64) ::_exit(1);
        shared_->step = 2 * i + 1;
        wait_for(shared_->step, 2 * i + 2);  // the second's data has arrived
        const std::uint64_t start = monotonic_ns();
        delay(2 * kMillisecond);
        shared_->at_least_ns += monotonic_ns() - start;
        if (::recv(second.get(), message.data(), 64, 0) != 64) ::_exit(1);
        if (::send(second.get(), message.data(), 64, 0) != 64) ::_exit(1);
        if (::send(first.get(), message.data(), 64, 0) != 64) ::_exit(1);
      }
    };
    const auto ask_both = [&] {
      const Fd first = connect(), second = connect();
      std::array<char, 64> message{};
      for (int i = 0; i < kTimes; ++i) {
        EXPECT_EQ(::send(first.get(), message.data(), 64, 0), 64);
        wait_for(shared_->step, 2 * i + 1);
        EXPECT_EQ(::send(second.get(), message.data(), 64, 0), 64);
        shared_->step = 2 * i + 2;
        EXPECT_EQ(::recv(second.get(), message.data(), 64, MSG_WAITALL), 64);
        EXPECT_EQ(::recv(first.get(), message.data(), 64, MSG_WAITALL), 64);
      }
    };
    const MessagePath path = follow(probes, 64, serve, ask_both);
    expect_resolved(path, 2 * kTimes);
    EXPECT_GE(leg_ns(path, "busy"), shared_->at_least_ns);
    EXPECT_GE(leg_messages(path, "busy"), static_cast<std::uint64_t>(kTimes));
  }
}

// What the kernel holds back was sent all the same, by its call and not by the one that lets it go.
TEST_P(Messages, ThatTheDeviceGetsLateAreOfTheCallThatSentThem) {
  for (const std::uint32_t size : {64U, 0U}) {
    TRACE_RUN_LOAD_OR_SKIP(probes, options());
    shared_->at_least_ns = 0;
    const auto serve = [&] {
      const Fd client = accept();
      const int on = 1, off = 0;
      std::array<char, 64> message{};
      while (::recv(client.get(), message.data(), 64, 0) == 64) {
        (void)::setsockopt(client.get(), IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
        if (::send(client.get(), message.data(), 64, 0) != 64) ::_exit(1);
        const std::uint64_t start = monotonic_ns();
        work_for(2 * kMillisecond);
        shared_->at_least_ns += monotonic_ns() - start;
        (void)::setsockopt(client.get(), IPPROTO_TCP, TCP_CORK, &off, sizeof(off));
      }
    };
    const MessagePath path = follow(probes, size, serve, [&] { ask(connect().get(), 20, 64); });
    expect_resolved(path, 20);
    EXPECT_GE(leg_ns(path, "send"), shared_->at_least_ns);
    EXPECT_LE(whole_ns(path), round_trips_ns_);
  }
}

// A thread that waits for data, and one that receives when it is told to.
class HandOff : public Messages {
 protected:
  static constexpr int kTimes = 20;

  // `tell` and `heed` are how the one tells the other; the first says how long it took to.
  void serve_with(const std::function<void()>& tell, const std::function<void()>& heed) const {
    const Fd client = accept();
    shared_->tid = ::gettid();
    std::thread worker([&] {
      shared_->other_tid = ::gettid();
      std::array<char, 64> message{};
      for (int i = 0; i < kTimes; ++i) {
        heed();
        if (::recv(client.get(), message.data(), 64, 0) != 64) ::_exit(1);
        if (::send(client.get(), message.data(), 64, 0) != 64) ::_exit(1);
        shared_->step = 2 * i + 2;
      }
    });
    for (int i = 0; i < kTimes; ++i) {
      pollfd ready{client.get(), POLLIN, 0};
      if (::poll(&ready, 1, -1) != 1) ::_exit(1);
      const std::uint64_t start = monotonic_ns();
      work_for(2 * kMillisecond);
      shared_->at_least_ns += monotonic_ns() - start;
      tell();
      // Else it would find the same data ready once more.
      wait_for(shared_->step, 2 * i + 2);
    }
    worker.join();
  }

  // Asks when the threads that should be asleep are.
  void ask_sleepers(bool worker_sleeps) {
    ask(connect().get(), kTimes, 64, [&] {
      while (shared_->tid == 0 || shared_->other_tid == 0)
        std::this_thread::yield();
      EXPECT_TRUE(wait_until_blocked(shared_->tid));
      EXPECT_TRUE(!worker_sleeps || wait_until_blocked(shared_->other_tid));
    });
  }
};

INSTANTIATE_TEST_SUITE_P(, HandOff, testing::Bool(), kEachWay);

TEST_P(HandOff, ToASleeperIsFoundThroughItsWakeUp) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Fd heeds(ends[0]), tells(ends[1]);
  char byte = 0;
  const MessagePath path = follow(
      probes, 64,
      [&] {
        serve_with([&] { (void)!::write(tells.get(), &byte, 1); },
                   [&] { (void)!::read(heeds.get(), &byte, 1); });
      },
      [&] { ask_sleepers(true); });
  expect_resolved(path, kTimes);
  EXPECT_EQ(path.notes.at("handed_off"), static_cast<std::uint64_t>(kTimes));
  EXPECT_EQ(leg_messages(path, "wake"), static_cast<std::uint64_t>(kTimes));
  EXPECT_EQ(leg_messages(path, "handoff"), static_cast<std::uint64_t>(kTimes));
  EXPECT_EQ(leg_messages(path, "handoff_wake"), static_cast<std::uint64_t>(kTimes));
  EXPECT_EQ(leg_messages(path, "busy"), 0U);
  EXPECT_GE(leg_ns(path, "handoff"), shared_->at_least_ns);
  EXPECT_LE(whole_ns(path), round_trips_ns_);
}

// It learns through memory: no event shows when.
TEST_P(HandOff, ToAThreadThatIsAwakeIsUnresolved) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const MessagePath path = follow(
      probes, 64,
      [&] {
        std::atomic<int> told = 0;
        int heard = 0;
        serve_with([&] { ++told; }, [&] { wait_for(told, ++heard); });
      },
      [&] { ask_sleepers(false); });
  EXPECT_EQ(messages_of(path), static_cast<std::uint64_t>(kTimes));
  EXPECT_EQ(path.notes.at("many_hands"), static_cast<std::uint64_t>(kTimes));
  EXPECT_EQ(leg_messages(path, "busy"), 0U);
  EXPECT_GE(leg_ns(path, "unresolved"), shared_->at_least_ns);
  EXPECT_LE(whole_ns(path), round_trips_ns_);
}

// The port is served by a process that is not traced.
TEST_P(Messages, ReceivedByStrangersAreUnresolved) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  std::thread stranger([&] { echo(accept().get(), 64); });
  const MessagePath path = follow(
      probes, 64, [&] { wait_for(shared_->step, 1); },
      [&] {
        ask(connect().get(), 50, 64);
        stranger.join();
        shared_->step = 1;
      });
  EXPECT_EQ(messages_of(path), 50U);
  EXPECT_EQ(path.notes.at("no_receipt"), 50U);
  EXPECT_EQ(leg_ns(path, "unresolved"), whole_ns(path));
}

}  // namespace
}  // namespace tr::kernel_test
