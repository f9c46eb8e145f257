#include "report/names.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "report/units.h"

namespace tr::report {
namespace {

using NumberName = std::pair<int, std::string_view>;
using Meaning = std::pair<std::string_view, std::string_view>;

// include/linux/errno.h: never seen by user space.
constexpr std::array<NumberName, 4> kRestarts{{{512, "ERESTARTSYS"},
                                               {513, "ERESTARTNOINTR"},
                                               {514, "ERESTARTNOHAND"},
                                               {516, "ERESTART_RESTARTBLOCK"}}};

constexpr std::string_view kReceive = "receive from a socket";
constexpr std::string_view kSend = "send to a socket";
constexpr std::string_view kRead = "read from a socket, file or pipe";
constexpr std::string_view kWrite = "write to a socket, file or pipe";
constexpr std::string_view kAccept = "take a new connection";
constexpr std::string_view kReady = "wait until a connection is ready";
constexpr std::string_view kSleep = "sleep for a time";
constexpr std::string_view kCreate = "create a thread or process";
constexpr std::string_view kReap = "wait for a child to end";
constexpr std::string_view kOption = "set a socket's options";
constexpr std::string_view kLock = "sleep or wake: locks, condition variables";

constexpr std::array kMeanings{
    Meaning{"recvfrom", kReceive},
    Meaning{"recvmsg", kReceive},
    Meaning{"recvmmsg", kReceive},
    Meaning{"sendto", kSend},
    Meaning{"sendmsg", kSend},
    Meaning{"sendmmsg", kSend},
    Meaning{"sendfile", "send a file to a socket"},
    Meaning{"read", kRead},
    Meaning{"readv", kRead},
    Meaning{"write", kWrite},
    Meaning{"writev", kWrite},
    Meaning{"accept", kAccept},
    Meaning{"accept4", kAccept},
    Meaning{"epoll_wait", kReady},
    Meaning{"epoll_pwait", kReady},
    Meaning{"epoll_pwait2", kReady},
    Meaning{"poll", kReady},
    Meaning{"ppoll", kReady},
    Meaning{"select", kReady},
    Meaning{"pselect6", kReady},
    Meaning{"epoll_ctl", "change which connections are watched"},
    Meaning{"futex", kLock},
    Meaning{"io_uring_enter", "submit to an io_uring, or wait for it"},
    Meaning{"sched_yield", "let other threads run first"},
    Meaning{"nanosleep", kSleep},
    Meaning{"clock_nanosleep", kSleep},
    Meaning{"clone", kCreate},
    Meaning{"clone3", kCreate},
    Meaning{"vfork", kCreate},
    Meaning{"wait4", kReap},
    Meaning{"waitid", kReap},
    Meaning{"setsockopt", kOption},
    Meaning{"close", "close a connection or file"},
    Meaning{"shutdown", "end a connection"},
    Meaning{"mmap", "take memory from the kernel"},
    Meaning{"munmap", "give memory back"},
    Meaning{"mremap", "resize or move memory"},
    Meaning{"madvise", "tell the kernel how memory is used"},
    Meaning{"brk", "grow or shrink the heap"},
    Meaning{"mprotect", "change what memory may be used for"},
    Meaning{"clock_gettime", "read the clock the slow way, not through the vDSO"},
    Meaning{"gettimeofday", "read the clock the slow way, not through the vDSO"},
    Meaning{"openat", "open a file"},
    Meaning{"rt_sigprocmask", "block or unblock signals"},
};

template <std::size_t kSize>
std::string_view found_in(const std::array<Meaning, kSize>& list, std::string_view wanted) {
  for (const auto& [name, meaning] : list)
    if (name == wanted) return meaning;
  return {};
}

}  // namespace

std::string errno_name(int number) {
  for (const auto& [restart, name] : kRestarts)
    if (restart == number) return std::string(name);
  const char* const name = strerrorname_np(number);
  // It calls 0 "0".
  if (name == nullptr || number == 0) return fmt::format("errno {}", number);
  return name;
}

std::string errors_text(const std::map<int, std::uint64_t>& by_errno) {
  std::vector<std::pair<int, std::uint64_t>> errors(by_errno.begin(), by_errno.end());
  std::stable_sort(errors.begin(), errors.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [number, count] : errors) {
    if (!text.empty()) text += ", ";
    text += errno_name(number);
    if (errors.size() > 1) text += " " + count_text(count);
  }
  return text;
}

std::string signal_name(int number) {
  const char* const name = sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

std::string_view syscall_meaning(std::string_view syscall) {
  return found_in(kMeanings, syscall);
}

std::string wait_name(const std::string& call, std::string_view object) {
  if (call.empty()) return "outside system calls";
  const std::string_view at = object_name(object);
  return at.empty() ? printable(call) : fmt::format("{}, {}", printable(call), at);
}

std::string_view object_name(std::string_view object) {
  constexpr std::array kNames{Meaning{"client", "a client's connection"},
                              Meaning{"listener", "a listening socket"},
                              Meaning{"socket", "another socket"},
                              Meaning{"pipe", "a pipe"},
                              Meaning{"file", "a file"},
                              Meaning{"device", "a device"},
                              Meaning{"epoll", "an epoll instance"},
                              Meaning{"eventfd", "an eventfd"},
                              Meaning{"timerfd", "a timerfd"},
                              Meaning{"signalfd", "a signalfd"},
                              Meaning{"other", "another descriptor"}};
  return found_in(kNames, object);
}

std::string_view waker_name(std::string_view waker) {
  constexpr std::array kNames{
      Meaning{"server", "the program"},     Meaning{"load", "the load"},
      Meaning{"other", "another program"},  Meaning{"kernel", "the kernel"},
      Meaning{"network", "the network"},    Meaning{"timer", "a timer"},
      Meaning{"interrupt", "an interrupt"}, Meaning{"nobody", "nobody yet"}};
  const std::string_view name = found_in(kNames, waker);
  return name.empty() ? "somebody unseen" : name;
}

}  // namespace tr::report
