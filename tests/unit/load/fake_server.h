// An echo server in a thread of the test, with the fault that a test asks for.
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <set>
#include <string>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "load/target.h"
#include "util/clock.h"
#include "util/fd.h"

namespace tr::load {

class FakeServer {
 public:
  static constexpr std::uint64_t kNever = UINT64_MAX;

  // All of it is about bytes received by one connection, unless said otherwise.
  struct Faults {
    std::uint64_t flip_byte = kNever;    // this one comes back wrong
    std::uint64_t close_after = kNever;  // so many bytes, reset the connection
    std::size_t piece = 65536;           // answer in pieces of at most so many bytes
    bool mute = false;                   // read, never answer
    bool babble = false;                 // one byte more after each answer
    bool swap = false;                   // with two connections: answer the other one
    bool only_first = false;             // these faults, on the first connection alone
    std::uint64_t stall_after = kNever;  // all connections' bytes; once
    std::chrono::milliseconds stall{0};
  };

  FakeServer() : FakeServer(Faults{}) {}
  explicit FakeServer(Faults faults) : faults_(faults) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listener_.get(), 1024), 0);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    stop_.reset(eventfd(0, EFD_CLOEXEC));
    milestone_.reset(eventfd(0, EFD_CLOEXEC));
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeServer() { stop(); }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  [[nodiscard]] Target target() const { return {"127.0.0.1", port_}; }

  // Makes milestone_fd() readable once each of so many connections has sent so many bytes at or
  // after `from_ns`, or is closed. In a closed loop a connection that has sent more than its
  // pipeline since then has had an answer since then: so a test need not guess how long that takes.
  void set_milestone(std::uint64_t from_ns, std::size_t connections, std::uint64_t bytes) {
    milestone_connections_ = connections;
    milestone_bytes_ = bytes;
    milestone_from_ns_ = from_ns;
  }
  // The same once it has accepted so many connections since then.
  void set_milestone_of_accepts(std::uint64_t from_ns, std::uint64_t connections) {
    milestone_accepts_ = connections;
    set_milestone(from_ns, 0, 0);
  }
  [[nodiscard]] int milestone_fd() const { return milestone_.get(); }

  // Ends the server; what it saw can be read then.
  void stop() {
    if (!thread_.joinable()) return;
    eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  [[nodiscard]] const std::set<std::string>& sources() const { return sources_; }
  [[nodiscard]] std::uint64_t accepted() const { return accepted_; }
  // Bytes that the busiest connection had sent when the last one was accepted.
  [[nodiscard]] std::uint64_t busiest_at_last_accept() const { return busiest_at_last_accept_; }
  // Those that the other end has not closed.
  [[nodiscard]] std::size_t open_connections() const {
    return static_cast<std::size_t>(
        std::count_if(peers_.begin(), peers_.end(), [](const Peer& peer) {
          char byte = 0;
          return ::recv(peer.socket.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
        }));
  }

 private:
  struct Peer {
    Fd socket;
    std::uint64_t number;
    std::uint64_t received = 0;
    std::uint64_t since_milestone = 0;
  };

  void serve() {
    for (;;) {
      std::vector<pollfd> polled = {{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
      for (const Peer& peer : peers_)
        polled.push_back({peer.socket.get(), POLLIN, 0});
      if (::poll(polled.data(), polled.size(), -1) < 0) continue;
      if (polled[0].revents != 0) return;
      for (std::size_t i = 2; i < polled.size(); ++i)
        if (polled[i].revents != 0) echo(peers_[i - 2]);
      check_milestone();
      std::erase_if(peers_, [](const Peer& peer) { return !peer.socket; });
      if (polled[1].revents != 0) accept_one();
    }
  }

  void check_milestone() {
    if (milestone_from_ns_ == kNever || accepted_ < milestone_connections_ ||
        accepted_since_milestone_ < milestone_accepts_)
      return;
    const auto there = [&](const Peer& peer) {
      return !peer.socket || peer.since_milestone >= milestone_bytes_;
    };
    if (std::all_of(peers_.begin(), peers_.end(), there)) eventfd_write(milestone_.get(), 1);
  }

  void accept_one() {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    Fd socket(::accept(listener_.get(), reinterpret_cast<sockaddr*>(&from), &length));
    const int on = 1;
    setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (const Peer& peer : peers_)
      busiest_at_last_accept_ = std::max(busiest_at_last_accept_, peer.received);
    sources_.insert(inet_ntoa(from.sin_addr));
    peers_.push_back({std::move(socket), accepted_++});
    if (monotonic_ns() >= milestone_from_ns_) ++accepted_since_milestone_;
  }

  void echo(Peer& peer) {
    const ssize_t got = ::recv(peer.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (got <= 0) return peer.socket.reset();
    const auto bytes = static_cast<std::size_t>(got);
    const bool faulty = !faults_.only_first || peer.number == 0;
    total_ += bytes;
    if (total_ >= faults_.stall_after) {
      faults_.stall_after = kNever;
      std::this_thread::sleep_for(faults_.stall);
    }
    if (faulty && faults_.flip_byte >= peer.received && faults_.flip_byte - peer.received < bytes)
      buffer_[faults_.flip_byte - peer.received] ^= 1;
    peer.received += bytes;
    if (monotonic_ns() >= milestone_from_ns_) peer.since_milestone += bytes;
    if (faulty && peer.received >= faults_.close_after) {
      // Linger for no time: a reset instead of an orderly end.
      const linger at_once{1, 0};
      setsockopt(peer.socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      return peer.socket.reset();
    }
    if (faulty && faults_.mute) return;
    std::string answer(buffer_.data(), bytes);
    if (faulty && faults_.babble) answer += 'x';
    const Peer* to = &peer;
    if (faults_.swap && peers_.size() == 2) to = &peers_[&peer == &peers_[0] ? 1 : 0];
    for (std::string_view rest = answer; !rest.empty();) {
      const ssize_t sent =
          ::send(to->socket.get(), rest.data(), std::min(rest.size(), faults_.piece), MSG_NOSIGNAL);
      if (sent <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  Faults faults_;
  std::uint16_t port_ = 0;
  Fd listener_;
  Fd stop_;
  Fd milestone_;
  std::atomic<std::uint64_t> milestone_from_ns_ = kNever;
  std::atomic<std::size_t> milestone_connections_ = 0;
  std::atomic<std::uint64_t> milestone_bytes_ = 0;
  std::atomic<std::uint64_t> milestone_accepts_ = 0;
  std::uint64_t accepted_since_milestone_ = 0;
  std::vector<Peer> peers_;
  std::uint64_t accepted_ = 0;
  std::uint64_t busiest_at_last_accept_ = 0;
  std::uint64_t total_ = 0;
  std::set<std::string> sources_;
  std::array<char, 65536> buffer_{};
  std::thread thread_;
};

}  // namespace tr::load
