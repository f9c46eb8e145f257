#include "load/connect.h"

#include <algorithm>
#include <cerrno>
#include <netinet/tcp.h>
#include <poll.h>

#include "util/clock.h"

namespace tr::load {
namespace {

constexpr std::size_t kMostAtOnce = 128;

std::string remedy(int code) {
  switch (code) {
    case ECONNREFUSED:
      return "is the server running, and listening on that address and port?";
    case ETIMEDOUT:
      return "does the server still accept connections, and does a firewall let them through?";
    case EADDRNOTAVAIL:
      return "all local ports to it are taken: wait a minute for those of earlier runs, use "
             "fewer --connections, or widen net.ipv4.ip_local_port_range";
    case EMFILE:
    case ENFILE:
      return "use fewer --connections, or raise the limit of open files (ulimit -n)";
    case ENETUNREACH:
    case EHOSTUNREACH:
      return "check the address and this machine's routes";
    default:
      return {};
  }
}

Error connect_error(std::string operation, const Address& target, int code) {
  return Error{.failure = Failure::kRun,
               .operation = std::move(operation),
               .object = target.text,
               .code = code,
               .why = {},
               .remedy = remedy(code)};
}

// Opens one connection after the other and keeps the score.
class Connector {
 public:
  explicit Connector(const ConnectOrder& order)
      : order_(order), give_up_ns_(monotonic_ns() + order.patience_ns) {}

  Result<Connected> run() {
    while (settled() < order_.count) {
      while (pending_.size() < kMostAtOnce && started_ < order_.count && !hopeless())
        start_one();
      if (hopeless() || monotonic_ns() >= give_up_ns_) {
        give_up();
        break;
      }
      if (pending_.empty()) continue;
      if (Status status = wait(); !status) return std::move(status).error();
    }
    return std::move(done_);
  }

 private:
  [[nodiscard]] std::uint64_t settled() const { return done_.sockets.size() + done_.failures; }
  [[nodiscard]] bool hopeless() const {
    return done_.sockets.empty() && done_.failures >= kMostAtOnce;
  }

  void start_one() {
    const std::uint64_t number = started_++;
    auto socket = begin_connect(order_.route, number, number);
    if (!socket) return failed(std::move(socket).error());
    pending_.push_back(*std::move(socket));
  }

  Status wait() {
    polled_.clear();
    for (const Fd& socket : pending_)
      polled_.push_back({socket.get(), POLLOUT, 0});
    for (const int fd : order_.cancel_fds)
      polled_.push_back({fd, POLLIN, 0});
    const std::uint64_t now = monotonic_ns();
    const std::uint64_t left = give_up_ns_ > now ? give_up_ns_ - now : 0;
    if (::poll(polled_.data(), polled_.size(), static_cast<int>(left / 1'000'000) + 1) < 0)
      return errno == EINTR ? Status()
                            : errno_error("wait for connections to", order_.route.targets[0].text);
    std::vector<Fd> still_pending;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (polled_[i].revents == 0)
        still_pending.push_back(std::move(pending_[i]));
      else
        settle(std::move(pending_[i]));
    }
    for (std::size_t i = pending_.size(); i < polled_.size(); ++i)
      if (polled_[i].revents != 0) {
        Error error = connect_error("connect to", order_.route.targets[0], 0);
        error.why = "interrupted";
        return error;
      }
    pending_ = std::move(still_pending);
    return {};
  }

  void settle(Fd socket) {
    int code = 0;
    socklen_t length = sizeof code;
    if (getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &code, &length) != 0) code = errno;
    if (code != 0) return failed(connect_error("connect to", order_.route.targets[0], code));
    done_.sockets.push_back(std::move(socket));
    give_up_ns_ = monotonic_ns() + order_.patience_ns;
  }

  void failed(Error error) {
    ++done_.failures;
    if (!done_.first_failure) done_.first_failure = std::move(error);
  }

  void give_up() {
    if (!done_.first_failure)
      failed(connect_error("connect to", order_.route.targets[0], ETIMEDOUT));
    done_.failures = order_.count - done_.sockets.size();
  }

  const ConnectOrder& order_;
  std::uint64_t started_ = 0;
  std::uint64_t give_up_ns_;
  std::vector<Fd> pending_;
  std::vector<pollfd> polled_;
  Connected done_;
};

}  // namespace

Result<Fd> begin_connect(const Route& route, std::uint64_t number, std::uint64_t turn) {
  const Address& target = route.target(number);
  const auto error = [&](std::string operation) {
    return connect_error(std::move(operation), target, errno);
  };
  Fd socket(
      ::socket(target.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!socket) return error("open a socket for");
  const int on = 1;
  if (setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
    return error("set TCP_NODELAY for");
  if (!route.sources.empty()) {
    // Without this option the port would be taken at bind(), when the kernel cannot know yet that
    // it only has to be free towards one target (ip(7)).
    if (setsockopt(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0)
      return error("set IP_BIND_ADDRESS_NO_PORT for");
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr = route.sources[turn % route.sources.size()];
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0)
      return error("bind a source address for");
  }
  if (::connect(socket.get(), target.get(), target.length) != 0 && errno != EINPROGRESS)
    return error("connect to");
  return socket;
}

Result<Connected> connect_all(const ConnectOrder& order) {
  return Connector(order).run();
}

}  // namespace tr::load
