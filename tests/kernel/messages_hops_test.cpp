// Is it found how far what servers tell each other is from a client's message, and how long it
// took?
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "shared.h"
#include "traced.h"
#include "util/clock.h"
#include "util/fd.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;

constexpr std::size_t kServers = 4;  // at ports that follow each other, as served ones do
constexpr ssize_t kSize = 64;

// What the servers and the test tell each other.
struct Told {
  std::atomic<std::uint64_t> delay_ns;  // by the clock of the server that delays
  std::atomic<int> heard;               // messages, by the last server
};

// By the sockets' own tracepoints, or by descriptors.
class Hops : public testing::TestWithParam<bool> {
 protected:
  static ProbeOptions options() { return {.messages = true, .inspect_descriptors = GetParam()}; }

  Hops() {
    // Ports below those that connections get; another process may have some of them.
    for (int tries = 0; tries < 200 && !listen_from(20'000 + (::getpid() * 7 + tries * 13) % 9'000);
         ++tries) {
    }
    EXPECT_EQ(listeners_.size(), kServers);
  }

  bool listen_from(int port) {
    listeners_.clear();
    for (std::size_t i = 0; i < kServers; ++i) {
      Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in at = address(port + static_cast<int>(i));
      if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0) return false;
      EXPECT_EQ(::listen(listener.get(), 16), 0);
      listeners_.push_back(std::move(listener));
    }
    port_ = port;
    return true;
  }

  static sockaddr_in address(int port) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
  }

  // To a server, by its number.
  [[nodiscard]] Fd connect(std::size_t server) const {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at = address(port_ + static_cast<int>(server));
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0) std::abort();
    const int at_once = 1;
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
    return fd;
  }
  [[nodiscard]] Fd accept(std::size_t server) const {
    return Fd(::accept(listeners_[server].get(), nullptr, nullptr));
  }

  // Runs the servers, each a process, and the client; what was found between them.
  MessageHops follow(capture::Probes& probes, const std::vector<std::function<void()>>& servers,
                     const std::function<void()>& client) {
    probes.follow_messages(0);
    probes.serve_ports(static_cast<std::uint16_t>(port_), kServers);
    std::vector<std::unique_ptr<HeldChild>> children;
    std::vector<pid_t> pids;
    for (const auto& server : servers) {
      children.push_back(std::make_unique<HeldChild>(server));
      pids.push_back(children.back()->pid());
      EXPECT_TRUE(wait_until_blocked(pids.back()));
    }
    EXPECT_TRUE(probes.adopt(pids).ok());
    open_window(probes);
    for (const auto& child : children)
      child->go();
    client();
    for (const auto& child : children)
      EXPECT_EQ(child->wait(), 0);
    outcome_ = finish(probes);
    expect_sound(outcome_);
    EXPECT_TRUE(outcome_.counts.message_hops.has_value());
    return outcome_.counts.message_hops.value_or(MessageHops());
  }

  // So many times: sends a message to the first server, and reads as much; goes on when `told` says
  // that it was heard so many times.
  void ask(int times, int heard_each = 0) {
    const Fd client = connect(0);
    std::array<char, kSize> message{};
    for (int i = 0; i < times; ++i) {
      const std::uint64_t start = monotonic_ns();
      EXPECT_EQ(::send(client.get(), message.data(), kSize, 0), kSize);
      EXPECT_EQ(::recv(client.get(), message.data(), kSize, MSG_WAITALL), kSize);
      while (told_->heard < (i + 1) * heard_each)
        std::this_thread::yield();
      asking_ns_ += monotonic_ns() - start;
    }
  }

  // Of a server, until who told it closes: receives messages, and passes each on.
  static void pass_on(const Fd& from, const std::vector<int>& to,
                      const std::function<void()>& before = {}) {
    std::array<char, kSize> message{};
    while (::recv(from.get(), message.data(), kSize, MSG_WAITALL) == kSize) {
      if (before) before();
      for (const int fd : to)
        if (::send(fd, message.data(), kSize, 0) != kSize) ::_exit(1);
    }
  }

  // The same, and passes nothing on.
  void hear(const Fd& from) {
    pass_on(from, {}, [&] { ++told_->heard; });
  }

  void delay() {
    const std::uint64_t start = monotonic_ns();
    sleep_ms(2);
    told_->delay_ns += monotonic_ns() - start;
  }

  // Passes on what the client says, and answers it last.
  void front(const std::vector<std::size_t>& to) const {
    std::vector<Fd> servers;
    std::vector<int> fds;
    for (const std::size_t server : to) {
      servers.push_back(connect(server));
      fds.push_back(servers.back().get());
    }
    const Fd client = accept(0);
    fds.push_back(client.get());
    pass_on(client, fds);
  }

  std::vector<Fd> listeners_;
  int port_ = 0;
  Shared<Told> told_;
  std::uint64_t asking_ns_ = 0;
  Outcome outcome_;
};

