// With --waits: is each wait put to the very object and the very thread that a known program gave
// it, and does nothing get lost among them?
#include <array>
#include <atomic>
#include <cstdint>
#include <fcntl.h>
#include <linux/futex.h>
#include <memory>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "capture/kernel_file.h"
#include "parked_child.h"
#include "shared.h"
#include "traced.h"
#include "util/clock.h"
#include "util/cpu_set.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;

const ProbeOptions kWithWaits{.waits = true};
constexpr const char* kNoArrivals = "no tracepoint sk_data_ready before Linux 6.3";

bool kernel_tells_arrivals() {
  return kernel_has_tracepoint("sk_data_ready");
}

void call_me(const char* name) {
  ::prctl(PR_SET_NAME, name);
}

pid_t this_tid() {
  return static_cast<pid_t>(::syscall(SYS_gettid));
}

std::vector<WaitCause> causes_of(const Outcome& outcome, long call, const std::string& object,
                                 const std::string& waker) {
  std::vector<WaitCause> causes;
  for (const WaitCause& cause : outcome.waits->causes)
    if (cause.call == name_of(call) && cause.object == object && cause.waker == waker)
      causes.push_back(cause);
  return causes;
}

struct Turns {
  std::atomic<std::uint32_t> turn = 0;
  std::atomic<pid_t> waker = 0;
  std::atomic<pid_t> sleeper = 0;
};

TEST(Waits, AFutexIsToldByItsAddressAndTheThreadThatWakes) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kWithWaits);
  constexpr std::uint32_t kTurns = 20;
  const Shared<Turns> shared;
  const Outcome outcome = trace(probes, [&] {
    shared->waker = this_tid();
    call_me("waker");
    std::thread waiter([&] {
      call_me("sleeper");
      shared->sleeper = this_tid();
      for (std::uint32_t i = 0; i < kTurns; ++i)
        while (shared->turn.load() <= i)
          ::syscall(SYS_futex, &shared->turn, FUTEX_WAIT, i, nullptr, nullptr, 0);
      ::_exit(0);
    });
    while (shared->sleeper == 0)
      sleep_ms(1);
    for (std::uint32_t i = 0; i < kTurns; ++i) {
      if (!wait_until_blocked(shared->sleeper)) ::_exit(1);
      shared->turn.store(i + 1);
      ::syscall(SYS_futex, &shared->turn, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
    ::pause();
  });
  expect_sound(outcome);
  const auto causes = causes_of(outcome, SYS_futex, "", "server");
  ASSERT_EQ(causes.size(), 1U);
  const WaitCause& cause = causes.front();
  EXPECT_EQ(cause.place, "address");
  EXPECT_EQ(cause.which, address_of(&shared->turn));
  EXPECT_EQ(cause.tgid, shared->waker.load());
  EXPECT_EQ(cause.waker_name, "waker");
  EXPECT_EQ(cause.waker_tid, static_cast<std::uint64_t>(shared->waker.load()));
  EXPECT_EQ(cause.waits.count, kTurns);
  EXPECT_EQ(cause.run_queue.count, kTurns);
  EXPECT_GE(cause.waits.max_ns * kTurns, cause.waits.ns);
  std::uint64_t handed = 0;
  for (const Handoff& handoff : outcome.waits->handoffs)
    if (handoff.waker == "waker" && handoff.sleeper == "sleeper") {
      EXPECT_EQ(handoff.waker_tid, static_cast<std::uint64_t>(shared->waker.load()));
      EXPECT_EQ(handoff.sleeper_tid, static_cast<std::uint64_t>(shared->sleeper.load()));
      handed += handoff.count;
    }
  EXPECT_EQ(handed, kTurns);
  EXPECT_EQ(outcome.waits->other_handoffs, 0U);
}

// Who sleeps on two futexes in turn is not taken for one that sleeps on one.
TEST(Waits, TwoFutexesOfAThreadAreTwoCauses) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kWithWaits);
  static std::array<std::uint32_t, 2> words{};
  const Outcome outcome = trace(probes, [] {
    const timespec pause{.tv_sec = 0, .tv_nsec = 3'000'000};
    for (int i = 0; i < 20; ++i)
      ::syscall(SYS_futex, &words[i % 2], FUTEX_WAIT_PRIVATE, 0, &pause, nullptr, 0);
  });
  expect_sound(outcome);
  const auto causes = causes_of(outcome, SYS_futex, "", "timer");
  ASSERT_EQ(causes.size(), 2U);
  EXPECT_EQ(causes[0].which + causes[1].which, address_of(&words[0]) + address_of(&words[1]));
  for (const WaitCause& cause : causes) {
    // On a busy machine a timer may fire before its sleeper sleeps.
    EXPECT_LE(cause.waits.count, 10U);
    EXPECT_GE(cause.waits.count, 5U);
    EXPECT_TRUE(cause.waker_name.empty());
    // A wait ends with the timer, 3 ms after the call was made, a little before it slept.
    EXPECT_LE(cause.waits.ns, cause.waits.count * 3 * kMs + cause.waits.count * kMs);
    EXPECT_GE(cause.waits.ns, cause.waits.count * 2 * kMs);
  }
}

