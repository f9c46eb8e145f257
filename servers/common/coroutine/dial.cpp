#include "common/coroutine/dial.h"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

namespace servers {
namespace {

Fd open_socket(const Address& to, const std::optional<Address>& from) {
  Fd socket(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return {};
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // The port that it gets may be a server's that is down, and must not keep it from coming back.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (from && from->family() == to.family()) {
    // The port is chosen when it connects, when one may be shared with other destinations (ip(7)).
    ::setsockopt(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const Address any_port = from->with_port(0);
    if (::bind(socket.get(), any_port.get(), any_port.size()) != 0) return {};
  }
  return socket;
}

}  // namespace

void notice_vanishing(int socket) {
  constexpr int kOn = 1;
  constexpr int kIdleS = 5;
  constexpr int kBetweenS = 5;
  constexpr int kProbes = 2;
  constexpr unsigned kUnacknowledgedMs = 15'000;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &kOn, sizeof kOn);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &kIdleS, sizeof kIdleS);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &kBetweenS, sizeof kBetweenS);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
  ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof kUnacknowledgedMs);
}

Task<Dialled> dial(Reactor& reactor, Address to, std::optional<Address> from,
                   Milliseconds patience) {
  Dialled dialled;
  Fd socket = open_socket(to, from);
  if (!socket) {
    dialled.error = errno;
    co_return dialled;
  }
  const int fd = socket.get();
  notice_vanishing(fd);
  // Begun before it is watched: a socket that is not connected counts as hung up. How it went is
  // what connect() below asks.
  [[maybe_unused]] const int begun = ::connect(fd, to.get(), to.size());
  if (const auto shortage = reactor.watch(fd)) {
    dialled.error = shortage->error;
    co_return dialled;
  }
  dialled.socket = std::make_unique<Socket>(reactor, std::move(socket));
  dialled.error = co_await dialled.socket->connect(to, patience);
  // Where nobody listens and the kernel picks that very port for us, TCP connects us to ourselves
  // (a simultaneous open, RFC 9293, 3.5). Ended by a reset it leaves no TIME_WAIT on that port.
  if (dialled.error == 0 && Address::of(fd) == Address::of_peer(fd)) {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    dialled.error = ECONNREFUSED;
  }
  if (dialled.error != 0) dialled.socket.reset();
  co_return dialled;
}

}  // namespace servers
