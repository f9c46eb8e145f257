// What latency can a client see at best on this machine? The reference for the load generator.
//
// Sends messages of 64 bytes on a plan of equal gaps, over connections that take turns, to a server
// that answers in the order in which it was asked. Does nothing else: spins until the next planned
// time, and meanwhile asks the one socket whose answer comes next. Prints the percentiles of
// (answer received - planned) in ns, without the first messages, the warm-up. Shares no code with
// the load generator that it judges.
//
// usage: benchmark_ideal_client PORT MESSAGES_PER_SECOND CONNECTIONS WARMUP_MESSAGES MESSAGES
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <numeric>
#include <sys/socket.h>
#include <vector>

namespace {

using Message = std::array<char, 64>;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "ideal_client: cannot %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const int on = 1;
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
    fail("connect");
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const double gap_ns = 1e9 / std::atof(argv[2]);
  std::vector<int> sockets(std::strtoul(argv[3], nullptr, 10));
  const std::size_t warmup = std::strtoul(argv[4], nullptr, 10);
  std::vector<std::uint64_t> latencies(warmup + std::strtoul(argv[5], nullptr, 10));
  if (sockets.empty() || latencies.size() == warmup) return 2;
  for (int& fd : sockets)
    fd = connect_to(static_cast<std::uint16_t>(std::atoi(argv[1])));

  const std::uint64_t start_ns = now_ns() + 20'000'000;
  const auto planned_ns = [&](std::size_t n) {
    return start_ns + static_cast<std::uint64_t>(gap_ns * static_cast<double>(n));
  };
  std::size_t sent = 0;
  std::size_t answered = 0;
  Message message{};
  while (answered < latencies.size()) {
    if (sent < latencies.size() && sent - answered < sockets.size() &&
        now_ns() >= planned_ns(sent)) {
      std::memcpy(message.data(), &sent, sizeof sent);
      if (::send(sockets[sent % sockets.size()], message.data(), message.size(), 0) != 64)
        fail("send");
      ++sent;
    }
    if (answered == sent) continue;
    Message answer{};
    const int fd = sockets[answered % sockets.size()];
    const ssize_t got = ::recv(fd, answer.data(), answer.size(), MSG_DONTWAIT);
    const std::uint64_t received_ns = now_ns();
    if (got < 0 && errno == EAGAIN) continue;
    if (got != 64 || std::memcmp(answer.data(), &answered, sizeof answered) != 0)
      fail("receive the answer that was due");
    latencies[answered] = received_ns - planned_ns(answered);
    ++answered;
  }
  latencies.erase(latencies.begin(), latencies.begin() + static_cast<std::ptrdiff_t>(warmup));
  std::sort(latencies.begin(), latencies.end());
  const auto quantile = [&](double q) {
    return latencies[static_cast<std::size_t>(q * static_cast<double>(latencies.size() - 1))];
  };
  std::printf(
      "{\"p50\": %lu, \"p90\": %lu, \"p99\": %lu, \"mean\": %lu}\n", quantile(0.5), quantile(0.9),
      quantile(0.99),
      std::accumulate(latencies.begin(), latencies.end(), std::uint64_t{0}) / latencies.size());
}