const HopTime& time_of(const MessageHop& hop, const std::string& name) {
  static const HopTime kNone;
  for (const HopTime& time : hop.times)
    if (time.name == name) return time;
  ADD_FAILURE() << "no " << name;
  return kNone;
}

std::uint64_t count_of(const HopTime& time) {
  std::uint64_t count = 0;
  for (const auto& bucket : time.times)
    count += bucket.count;
  return count;
}

// All of them followed, and each distribution of all.
void expect_hops(const MessageHops& hops, const std::vector<std::uint64_t>& counts) {
  ASSERT_EQ(hops.hops.size(), counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    EXPECT_EQ(hops.hops[i].sent, counts[i]) << "hop " << i + 1;
    EXPECT_EQ(hops.hops[i].received, counts[i]) << "hop " << i + 1;
    for (const HopTime& time : hops.hops[i].times)
      EXPECT_EQ(count_of(time), counts[i]) << "hop " << i + 1 << ", " << time.name;
    EXPECT_EQ(time_of(hops.hops[i], "transit").ns + time_of(hops.hops[i], "unread").ns,
              time_of(hops.hops[i], "whole").ns);
  }
}

void expect_no_notes(const MessageHops& hops) {
  EXPECT_EQ(hops.uncertain.sent, 0U);
  EXPECT_EQ(hops.uncertain.received, 0U);
  for (const auto& [note, count] : hops.notes)
    EXPECT_EQ(count, 0U) << note;
}

INSTANTIATE_TEST_SUITE_P(, Hops, testing::Bool(),
                         [](const auto& its) { return its.param ? "ByDescriptor" : "BySocket"; });

TEST_P(Hops, AreCountedAlongAChain) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const MessageHops hops = follow(probes,
                                  {[&] { front({1}); },
                                   [&] {
                                     const Fd next = connect(2);
                                     pass_on(accept(1), {next.get()});
                                   },
                                   [&] { hear(accept(2)); }},
                                  [&] { ask(200, 1); });
  expect_hops(hops, {200, 200});
  expect_no_notes(hops);
  EXPECT_EQ(outcome_.counts.total.inter_server_messages, 400U);
  // The chain's end hears last.
  EXPECT_EQ(count_of(hops.spread), 200U);
  EXPECT_EQ(hops.spread.ns, time_of(hops.hops[1], "since_client").ns);
}

TEST_P(Hops, AreCountedForEachNeighbour) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const auto pass_to_last = [&](std::size_t server) {
    const Fd next = connect(3);
    pass_on(accept(server), {next.get()});
  };
  const auto last = [&] {
    const std::array<Fd, 2> neighbours{accept(3), accept(3)};
    std::array<pollfd, 2> ready{
        {{neighbours[0].get(), POLLIN, 0}, {neighbours[1].get(), POLLIN, 0}}};
    for (int open = 2; open > 0;) {
      if (::poll(ready.data(), ready.size(), -1) < 1) ::_exit(1);
      for (pollfd& its : ready) {
        std::array<char, kSize> message{};
        if (its.revents == 0) continue;
        if (::recv(its.fd, message.data(), kSize, MSG_WAITALL) == kSize) {
          ++told_->heard;
          continue;
        }
        its.fd = -1;
        --open;
      }
    }
  };
  const MessageHops hops = follow(probes,
                                  {[&] {
                                     front({1, 2});
                                   },
                                   [&] { pass_to_last(1); }, [&] { pass_to_last(2); }, last},
                                  [&] { ask(100, 2); });
  expect_hops(hops, {200, 200});
  // The last server answers nobody. Where it lost its CPU before it went back to its wait, it finds
  // the next message there at once, and may still be at work for the one before.
  constexpr std::uint64_t kPreempted = 5;
  MessageHops others = hops;
  const std::uint64_t doubtful = std::exchange(others.notes["doubtful"], 0);
  EXPECT_LE(doubtful, kPreempted);
  expect_no_notes(others);
  // Of both ways the slower one, or as slow.
  EXPECT_EQ(count_of(hops.spread), 100U - doubtful);
  EXPECT_GE(2 * hops.spread.ns, time_of(hops.hops[1], "since_client").ns);
  EXPECT_LE(hops.spread.ns, asking_ns_);
}

