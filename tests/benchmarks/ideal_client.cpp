// What latency can a client see at best on this machine? The reference for the load generator.
//
// Sends messages of 64 bytes on a plan of equal gaps, over connections that take turns, to a server
// that answers in the order in which it was asked. Does nothing else: spins until the next planned
// time, and meanwhile asks the one socket whose answer comes next. Prints the percentiles of two
// latencies in ns, both from the planned moment: to the answer's arrival ("came"), by the kernel's
// software receive time stamp, and to the moment at which it was read ("read"). Without the first
// messages, the warm-up. Shares no code with the load generator that it judges.
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
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <numeric>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>
#include <vector>

namespace {

using Message = std::array<char, 64>;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "ideal_client: cannot %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

std::uint64_t ns(const timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t now_ns(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return ns(now);
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
  const int stamps = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE;
  if (::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps) != 0)
    fail("have answers time stamped");
  return fd;
}

// Does not wait; `came_ns`, on CLOCK_REALTIME, is left alone where there is no stamp.
ssize_t receive(int fd, Message& answer, std::uint64_t& came_ns) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(scm_timestamping))> control;
  iovec part{answer.data(), answer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(fd, &message, MSG_DONTWAIT);
  if (got <= 0) return got;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_TIMESTAMPING) {
    scm_timestamping stamps{};
    std::memcpy(&stamps, CMSG_DATA(header), sizeof stamps);
    came_ns = ns(stamps.ts[0]);
  }
  return got;
}

void print(const char* name, std::vector<std::uint64_t> latencies, const char* end) {
  std::sort(latencies.begin(), latencies.end());
  const auto quantile = [&](double q) {
    return latencies[static_cast<std::size_t>(q * static_cast<double>(latencies.size() - 1))];
  };
  std::printf(
      "\"%s\": {\"p50\": %lu, \"p90\": %lu, \"p99\": %lu, \"mean\": %lu}%s", name, quantile(0.5),
      quantile(0.9), quantile(0.99),
      std::accumulate(latencies.begin(), latencies.end(), std::uint64_t{0}) / latencies.size(),
      end);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const double gap_ns = 1e9 / std::atof(argv[2]);
  std::vector<int> sockets(std::strtoul(argv[3], nullptr, 10));
  const std::size_t warmup = std::strtoul(argv[4], nullptr, 10);
  std::vector<std::uint64_t> came(warmup + std::strtoul(argv[5], nullptr, 10));
  std::vector<std::uint64_t> read(came.size());
  if (sockets.empty() || came.size() == warmup) return 2;
  for (int& fd : sockets)
    fd = connect_to(static_cast<std::uint16_t>(std::atoi(argv[1])));

  const std::uint64_t start_ns = now_ns() + 20'000'000;
  const auto planned_ns = [&](std::size_t n) {
    return start_ns + static_cast<std::uint64_t>(gap_ns * static_cast<double>(n));
  };
  std::size_t sent = 0;
  std::size_t answered = 0;
  Message message{};
  while (answered < came.size()) {
    if (sent < came.size() && sent - answered < sockets.size() && now_ns() >= planned_ns(sent)) {
      std::memcpy(message.data(), &sent, sizeof sent);
      if (::send(sockets[sent % sockets.size()], message.data(), message.size(), 0) != 64)
        fail("send");
      ++sent;
    }
    if (answered == sent) continue;
    Message answer{};
    const int fd = sockets[answered % sockets.size()];
    std::uint64_t came_ns = 0;
    const ssize_t got = receive(fd, answer, came_ns);
    if (got < 0 && errno == EAGAIN) continue;
    const std::uint64_t read_ns = now_ns();
    const std::uint64_t since_ns = now_ns(CLOCK_REALTIME) - came_ns;
    if (got != 64 || std::memcmp(answer.data(), &answered, sizeof answered) != 0)
      fail("receive the answer that was due");
    if (came_ns == 0 && answered >= warmup) {
      errno = ENODATA;
      fail("learn when an answer came");
    }
    read[answered] = read_ns - planned_ns(answered);
    came[answered] = came_ns == 0 ? read[answered] : read[answered] - since_ns;
    ++answered;
  }
  for (auto* latencies : {&came, &read})
    latencies->erase(latencies->begin(), latencies->begin() + static_cast<std::ptrdiff_t>(warmup));
  std::printf("{");
  print("came", std::move(came), ", ");
  print("read", std::move(read), "}\n");
}
