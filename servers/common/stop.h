// Has the user asked the server to end, and how long may its clients still take?
#pragma once

#include <chrono>
#include <cstddef>
#include <utility>

#include "common/clock.h"
#include "common/fd.h"

namespace servers {

// SIGINT and SIGTERM as a descriptor (signalfd(2)) that a model waits for beside its sockets: no
// handler, no race between checking and waiting, no system call per message. Made before the first
// thread or process, which inherit the blocked signals.
//
// The first signal begins an orderly end. From then on both signals have their default effect
// again, so a second one ends the process at once, whatever it is doing.
class Stop {
 public:
  // Throws Failure.
  explicit Stop(std::chrono::milliseconds grace);
  // For one of several workers, whose main thread or process has `main`: the end begins when `told`
  // is readable. It reads once from it and closes it, and says nothing to the user.
  Stop(const Stop& main, Fd told)
      : grace_(main.grace_), signals_(std::move(told)), of_worker_(true), reported_(true) {}

  // Readable when a signal has come; -1 once begun.
  [[nodiscard]] int fd() const { return signals_.get(); }
  // Takes the signal: the grace period begins.
  void begin();
  [[nodiscard]] bool begun() const { return begun_; }
  // The grace period is over: clients that are still there are cut off.
  [[nodiscard]] bool overdue() const { return begun_ && Clock::now() >= deadline_; }
  // When to look again; -1 (never) before the end has begun.
  [[nodiscard]] int timeout_ms() const;
  // How long until it is overdue, for who does not report(); -1 before the end has begun.
  [[nodiscard]] int overdue_ms() const { return begun_ ? ms_until(deadline_) : -1; }
  // Tells the user, once, what the end is waiting for; not if the clients leave at once.
  void report(std::size_t clients);

 private:
  std::chrono::milliseconds grace_;
  Fd signals_;
  bool of_worker_ = false;
  bool begun_ = false;
  bool reported_ = false;
  Clock::time_point report_at_;
  Clock::time_point deadline_;
};

}  // namespace servers