TEST(Waits, APipeIsToldByItsInodeAndAnotherProgramByItsName) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kWithWaits);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Fd read_end(ends[0]);
  const Fd write_end(ends[1]);
  struct stat pipe {};
  ASSERT_EQ(::fstat(read_end.get(), &pipe), 0);
  constexpr std::uint64_t kBytes = 10;
  const capture::ParkedChild child([&] {
    char byte = 0;
    for (std::uint64_t i = 0; i < kBytes; ++i)
      if (::read(read_end.get(), &byte, 1) != 1) ::_exit(1);
  });
  ASSERT_TRUE(probes.adopt(std::array{child.pid()}).ok());
  open_window(probes);
  std::thread writer([&] {
    call_me("writer");
    const auto waits = [&] {
      return capture::kernel_text("", fmt::format("/proc/{}/syscall", child.pid()))
          .value_or("")
          .starts_with(fmt::format("{} {:#x} ", SYS_read, read_end.get()));
    };
    for (std::uint64_t i = 0; i < kBytes; ++i) {
      while (!waits() || !wait_until_blocked(child.pid()))
        sleep_until_ns(monotonic_ns() + 100'000);
      (void)!::write(write_end.get(), "x", 1);
    }
  });
  child.run();
  writer.join();
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  std::uint64_t found = 0;
  for (const WaitCause& cause : causes_of(outcome, SYS_read, "pipe", "other")) {
    EXPECT_EQ(cause.place, "inode");
    if (cause.waker_name != "writer") continue;
    EXPECT_EQ(cause.which, pipe.st_ino);
    found += cause.waits.count;
  }
  EXPECT_EQ(found, kBytes);
  EXPECT_THAT(outcome.waits->handoffs, testing::IsEmpty());
}

