// What does tracing add to one system call, to one context switch, and to one message? The program
// under tracing, or the client of the server that is: measures itself, on request, by the minimum
// over many short windows, which neither interrupts nor a busy machine can lower.
//
// Reads commands from standard input, one a line, and answers each with one line: the least ns that
// one repetition took, and how many repetitions it made.
//   syscall WINDOWS   getppid(2)
//   switch WINDOWS    the round trip of one byte through two pipes between two threads on one CPU:
//                     4 calls, 2 context switches, 2 wake-ups
//   message WINDOWS   a message of 64 bytes to the echo server at PORT and back
//
// usage: benchmark_target CPU [PORT]
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <string>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace {

std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

constexpr int kCallsPerWindow = 1000;
constexpr int kRoundTripsPerWindow = 100;

// The least ns that a repetition took in any of the windows, of `times` repetitions each.
template <class Step>
double least_ns(int windows, int times, Step step) {
  double best = 1e18;
  for (int window = 0; window < windows; ++window) {
    const std::uint64_t start = now_ns();
    for (int i = 0; i < times; ++i)
      step();
    best = std::min(best, static_cast<double>(now_ns() - start) / times);
  }
  return best;
}

class Pipe {
 public:
  Pipe() {
    if (pipe(ends_.data()) != 0) std::abort();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  void put(char byte) const {
    if (write(ends_[1], &byte, 1) != 1) std::abort();
  }
  [[nodiscard]] char get() const {
    char byte = 0;
    if (read(ends_[0], &byte, 1) != 1) std::abort();
    return byte;
  }

 private:
  std::array<int, 2> ends_{};
};

double round_trip(int windows) {
  const Pipe there;
  const Pipe back;
  std::thread partner([&] {
    while (const char byte = there.get())
      back.put(byte);
  });
  const double ns = least_ns(windows, kRoundTripsPerWindow, [&] {
    there.put(1);
    (void)back.get();
  });
  there.put(0);
  partner.join();
  return ns;
}

// A connection of its own for each request: the first message of all is the tracer's first too.
double message(int windows, int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const int on = 1;
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
    std::abort();
  std::array<char, 64> bytes{};
  const double ns = least_ns(windows, kRoundTripsPerWindow, [&] {
    if (send(fd, bytes.data(), bytes.size(), 0) != std::ssize(bytes) ||
        recv(fd, bytes.data(), bytes.size(), MSG_WAITALL) != std::ssize(bytes))
      std::abort();
  });
  close(fd);
  return ns;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: %s CPU [PORT]\n", argv[0]);
    return 2;
  }
  const int port = argc == 3 ? std::atoi(argv[2]) : 0;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(std::atoi(argv[1]), &cpus);
  if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0) {
    std::perror("sched_setaffinity");
    return 2;
  }
  std::string what;
  int windows = 0;
  while (std::cin >> what >> windows) {
    const bool calls = what == "syscall";
    const double ns = calls ? least_ns(windows, kCallsPerWindow, [] { syscall(SYS_getppid); })
                      : what == "message" ? message(windows, port)
                                          : round_trip(windows);
    std::printf("%.1f %d\n", ns, windows * (calls ? kCallsPerWindow : kRoundTripsPerWindow));
    std::fflush(stdout);
  }
}