// A delay between receive and send lies between the hops; messages go one by one.
TEST_P(Hops, TellTheDelayOfAServer) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const MessageHops hops = follow(probes,
                                  {[&] { front({1}); },
                                   [&] {
                                     const Fd next = connect(2);
                                     pass_on(accept(1), {next.get()}, [&] { delay(); });
                                   },
                                   [&] { hear(accept(2)); }},
                                  [&] { ask(20, 1); });
  expect_hops(hops, {20, 20});
  EXPECT_GE(told_->delay_ns, 20 * 2 * kMs);
  EXPECT_GE(time_of(hops.hops[1], "since_client").ns,
            time_of(hops.hops[0], "since_client").ns + told_->delay_ns);
  EXPECT_LE(time_of(hops.hops[0], "whole").ns + time_of(hops.hops[1], "whole").ns,
            asking_ns_ - told_->delay_ns);
}

// One before the receive lies on the hop.
TEST_P(Hops, TellHowLongMessagesLieUnread) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const auto read_late = [&] {
    const Fd next = connect(2), from = accept(1);
    std::array<char, kSize> message{};
    for (;;) {
      pollfd ready{from.get(), POLLIN, 0};
      if (::poll(&ready, 1, -1) != 1) ::_exit(1);
      delay();
      if (::recv(from.get(), message.data(), kSize, 0) != kSize) return;
      if (::send(next.get(), message.data(), kSize, 0) != kSize) ::_exit(1);
    }
  };
  const MessageHops hops = follow(
      probes, {[&] { front({1}); }, read_late, [&] { hear(accept(2)); }}, [&] { ask(20, 1); });
  expect_hops(hops, {20, 20});
  EXPECT_GE(time_of(hops.hops[0], "unread").ns, 20 * 2 * kMs);
  EXPECT_LE(time_of(hops.hops[0], "transit").ns + time_of(hops.hops[1], "whole").ns,
            asking_ns_ - 20 * 2 * kMs);
}

TEST_P(Hops, ReceivedInPiecesAreOneEach) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const auto by_bytes = [&] {
    const Fd next = connect(2), from = accept(1);
    std::array<char, kSize> message{};
    for (;;) {
      for (char& byte : message)
        if (::recv(from.get(), &byte, 1, 0) != 1) return;
      if (::send(next.get(), message.data(), kSize, 0) != kSize) ::_exit(1);
    }
  };
  const MessageHops hops = follow(probes, {[&] { front({1}); }, by_bytes, [&] { hear(accept(2)); }},
                                  [&] { ask(50, 1); });
  expect_hops(hops, {50, 50});
  expect_no_notes(hops);
}