TEST(Waits, WhatAWaitForEventsWatchesIsTold) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kWithWaits);
  const Shared<std::atomic<int>> epoll_number;
  const Shared<std::atomic<int>> event_number;
  const Outcome outcome = trace(probes, [&] {
    const int event = ::eventfd(0, 0);
    const int epoll = ::epoll_create1(0);
    *epoll_number = epoll;
    *event_number = event;
    const timespec pause{.tv_sec = 0, .tv_nsec = 5'000'000};
    epoll_event ready{};
    std::array<pollfd, 3> polled{};
    polled.fill({.fd = event, .events = POLLIN, .revents = 0});
    fd_set none;
    FD_ZERO(&none);
    for (int i = 0; i < 5; ++i) {
      ::epoll_pwait(epoll, &ready, 1, 5, nullptr);
      ::ppoll(polled.data(), polled.size(), &pause, nullptr);
      ::pselect(7, &none, nullptr, nullptr, &pause, nullptr);
    }
    const auto waiter = this_tid();
    std::thread writer([&] {
      if (!wait_until_blocked(waiter)) ::_exit(1);
      ::eventfd_write(event, 1);
    });
    eventfd_t value = 0;
    ::eventfd_read(event, &value);
    writer.join();
  });
  expect_sound(outcome);
  const auto only = [&](long call, const char* object, const char* waker) {
    const auto causes = causes_of(outcome, call, object, waker);
    EXPECT_EQ(causes.size(), 1U) << call;
    return causes.empty() ? WaitCause{} : causes.front();
  };
  EXPECT_EQ(only(SYS_epoll_pwait, "", "timer").place, "descriptor");
  EXPECT_EQ(only(SYS_epoll_pwait, "", "timer").which, static_cast<std::uint64_t>(*epoll_number));
  EXPECT_EQ(only(SYS_ppoll, "", "timer").place, "count");
  EXPECT_EQ(only(SYS_ppoll, "", "timer").which, 3U);
  EXPECT_EQ(only(SYS_pselect6, "", "timer").which, 7U);
  EXPECT_EQ(only(SYS_read, "eventfd", "server").place, "descriptor");
  EXPECT_EQ(only(SYS_read, "eventfd", "server").which, static_cast<std::uint64_t>(*event_number));
}

// A listener and its port.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = name(0);
    socklen_t length = sizeof address;
    auto* at = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd_.get(), at, length) != 0 || ::listen(fd_.get(), 64) != 0 ||
        ::getsockname(fd_.get(), at, &length) != 0)
      throw std::runtime_error("no listener");
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] Fd connect() const {
    sockaddr_in address = name(port_);
    Fd client(::socket(AF_INET, SOCK_STREAM, 0));
    if (::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect");
    return client;
  }

 private:
  static sockaddr_in name(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }
  Fd fd_;
  std::uint16_t port_ = 0;
};

TEST(Waits, SocketsAreToldByThePortsThatNameAService) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kWithWaits);
  const Listener listener;
  probes.serve_ports(listener.port(), 1);
  const capture::ParkedChild child([&] {
    for (int i = 0; i < 3; ++i) {
      const Fd client(::accept(listener.fd(), nullptr, nullptr));
      char byte = 0;
      if (::recv(client.get(), &byte, 1, 0) != 1) ::_exit(1);
    }
  });
  ASSERT_TRUE(probes.adopt(std::array{child.pid()}).ok());
  open_window(probes);
  std::thread others([&] {
    const auto waits_in = [&](long call) {
      const std::string start = fmt::format("{} ", call);
      while (!capture::kernel_text("", fmt::format("/proc/{}/syscall", child.pid()))
                  .value_or("")
                  .starts_with(start))
        sleep_until_ns(monotonic_ns() + 100'000);
    };
    for (int i = 0; i < 3; ++i) {
      waits_in(SYS_accept);
      const Fd client = listener.connect();
      waits_in(SYS_recvfrom);
      (void)!::send(client.get(), "x", 1, 0);
    }
  });
  child.run();
  others.join();
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  // Whatever ports the clients had. A packet may also be delivered in an interrupt that comes just
  // then, or by the kernel's thread for that.
  for (const auto& [call, object] : {std::pair(SYS_accept, "listener"), {SYS_recvfrom, "client"}}) {
    std::uint64_t waits = 0;
    for (const WaitCause& cause : outcome.waits->causes) {
      if (cause.call != name_of(call)) continue;
      EXPECT_EQ(cause.object, object);
      EXPECT_EQ(cause.place, "ports");
      EXPECT_EQ(cause.which, listener.port());
      EXPECT_EQ(cause.far_port, 0U);
      waits += cause.waits.count;
    }
    EXPECT_EQ(waits, 3U);
  }
  ASSERT_EQ(outcome.waits->arrivals.has_value(), kernel_tells_arrivals());
  if (!outcome.waits->arrivals) return;
  ASSERT_EQ(outcome.waits->arrivals->size(), 1U);
  EXPECT_EQ(outcome.waits->arrivals->front(), (Arrivals{listener.port(), 3, 3, 0, 0}));
}

