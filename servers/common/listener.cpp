#include "common/listener.h"

#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "common/address.h"
#include "common/handoff.h"
#include "common/log.h"

namespace servers {
namespace {

constexpr std::chrono::milliseconds kPause{100};

struct AddressFree {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

std::unique_ptr<addrinfo, AddressFree> resolve(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
    throw Failure(
        fmt::format("cannot listen on {}: {}; --bind takes an address of this machine, such as "
                    "127.0.0.1, ::1 or 0.0.0.0 (all)",
                    host_and_port(host, port), gai_strerror(error)));
  return std::unique_ptr<addrinfo, AddressFree>(found);
}

std::string_view remedy(int error) {
  switch (error) {
    case EADDRINUSE:
      return "another program listens there: choose another --port, or 0 for a free one";
    case EADDRNOTAVAIL:
      return "--bind must be an address of this machine (`ip address` lists them)";
    case EACCES:
      return "low ports need root or CAP_NET_BIND_SERVICE: choose a --port from 1024 up";
    case EAFNOSUPPORT:
      return "this kind of address is turned off here: try --bind 127.0.0.1";
    default:
      return {};
  }
}

[[noreturn]] void fail_to_listen(std::string_view where) {
  const std::string_view mend = remedy(errno);
  throw Failure::from_errno(fmt::format("listen on {}", where), mend);
}

}  // namespace

Fd bind_to(const std::string& host, std::uint16_t port) {
  const std::string port_text = std::to_string(port);
  const auto address = resolve(host, port_text);
  Fd bound(::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  // Linux clones accepted sockets from the listening one, options included: TCP_NODELAY set here
  // costs no setsockopt per connection. SO_REUSEADDR ignores the TIME_WAITs of an earlier run.
  if (!bound || ::setsockopt(bound.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::setsockopt(bound.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      ::bind(bound.get(), address->ai_addr, address->ai_addrlen) != 0)
    fail_to_listen(host_and_port(host, port_text));
  return bound;
}

Listener::Listener(const std::string& host, std::uint16_t port, int backlog)
    : Listener(bind_to(host, port), backlog) {}

Listener::Listener(Fd bound, int backlog) : backlog_(backlog), socket_(std::move(bound)) {
  if (::listen(socket_.get(), backlog) != 0) fail_to_listen(address());
}

Listener::Listener(Fd handoff)
    : backlog_(INT_MAX), socket_(std::move(handoff)), handed_over_(true) {}

std::string Listener::address() const {
  const auto bound = Address::of(socket_.get());
  if (!bound) throw Failure::from_errno("read the address that was bound");
  return bound->text();
}

Fd Listener::accept(int flags) {
  if (put_back_) return std::move(put_back_);
  for (;;) {
    Fd client = handed_over_ ? take_handed_over(socket_.get())
                             : Fd(::accept4(socket_.get(), nullptr, nullptr, flags | SOCK_CLOEXEC));
    if (client) return client;
    // EINVAL: no longer listening.
    if (errno == EAGAIN || errno == EINVAL) return {};
    accept_failed(errno);
    if (paused_) return {};
  }
}

void Listener::accept_failed(int error) {
  switch (error) {
    case EMFILE:
      return pause({"accept a client", error, "raise the limit of open files (ulimit -n)"});
    case ENFILE:
      return pause({"accept a client", error, "raise the machine's limit (sysctl fs.file-max)"});
    // The client's own failure, which came up before it was accepted: on to the next one
    // (accept(2), "Error handling").
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EINTR:
      return;
    default:  // ENOBUFS, ENOMEM, or a security module that forbids it (EPERM)
      return pause({"accept a client", error, {}});
  }
}

void Listener::pause(const Shortage& shortage) {
  paused_ = true;
  paused_until_ = Clock::now() + kPause;
  shortage_line_.say(
      fmt::format("{}; clients already connected are served on, new ones wait",
                  failure_text(shortage.operation, shortage.error, shortage.remedy)));
}

bool Listener::resume() {
  if (!paused_ || Clock::now() < paused_until_) return false;
  paused_ = false;
  return true;
}

void Listener::let_block(bool block) {
  const int flags = ::fcntl(socket_.get(), F_GETFL);
  ::fcntl(socket_.get(), F_SETFL, block ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

void Listener::end() {
  if (!handed_over_) ::shutdown(socket_.get(), SHUT_RDWR);
  close();
}

void Listener::close() {
  socket_.reset();
  put_back_.reset();
  paused_ = false;
}

int max_backlog(const std::string& proc) {
  int limit = 0;
  std::ifstream(proc + "/sys/net/core/somaxconn") >> limit;
  return limit > 0 ? limit : SOMAXCONN;
}

}  // namespace servers
