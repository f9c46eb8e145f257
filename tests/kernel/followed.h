// A server whose messages are followed, its clients, and what was found: for the tests of
// --messages.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "shared.h"
#include "traced.h"
#include "util/clock.h"
#include "util/fd.h"

namespace tr::kernel_test {

inline constexpr std::uint64_t kMillisecond = 1'000'000;

// What the server and its client tell each other and the test.
struct Told {
  std::atomic<std::uint64_t> at_least_ns;  // spent where the test looks, by the server's own clock
  std::atomic<int> step;
  std::atomic<int> tid, other_tid;
};

// By the sockets' own tracepoints, or by descriptors.
inline capture::ProbeOptions follow_options(bool by_descriptor) {
  return {.messages = true, .inspect_descriptors = by_descriptor};
}

inline std::string way_name(bool by_descriptor) {
  return by_descriptor ? "ByDescriptor" : "BySocket";
}

class Followed : public testing::Test {
 protected:
  Followed() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address_);
    EXPECT_EQ(::bind(listener_.get(), at(), length), 0);
    EXPECT_EQ(::listen(listener_.get(), 64), 0);
    EXPECT_EQ(::getsockname(listener_.get(), at(), &length), 0);
  }

  sockaddr* at() { return reinterpret_cast<sockaddr*>(&address_); }

  Fd connect() {
    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(client.get(), at(), sizeof(address_)), 0);
    return client;
  }
  Fd accept() const { return Fd(::accept(listener_.get(), nullptr, nullptr)); }

  void serve(capture::Probes& probes, std::uint32_t size) const {
    probes.follow_messages(size);
    probes.serve_ports(ntohs(address_.sin_port), 1);
  }

  // Runs both, the first of them traced; what was followed.
  MessagePath follow(capture::Probes& probes, std::uint32_t size,
                     const std::function<void()>& server, const std::function<void()>& client) {
    serve(probes, size);
    HeldChild child(server);  // before there are connections, which it would inherit
    EXPECT_TRUE(wait_until_blocked(child.pid()));
    const std::array<pid_t, 1> processes = {child.pid()};
    EXPECT_TRUE(probes.adopt(processes).ok());
    open_window(probes);
    child.go();
    client();
    EXPECT_EQ(child.wait(), 0);
    const Outcome outcome = finish(probes);
    expect_sound(outcome);
    return path_of(outcome);
  }

  static MessagePath path_of(const Outcome& outcome) {
    EXPECT_TRUE(outcome.counts.message_path.has_value());
    return outcome.counts.message_path.value_or(MessagePath());
  }

  // What the client measured of all its round trips.
  std::uint64_t round_trips_ns_ = 0;

  // So many times: sends a message, and reads as much.
  void ask(int fd, int times, std::size_t size, const std::function<void()>& before = {}) {
    std::vector<char> message(size, 'x');
    for (int i = 0; i < times; ++i) {
      if (before) before();
      const std::uint64_t start = monotonic_ns();
      EXPECT_EQ(::send(fd, message.data(), size, 0), static_cast<ssize_t>(size));
      EXPECT_EQ(::recv(fd, message.data(), size, MSG_WAITALL), static_cast<ssize_t>(size));
      round_trips_ns_ += monotonic_ns() - start;
    }
  }

  Fd listener_;
  sockaddr_in address_{};
  Shared<Told> shared_;
};

// Of the server, until its client closes: reads at most so much at once, and gives it back.
inline void echo(int fd, std::size_t at_once) {
  std::vector<char> data(at_once);
  for (;;) {
    const ssize_t got = ::recv(fd, data.data(), at_once, 0);
    if (got <= 0) return;
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t some =
          ::send(fd, data.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
      if (some <= 0) ::_exit(1);
      sent += some;
    }
  }
}

inline void work_for(std::uint64_t ns) {
  const std::uint64_t until = monotonic_ns() + ns;
  while (monotonic_ns() < until) {
  }
}

inline void sleep_for(std::uint64_t ns) {
  sleep_until_ns(monotonic_ns() + ns);
}

inline void wait_for(const std::atomic<int>& step, int value) {
  while (step < value) {
  }
}

inline std::uint64_t messages_of(const MessagePath& path) {
  std::uint64_t messages = 0;
  for (const PathBucket& bucket : path.buckets)
    messages += bucket.messages;
  return messages;
}

inline std::uint64_t leg_ns(const MessagePath& path, const std::string& leg) {
  std::uint64_t ns = 0;
  for (const PathBucket& bucket : path.buckets)
    if (const auto its = bucket.legs_ns.find(leg); its != bucket.legs_ns.end()) ns += its->second;
  return ns;
}

inline std::uint64_t leg_messages(const MessagePath& path, const std::string& leg) {
  std::uint64_t messages = 0;
  for (const PathLeg& its : path.legs)
    if (its.name == leg)
      for (const auto& bucket : its.times)
        messages += bucket.count;
  return messages;
}

inline std::uint64_t whole_ns(const MessagePath& path) {
  std::uint64_t ns = 0;
  for (const PathLeg& leg : path.legs)
    ns += leg_ns(path, leg.name);
  return ns;
}

// Each message counted, each nanosecond on a leg that is known.
inline void expect_resolved(const MessagePath& path, std::uint64_t messages) {
  EXPECT_EQ(messages_of(path), messages);
  EXPECT_EQ(leg_ns(path, "unresolved"), 0U);
  for (const auto& [note, count] : path.notes)
    EXPECT_TRUE(count == 0 || note == "handed_off") << note << ": " << count;
  // The mean of a bucket's messages lies in it.
  for (const PathBucket& bucket : path.buckets) {
    std::uint64_t ns = 0;
    for (const auto& [leg, its_ns] : bucket.legs_ns)
      ns += its_ns;
    EXPECT_GE(ns, bucket.messages * kKernelBuckets.lower(bucket.bucket));
    EXPECT_LE(ns, bucket.messages * kKernelBuckets.upper(bucket.bucket));
  }
}

}  // namespace tr::kernel_test
