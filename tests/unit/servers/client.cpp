#include "client.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <fstream>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/socket.h>
#include <system_error>

namespace servers::test {
namespace {

constexpr int kPatienceMs = 60'000;
// Nothing moves any more, on a loaded machine too.
constexpr int kStuckMs = 200;

short wait_for(int fd, short events, int timeout_ms) {
  pollfd polled{fd, events, 0};
  return ::poll(&polled, 1, timeout_ms) == 1 ? polled.revents : short{0};
}

short insist_on(int fd, short events) {
  const short ready = wait_for(fd, events, kPatienceMs);
  if (ready == 0) throw std::runtime_error("gave up waiting for the server");
  return ready;
}

[[noreturn]] void fail(const char* operation) {
  throw std::system_error(errno, std::generic_category(), operation);
}

}  // namespace

Fd Client::connect(const std::string& address, std::uint16_t port) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const bool is_v6 = address.find(':') != std::string::npos;
  if (is_v6) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    ::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr);
  } else {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr);
  }
  Fd socket(::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Small buffers on this side: what the server does with a client that does not keep up shows
  // after fewer bytes.
  const int small = 65536;
  const int on = 1;
  if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small) != 0 ||
      (is_v6 ? ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&v6), sizeof v6)
             : ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&v4), sizeof v4)) != 0)
    fail("connect");
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

std::optional<Client> Client::try_connect(const std::string& address, std::uint16_t port) {
  try {
    return Client(connect(address, port));
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

void Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    insist_on(fd(), POLLOUT);
    const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::size_t Client::send_until_stuck(std::string_view bytes) {
  const std::size_t all = bytes.size();
  while (!bytes.empty() && wait_for(fd(), POLLOUT, kStuckMs) != 0) {
    const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return all - bytes.size();
}

std::string Client::receive(std::size_t bytes) {
  return exchange({}, bytes);
}

std::string Client::receive_line() {
  std::string line;
  while (!line.ends_with('\n')) {
    insist_on(fd(), POLLIN);
    char chunk[4096];
    const ssize_t there = ::recv(fd(), chunk, sizeof chunk, MSG_PEEK | MSG_DONTWAIT);
    if (there < 0) fail("recv");
    const std::string_view bytes(chunk, static_cast<std::size_t>(there));
    const std::string more = receive(std::min(bytes.find('\n'), bytes.size() - 1) + 1);
    if (more.empty()) break;
    line += more;
  }
  return line;
}

std::string Client::receive_to_end() {
  return exchange({}, SIZE_MAX);
}

std::string Client::exchange(std::string_view bytes, std::size_t expected, After after) {
  std::string received;
  bool sending = !bytes.empty();
  if (!sending && after == After::kHalfClose) half_close();
  while (sending || received.size() < expected) {
    const bool receiving = received.size() < expected;
    const short ready =
        insist_on(fd(), static_cast<short>((sending ? POLLOUT : 0) | (receiving ? POLLIN : 0)));
    if (sending && (ready & POLLOUT) != 0) {
      const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN) fail("send");
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      sending = !bytes.empty();
      if (!sending && after == After::kHalfClose) half_close();
    }
    if (receiving && (ready & ~POLLOUT) != 0) {
      char chunk[65536];
      const ssize_t got =
          ::recv(fd(), chunk, std::min(sizeof chunk, expected - received.size()), MSG_DONTWAIT);
      if (got < 0 && errno != EAGAIN) fail("recv");
      if (got == 0) return received;
      if (got > 0) received.append(chunk, static_cast<std::size_t>(got));
    }
  }
  return received;
}

bool Client::readable(int timeout_ms) const {
  return wait_for(fd(), POLLIN, timeout_ms) != 0;
}

void Client::wait_for_end() {
  insist_on(fd(), POLLIN);
  char byte;
  if (::recv(fd(), &byte, 1, MSG_DONTWAIT) > 0)
    throw std::runtime_error("bytes came, not the connection's end");
}

void Client::half_close() {
  ::shutdown(fd(), SHUT_WR);
}

void Client::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket_.reset();
}

std::size_t too_much() {
  std::size_t total = 1 << 20;  // the client's own
  for (const char* limits : {"/proc/sys/net/ipv4/tcp_rmem", "/proc/sys/net/ipv4/tcp_wmem"}) {
    std::size_t least = 0;
    std::size_t initial = 0;
    std::size_t most = 0;
    if (!(std::ifstream(limits) >> least >> initial >> most)) most = 32 << 20;
    total += most;
  }
  return total;
}

bool allow_open_files(std::size_t count) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < count) return false;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

std::string pattern(std::size_t bytes, std::uint64_t seed) {
  std::string text;
  text.reserve(bytes + sizeof(std::uint64_t));
  std::uint64_t state = seed * 0x9E3779B97F4A7C15 + 1;
  while (text.size() < bytes) {
    // xorshift64 (Marsaglia, 2003)
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    text.append(reinterpret_cast<const char*>(&state), sizeof state);
  }
  text.resize(bytes);
  return text;
}

}  // namespace servers::test
