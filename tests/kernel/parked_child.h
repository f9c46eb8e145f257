// A process that does known work between two points at which it stands still.
//
// While all its threads are blocked, the kernel's own counts of it (/proc/PID/task/TID/status) do
// not change: a window opened and closed at such points must have counted exactly the difference.
#pragma once

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "capture/kernel_file.h"
#include "util/fd.h"
#include "util/text.h"

namespace tr::capture {

// A pipe that hands single bytes over; waiting for one blocks.
class Gate {
 public:
  Gate() {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    read_.reset(ends[0]);
    write_.reset(ends[1]);
  }
  void open(int times = 1) const {
    for (int i = 0; i < times; ++i)
      if (::write(write_.get(), "x", 1) != 1) throw std::runtime_error("gate does not open");
  }
  void pass(int times = 1) const {
    char byte = 0;
    for (int i = 0; i < times; ++i)
      while (::read(read_.get(), &byte, 1) != 1)
        if (errno != EINTR) throw std::runtime_error("gate is gone");
  }

 private:
  Fd read_;
  Fd write_;
};

class ParkedChild {
 public:
  // Forks a child that runs `prepare`, parks, runs `work` after start(), and parks for good. It
  // dies with this object.
  explicit ParkedChild(
      const std::function<void()>& work, const std::function<void()>& prepare = [] {}) {
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot fork");
    if (pid_ > 0) {
      ready_.pass();
      wait_until_parked();
      return;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    prepare();
    ready_.open();
    start_.pass();
    work();
    done_.open();
    never_.pass();
    ::_exit(0);
  }
  ParkedChild(const ParkedChild&) = delete;
  ParkedChild& operator=(const ParkedChild&) = delete;
  ~ParkedChild() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }

  // Lets it work, and returns when it has parked again.
  void run() const {
    start_.open();
    done_.pass();
    wait_until_parked();
  }

  // Its threads, ascending.
  [[nodiscard]] std::vector<pid_t> threads() const {
    std::vector<pid_t> tids;
    for (const auto& entry :
         std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid_)))
      tids.push_back(std::stoi(entry.path().filename().string()));
    return tids;
  }

  // Context switches of all its threads since they began.
  [[nodiscard]] std::uint64_t voluntary_switches() const {
    return sum_over_threads("voluntary_ctxt_switches");
  }
  [[nodiscard]] std::uint64_t involuntary_switches() const {
    return sum_over_threads("nonvoluntary_ctxt_switches");
  }
  [[nodiscard]] std::uint64_t switches() const {
    return voluntary_switches() + involuntary_switches();
  }

  // Minor and major page faults of its first thread.
  [[nodiscard]] std::uint64_t page_faults() const {
    // Fields 10 and 12, counted from 1; the second, in parentheses, is the name.
    const std::string stat =
        kernel_text("", fmt::format("/proc/{}/task/{}/stat", pid_, pid_)).value_or("");
    const auto fields = split(std::string_view(stat).substr(stat.rfind(')') + 2), ' ');
    return parse_u64(fields.at(10 - 3)).value_or(0) + parse_u64(fields.at(12 - 3)).value_or(0);
  }

  // Nanoseconds on a CPU of its first thread, by the scheduler's account.
  [[nodiscard]] std::uint64_t cpu_ns() const {
    const std::string stat = kernel_text("", fmt::format("/proc/{}/schedstat", pid_)).value_or("");
    return parse_u64(split(stat, ' ').front()).value_or(0);
  }

 private:
  [[nodiscard]] std::uint64_t sum_over_threads(const char* field) const {
    std::uint64_t sum = 0;
    for (const pid_t tid : threads())
      sum += parse_u64(field_of(status_of(tid), field).value_or("")).value_or(0);
    return sum;
  }

  [[nodiscard]] std::string status_of(pid_t tid) const {
    return kernel_text("", fmt::format("/proc/{}/task/{}/status", pid_, tid)).value_or("");
  }

  [[nodiscard]] bool all_blocked() const {
    for (const pid_t tid : threads())
      if (!field_of(status_of(tid), "State").value_or("").starts_with('S')) return false;
    return true;
  }

  // Blocked, and not one switch later: parked.
  void wait_until_parked() const {
    for (;;) {
      const std::uint64_t before = switches();
      if (all_blocked() && switches() == before) return;
      ::usleep(200);
    }
  }

  Gate ready_;
  Gate start_;
  Gate done_;
  Gate never_;
  pid_t pid_ = -1;
};

}  // namespace tr::capture