// From wake-up to running is all of the time after wake-ups that the budget knows, where no thread
// is created in the window; and one that finds its CPU taken waits as long as that lasts.
TEST(Waits, TheWayToACpuIsPutToTheWaitBeforeIt) {
  const auto cpus = usable_cpus();
  ASSERT_TRUE(cpus.ok());
  TRACE_RUN_LOAD_OR_SKIP(probes, kWithWaits);
  const capture::ParkedChild child(
      [] {
        for (int i = 0; i < 50; ++i)
          sleep_ms(1);
      },
      [&] {
        (void)pin_thread(0, {cpus->front()});
        std::thread([] {  // its rival
          for (;;) {
            sleep_ms(3);
            spin_for(2 * kMs);
          }
        })
            .detach();
      });
  ASSERT_TRUE(probes.adopt(std::array{child.pid()}).ok());
  open_window(probes);
  child.run();
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  std::uint64_t ns = 0, longest = 0;
  for (const WaitCause& cause : outcome.waits->causes) {
    ns += cause.run_queue.ns;
    longest = std::max(longest, cause.run_queue.max_ns);
  }
  EXPECT_GT(longest, 0U);
  // Only the one that was on its way when the window opened is of a wait before it.
  EXPECT_LE(ns, outcome.counts.total.budget->woken_ns);
  EXPECT_GE(ns + kMs, outcome.counts.total.budget->woken_ns);
}

TEST(Waits, WhatFindsNoRoomIsSummedUp) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kWithWaits);
  constexpr std::size_t kWords = TR_CAUSES + 500;
  static std::array<std::uint32_t, kWords> words{};
  const Outcome outcome = trace(probes, [] {
    const timespec pause{.tv_sec = 0, .tv_nsec = 20'000};
    for (std::uint32_t& word : words)
      ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &pause, nullptr, 0);
  });
  expect_sound(outcome);  // the rows add up, those of the others among them
  EXPECT_GE(outcome.waits->causes.size(), TR_CAUSES - 10U);
  EXPECT_GT(outcome.waits->other_waits.count, 0U);
  EXPECT_GT(outcome.waits->other_waits.ns, 0U);
  EXPECT_GT(outcome.waits->other_run_queue.count, 0U);
}

TEST(Waits, WhoIsAsleepAtTheCloseIsToldToo) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kWithWaits);
  HeldChild child([] {});
  ASSERT_TRUE(wait_until_blocked(child.pid()));
  ASSERT_TRUE(probes.adopt(std::array{child.pid()}).ok());
  open_window(probes);
  sleep_ms(2);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  ASSERT_EQ(outcome.waits->causes.size(), 1U);
  const WaitCause& cause = outcome.waits->causes.front();
  EXPECT_EQ(cause.waker, "nobody");
  EXPECT_EQ(cause.place, "inode");
  EXPECT_EQ(cause.waits.ns, outcome.window_ns);
  EXPECT_EQ(cause.waits.max_ns, outcome.window_ns);
}

TEST(Waits, OfThreadsWhoseRecordsAreUsedAgainAreNotLost) {
  TRACE_RUN_LOAD_OR_SKIP(probes, (ProbeOptions{.waits = true, .max_threads = 16}));
  const Outcome outcome = trace(probes, [] {
    for (int i = 0; i < 60; ++i)
      std::thread([] { sleep_ms(1); }).join();
  });
  expect_sound(outcome);
  EXPECT_GT(outcome.counts.folded_threads, 0U);
}

// Processes that wait, each in an epoll instance of its own, for connections at one listener.
struct Herd {
  std::vector<std::unique_ptr<HeldChild>> members;

