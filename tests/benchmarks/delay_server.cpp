// A server whose delay is known: what should a load generator measure?
//
// Echoes each message exactly so long after it has come, and once per second, if asked to, stalls:
// what comes then is answered, all at once, when the stall is over. It knows what it did from the
// kernel, not from its own clock reads: when a request came to its socket (SO_TIMESTAMPING, the
// software receive time stamp) and when the answer went to the network device (the software
// transmit time stamp, taken by the loopback device). Without stalls it never sleeps: give it a CPU
// of its own.
//
// usage: benchmark_delay_server MESSAGE_BYTES DELAY_NS STALL_NS
// A line on standard input names a file that the records of all messages so far are written to;
// the answer is how many, on standard output; they are forgotten then. The end of it is ours. Of an
// answer that nobody was there to take the time of leaving is 0.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <iostream>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;

// What is written of each message; times on CLOCK_REALTIME, the clock of the time stamps.
struct Record {
  std::uint64_t first_word;  // of the connection: its first 8 bytes, which tell it from others
  std::uint64_t sequence;    // on the connection, from 0
  std::uint64_t came_ns;
  std::uint64_t left_ns;
};

struct Answer;

// Messages that were answered with one send and wait for its time stamp.
struct Unstamped {
  std::uint32_t last_byte;  // of the answer, counted from the connection's first
  std::size_t first_record;
  std::size_t records;
};

struct Client {
  int fd;
  Answer* last = nullptr;  // of those that are held back
  bool known = false;      // by its
  std::uint64_t first_word = 0;
  std::uint64_t sequence = 0;  // of its next answer
  std::vector<char> half;      // the beginning of a message
  std::uint32_t sent_bytes = 0;
  std::deque<Unstamped> unstamped;
};

// One or more whole messages: those that wait out the same stall are answered together.
struct Answer {
  Client* client;
  std::vector<char> bytes;
  std::vector<std::uint64_t> came_ns;  // of each
  std::uint64_t due_ns;
};

struct Plan {
  std::size_t message_bytes;
  std::uint64_t delay_ns;
  std::uint64_t stall_ns;
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "delay_server: cannot %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

std::uint64_t ns(const timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * kSecondNs +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return ns(now);
}

// What recvmsg(2) gave; `stamp_ns` is 0 if the kernel gave none. Of a sent answer's time stamp,
// `last_byte` says which one it is of (SOF_TIMESTAMPING_OPT_ID).
struct Received {
  ssize_t bytes;
  std::uint64_t stamp_ns = 0;
  std::uint32_t last_byte = 0;
};

Received receive(int fd, char* room, std::size_t size, int flags) {
  alignas(cmsghdr) std::array<char, 512> control{};
  iovec part{room, size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  Received received{::recvmsg(fd, &message, flags | MSG_DONTWAIT)};
  if (received.bytes < 0) return received;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_TIMESTAMPING) {
      scm_timestamping stamps{};
      std::memcpy(&stamps, CMSG_DATA(header), sizeof stamps);
      received.stamp_ns = ns(stamps.ts[0]);  // the software one
    } else if (header->cmsg_level == SOL_IP && header->cmsg_type == IP_RECVERR) {
      sock_extended_err error{};
      std::memcpy(&error, CMSG_DATA(header), sizeof error);
      received.last_byte = error.ee_data;
    }
  }
  return received;
}

class Server {
 public:
  explicit Server(const Plan& plan) : plan_(plan), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (epoll_ < 0 || listener_ < 0 || ::bind(listener_, generic, length) != 0 ||
        ::listen(listener_, 1024) != 0 || ::getsockname(listener_, generic, &length) != 0)
      fail("listen");
    wait_for_stamps();
    watch(listener_, nullptr);
    watch(STDIN_FILENO, &standard_input_);
    records_.reserve(1 << 20);
    std::printf("delay_server listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  void run() {
    std::array<epoll_event, 64> events;
    for (;;) {
      const timespec timeout = may_sleep();
      const int ready = ::epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
      for (int i = 0; i < ready; ++i) {
        void* who = events[static_cast<std::size_t>(i)].data.ptr;
        if (who == nullptr)
          accept();
        else if (who == &standard_input_) {
          if (!write_records()) return;
        } else
          take(*static_cast<Client*>(who));
      }
      while (!answers_.empty() && answers_.front().due_ns <= now_ns())
        give();
    }
  }

 private:
  // Some 50 us too long are nothing beside a stall, and much beside a short delay.
  [[nodiscard]] timespec may_sleep() const {
    if (plan_.stall_ns == 0) return {.tv_sec = 0, .tv_nsec = 0};
    if (answers_.empty()) return {.tv_sec = 1, .tv_nsec = 0};
    const std::uint64_t now = now_ns();
    const std::uint64_t due = answers_.front().due_ns;
    return {.tv_sec = 0, .tv_nsec = due > now ? static_cast<long>(due - now) : 0};
  }