// Five at once: each is received; for which one the next is sent is not known.
TEST_P(Hops, ReceivedTogetherAreNotToldApart) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const auto late = [&] {
    const Fd next = connect(2), from = accept(1);
    while (told_->heard < 5)
      std::this_thread::yield();
    std::array<char, 6 * kSize> messages{};
    if (::recv(from.get(), messages.data(), messages.size(), 0) != 5 * kSize) ::_exit(1);
    if (::send(next.get(), messages.data(), kSize, 0) != kSize) ::_exit(1);
    if (::recv(from.get(), messages.data(), messages.size(), 0) != 0) ::_exit(1);
  };
  const MessageHops hops =
      follow(probes, {[&] { front({1}); }, late, [&] { hear(accept(2)); }}, [&] {
        ask(5);
        told_->heard = 5;
      });
  expect_hops(hops, {5});
  EXPECT_EQ(hops.uncertain.sent, 1U);
  EXPECT_EQ(hops.uncertain.received, 1U);
  EXPECT_EQ(count_of(time_of(hops.uncertain, "whole")), 1U);
  EXPECT_EQ(count_of(time_of(hops.uncertain, "since_client")), 0U);
  EXPECT_EQ(count_of(hops.spread), 0U);
  EXPECT_EQ(hops.notes.at("doubtful"), 5U);
}

// The answer is a hop, too, and what follows from it one more.
TEST_P(Hops, GoBackWithAnAnswer) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const auto first = [&] {
    const Fd second = connect(1), third = connect(2), client = accept(0);
    std::array<char, kSize> message{};
    while (::recv(client.get(), message.data(), kSize, 0) == kSize) {
      if (::send(second.get(), message.data(), kSize, 0) != kSize) ::_exit(1);
      if (::recv(second.get(), message.data(), kSize, MSG_WAITALL) != kSize) ::_exit(1);
      if (::send(third.get(), message.data(), kSize, 0) != kSize) ::_exit(1);
      if (::send(client.get(), message.data(), kSize, 0) != kSize) ::_exit(1);
    }
  };
  const auto second = [&] {
    const Fd from = accept(1);
    pass_on(from, {from.get()});
  };
  const MessageHops hops =
      follow(probes, {first, second, [&] { hear(accept(2)); }}, [&] { ask(50, 1); });
  expect_hops(hops, {50, 50, 50});
  expect_no_notes(hops);
  EXPECT_EQ(outcome_.counts.total.inter_server_messages, 100U);
}

// What a thread sends because its wait for events is over is for no message; what it receives from
// elsewhere changes nothing.
TEST_P(Hops, AreForNobodyAfterAWait) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const auto first = [&] {
    const Fd next = connect(1), client = accept(0);
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) ::_exit(1);
    const Fd database(ends[0]), other(ends[1]);
    std::array<char, kSize> message{};
    while (::recv(client.get(), message.data(), kSize, 0) == kSize) {
      if (::send(other.get(), message.data(), kSize, 0) != kSize) ::_exit(1);
      if (::recv(database.get(), message.data(), kSize, 0) != kSize) ::_exit(1);
      if (::send(next.get(), message.data(), kSize, 0) != kSize) ::_exit(1);
      (void)::poll(nullptr, 0, 1);
      if (::send(next.get(), message.data(), kSize, 0) != kSize) ::_exit(1);
      if (::send(client.get(), message.data(), kSize, 0) != kSize) ::_exit(1);
    }
  };
  const MessageHops hops = follow(probes, {first, [&] { hear(accept(1)); }}, [&] { ask(50, 2); });
  expect_hops(hops, {50});
  EXPECT_EQ(hops.notes.at("for_nobody"), 50U);
  EXPECT_EQ(hops.uncertain.sent, 0U);
  EXPECT_EQ(hops.notes.at("unknown"), 0U);
}

// More unread on a connection than there is room for: the rest is said to be lost.
TEST_P(Hops, WithoutRoomAreCountedAsSuch) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const auto late = [&] {
    const Fd from = accept(1);
    while (told_->heard < 100)
      std::this_thread::yield();
    pass_on(from, {});
  };
  const MessageHops hops = follow(probes, {[&] { front({1}); }, late}, [&] {
    ask(100);
    told_->heard = 100;
  });
  ASSERT_EQ(hops.hops.size(), 1U);
  EXPECT_EQ(hops.hops[0].sent, 100U);
  EXPECT_EQ(hops.hops[0].received, 64U);
  EXPECT_EQ(hops.notes.at("no_room"), 36U);
  EXPECT_EQ(hops.notes.at("unknown"), 36U);
}