  Herd(const Listener& listener, int size, std::uint32_t events, capture::Probes& probes) {
    ::fcntl(listener.fd(), F_SETFL, O_NONBLOCK);
    for (int i = 0; i < size; ++i)
      members.push_back(std::make_unique<HeldChild>([&listener, events] {
        const int epoll = ::epoll_create1(0);
        epoll_event watched{.events = events, .data = {}};
        if (::epoll_ctl(epoll, EPOLL_CTL_ADD, listener.fd(), &watched) != 0) ::_exit(1);
        for (;;) {
          epoll_event ready{};
          if (::epoll_pwait(epoll, &ready, 1, -1, nullptr) != 1) continue;
          const Fd client(::accept(listener.fd(), nullptr, nullptr));
        }
      }));
    for (const auto& member : members) {
      EXPECT_TRUE(wait_until_blocked(member->pid()));
      EXPECT_TRUE(probes.adopt(std::array{member->pid()}).ok());
      member->go();
    }
    wait();
    open_window(probes);
  }
  // Until all of them wait for events.
  void wait() const {
    const std::string start = fmt::format("{} ", SYS_epoll_pwait);
    const auto text = [](pid_t pid, const char* file) {
      return capture::kernel_text("", fmt::format("/proc/{}/{}", pid, file)).value_or("");
    };
    // Who was woken and has no CPU yet is in its call as well.
    for (const auto& member : members)
      while (!text(member->pid(), "syscall").starts_with(start) ||
             text(member->pid(), "stat").find(") S ") == std::string::npos)
        sleep_until_ns(monotonic_ns() + 100'000);
  }
  void connect(const Listener& listener, int times) const {
    for (int i = 0; i < times; ++i) {
      wait();
      const Fd client = listener.connect();
      char byte = 0;
      EXPECT_EQ(::recv(client.get(), &byte, 1, 0), 0);  // accepted, and closed
    }
    wait();
  }
};

TEST(Waits, AHerdAtAListenerIsCounted) {
  if (!kernel_tells_arrivals()) GTEST_SKIP() << kNoArrivals;
  TRACE_RUN_LOAD_OR_SKIP(probes, kWithWaits);
  constexpr std::uint64_t kMembers = 4, kConnections = 25;
  const Listener listener;
  const Herd herd(listener, kMembers, EPOLLIN, probes);
  herd.connect(listener, kConnections);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  ASSERT_TRUE(outcome.waits->arrivals.has_value());
  ASSERT_EQ(outcome.waits->arrivals->size(), 1U);
  const Arrivals& at = outcome.waits->arrivals->front();
  EXPECT_EQ(at.port, listener.port());
  EXPECT_EQ(at.connections, kConnections);
  EXPECT_EQ(at.woken, kMembers * kConnections);
  EXPECT_EQ(at.herds, kConnections);
  EXPECT_EQ(at.too_many, (kMembers - 1) * kConnections);
}

TEST(Waits, WhoWaitsExclusivelyIsNoHerd) {
  if (!kernel_tells_arrivals()) GTEST_SKIP() << kNoArrivals;
  TRACE_RUN_LOAD_OR_SKIP(probes, kWithWaits);
  constexpr std::uint64_t kConnections = 25;
  const Listener listener;
  const Herd herd(listener, 4, EPOLLIN | EPOLLEXCLUSIVE, probes);
  herd.connect(listener, kConnections);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  ASSERT_TRUE(outcome.waits->arrivals.has_value());
  ASSERT_EQ(outcome.waits->arrivals->size(), 1U);
  EXPECT_EQ(outcome.waits->arrivals->front(),
            (Arrivals{listener.port(), kConnections, kConnections, 0, 0}));
}

TEST(Waits, AreNotKeptUnlessAskedFor) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] { sleep_ms(2); });
  EXPECT_FALSE(outcome.waits.has_value());
}

}  // namespace
}  // namespace tr::kernel_test