  void watch(int fd, void* who) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = who;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("watch a descriptor");
  }

  // The kernel takes a moment to begin with it: until a datagram of ours has one.
  void wait_for_stamps() {
    stamp(listener_, 0);  // so that it goes on while no client is there
    const int probe = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (probe < 0 || ::bind(probe, generic, length) != 0 ||
        ::getsockname(probe, generic, &length) != 0)
      fail("make a socket");
    stamp(probe, 0);
    char byte = 0;
    do {
      ::usleep(1000);
      if (::sendto(probe, &byte, 1, 0, generic, length) != 1) fail("send to itself");
    } while (receive(probe, &byte, 1, 0).stamp_ns == 0);
    ::close(probe);
  }

  static void stamp(int fd, int more) {
    const int stamps = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE | more;
    if (::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps) != 0)
      fail("have messages time stamped");
  }

  void accept() {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    // Answers leave when they are sent: no Nagle, no pacing (as by BBR, if that is the default).
    constexpr std::string_view kUnpaced = "reno";
    if (::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, kUnpaced.data(), kUnpaced.size()) != 0)
      fail("prepare a connection");
    stamp(fd, SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY | SOF_TIMESTAMPING_OPT_ID);
    clients_.push_back(std::make_unique<Client>(Client{.fd = fd, .half = {}, .unstamped = {}}));
    watch(fd, clients_.back().get());
  }

  void take(Client& client) {
    if (!client.unstamped.empty()) take_stamps(client);
    const Received got = receive(client.fd, buffer_.data(), buffer_.size(), 0);
    if (got.bytes < 0 && errno == EAGAIN) return;
    if (got.bytes <= 0) {
      ::close(client.fd);  // it stays in clients_: an answer may still be for it
      client.fd = -1;
      return;
    }
    std::vector<char> bytes = std::exchange(client.half, {});
    bytes.insert(bytes.end(), buffer_.data(), buffer_.data() + got.bytes);
    const std::size_t whole = bytes.size() / plan_.message_bytes * plan_.message_bytes;
    client.half.assign(bytes.begin() + static_cast<std::ptrdiff_t>(whole), bytes.end());
    bytes.resize(whole);
    if (bytes.empty()) return;
    if (got.stamp_ns == 0) fail("learn when a message came: the kernel gives no time stamp");
    if (!std::exchange(client.known, true))
      std::memcpy(&client.first_word, bytes.data(), sizeof client.first_word);
    const std::uint64_t due_ns = due(got.stamp_ns);
    if (client.last == nullptr || client.last->due_ns != due_ns) {
      answers_.push_back({.client = &client, .bytes = {}, .came_ns = {}, .due_ns = due_ns});
      client.last = &answers_.back();
    }
    Answer& answer = *client.last;
    answer.bytes.insert(answer.bytes.end(), bytes.begin(), bytes.end());
    answer.came_ns.insert(answer.came_ns.end(), whole / plan_.message_bytes, got.stamp_ns);
  }

  // Times only grow: the answers form a queue.
  [[nodiscard]] std::uint64_t due(std::uint64_t came_ns) const {
    const std::uint64_t second = came_ns / kSecondNs * kSecondNs;
    return std::max(came_ns + plan_.delay_ns, second + plan_.stall_ns);
  }

  void give() {
    Client& client = *answers_.front().client;
    if (client.last == &answers_.front()) client.last = nullptr;
    const Answer answer = std::move(answers_.front());
    answers_.pop_front();
    if (client.fd < 0) return;
    const ssize_t sent = ::send(client.fd, answer.bytes.data(), answer.bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return;
    if (sent != static_cast<ssize_t>(answer.bytes.size())) fail("send an answer in one piece");
    client.sent_bytes += static_cast<std::uint32_t>(sent);
    client.unstamped.push_back({client.sent_bytes - 1, records_.size(), answer.came_ns.size()});
    for (const std::uint64_t came_ns : answer.came_ns)
      records_.push_back({client.first_word, client.sequence++, came_ns, 0});
    take_stamps(client);
  }

  // The loopback device has taken an answer in the very call that sends it, unless TCP had to wait.
  void take_stamps(Client& client) {
    for (;;) {
      const Received left = receive(client.fd, nullptr, 0, MSG_ERRQUEUE);
      if (left.bytes < 0) return;
      std::deque<Unstamped>& waiting = client.unstamped;
      while (!waiting.empty() && waiting.front().last_byte <= left.last_byte) {
        for (std::size_t i = 0; i < waiting.front().records; ++i)
          records_[waiting.front().first_record + i].left_ns = left.stamp_ns;
        waiting.pop_front();
      }
    }
  }

  // False: nobody will ask any more.
  bool write_records() {
    std::string name;
    if (!std::getline(std::cin, name)) return false;
    std::FILE* file = std::fopen(name.c_str(), "wb");
    if (file == nullptr ||
        std::fwrite(records_.data(), sizeof(Record), records_.size(), file) != records_.size() ||
        std::fclose(file) != 0)
      fail("write the records");
    std::printf("%zu\n", records_.size());
    std::fflush(stdout);
    records_.clear();
    for (const auto& client : clients_)
      client->unstamped.clear();
    return true;
  }

  const Plan plan_;
  int epoll_;
  int listener_;
  char standard_input_ = 0;  // its address stands for it
  std::array<char, 65536> buffer_{};
  std::vector<std::unique_ptr<Client>> clients_;
  std::deque<Answer> answers_;
  std::vector<Record> records_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s MESSAGE_BYTES DELAY_NS STALL_NS\n", argv[0]);
    return 2;
  }
  Server({.message_bytes = std::strtoull(argv[1], nullptr, 10),
          .delay_ns = std::strtoull(argv[2], nullptr, 10),
          .stall_ns = std::strtoull(argv[3], nullptr, 10)})
      .run();
}