// Many packets are one send, however they are read.
TEST_P(Hops, OfManyPacketsAreOne) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  static constexpr std::size_t kLarge = 1 << 20;
  const auto first = [&] {
    const Fd next = connect(1), client = accept(0);
    const std::vector<char> large(kLarge);
    std::array<char, kSize> message{};
    while (::recv(client.get(), message.data(), kSize, 0) == kSize) {
      if (::send(next.get(), large.data(), kLarge, 0) != kLarge) ::_exit(1);
      if (::send(client.get(), message.data(), kSize, 0) != kSize) ::_exit(1);
    }
  };
  const auto second = [&] {
    const Fd from = accept(1);
    std::vector<char> large(kLarge);
    while (::recv(from.get(), large.data(), kLarge, MSG_WAITALL) == kLarge)
      ++told_->heard;
  };
  const MessageHops hops = follow(probes, {first, second}, [&] { ask(20, 1); });
  ASSERT_EQ(hops.hops.size(), 1U);
  EXPECT_EQ(hops.hops[0].sent, 20U);
  EXPECT_EQ(hops.hops[0].received, 20U);
}

// The ports are learnt when servers have called each other: the first message shows that they do.
TEST_P(Hops, GoOverConnectionsThatWereThereBefore) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  probes.follow_messages(0);
  HeldChild first([&] {
    const Fd next = connect(1);
    ++told_->heard;
    const Fd client = accept(0);
    pass_on(client, {next.get(), client.get()});
  });
  HeldChild second([&] {
    const Fd from = accept(1);
    ++told_->heard;
    pass_on(from, {});
  });
  for (const HeldChild* child : {&first, &second})
    ASSERT_TRUE(wait_until_blocked(child->pid()));
  const std::array<pid_t, 2> processes = {first.pid(), second.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  first.go();
  second.go();
  while (told_->heard < 2)
    std::this_thread::yield();
  probes.serve_ports(static_cast<std::uint16_t>(port_), kServers);
  open_window(probes);
  ask(20);
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(second.wait(), 0);
  const Outcome outcome = finish(probes);
  ASSERT_TRUE(outcome.counts.message_hops.has_value());
  const MessageHops& hops = *outcome.counts.message_hops;
  expect_hops(hops, {19});
  EXPECT_EQ(hops.notes.at("for_nobody"), 1U);
  EXPECT_EQ(hops.notes.at("unknown"), 0U);
}

// Two servers tell it the same message: there is no doubt which one it tells on.
TEST_P(Hops, OfOneMessageFromTwoServersAreOfOne) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  const auto join = [&] {
    const Fd next = connect(3);
    const Fd one = accept(2), other = accept(2);
    std::array<char, kSize> message{};
    while (::recv(one.get(), message.data(), kSize, MSG_WAITALL) == kSize) {
      if (::recv(other.get(), message.data(), kSize, MSG_WAITALL) != kSize) ::_exit(1);
      if (::send(next.get(), message.data(), kSize, 0) != kSize) ::_exit(1);
    }
  };
  const auto second = [&] {
    const Fd next = connect(2);
    pass_on(accept(1), {next.get()});
  };
  const MessageHops hops = follow(probes,
                                  {[&] {
                                     front({1, 2});
                                   },
                                   second, join, [&] { hear(accept(3)); }},
                                  [&] { ask(50, 1); });
  EXPECT_EQ(hops.uncertain.sent, 0U);
  EXPECT_EQ(hops.notes.at("doubtful"), 0U);
  std::uint64_t received = 0;
  for (const MessageHop& hop : hops.hops)
    received += hop.received;
  EXPECT_EQ(received, 4 * 50U);
}

TEST_P(Hops, AreAbsentWhereServersAreNotConnected) {
  TRACE_RUN_LOAD_OR_SKIP(probes, options());
  probes.follow_messages(0);
  probes.serve_ports(static_cast<std::uint16_t>(port_), kServers);
  HeldChild child([&] { front({}); });
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  const std::array<pid_t, 1> processes = {child.pid()};
  ASSERT_TRUE(probes.adopt(processes).ok());
  open_window(probes);
  child.go();
  ask(10);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_FALSE(finish(probes).counts.message_hops.has_value());
}

}  // namespace
}  // namespace tr::kernel_test
