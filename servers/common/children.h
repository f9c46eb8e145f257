// Which child processes serve, and which have ended? SIGCHLD is taken from a signalfd, so children
// are reaped between two waits: no handler, no lost signal, no zombie that stays.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <sys/types.h>
#include <unistd.h>
#include <unordered_map>

#include "common/fd.h"

namespace servers {

class Children {
 public:
  // Throws Failure.
  Children();
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  // Those that are left have used up their time: they are killed, and reaped.
  ~Children();

  // Starts a process that does `work` and then exits with 0, or ends when this process does.
  // SIGINT and SIGTERM stay blocked there: sent to the whole process group (Ctrl-C), they must not
  // cut off clients that we still give their time. `number` is what reap() calls it. False, with
  // errno, if there are no more processes to be had.
  [[nodiscard]] bool start(const std::function<void()>& work, std::size_t number = 0);

  // Sends a signal to each that `which` names.
  void signal(int signal, const std::function<bool(std::size_t number)>& which) const;

  [[nodiscard]] std::size_t count() const { return numbers_.size(); }
  // Readable when children have ended.
  [[nodiscard]] int fd() const { return signals_.get(); }
  // Takes away those that have ended. `status` is that of wait(2).
  using Ended = std::function<void(std::size_t number, int status)>;
  void reap(const Ended& ended = {});

 private:
  const pid_t parent_ = ::getpid();
  Fd signals_;
  std::unordered_map<pid_t, std::size_t> numbers_;
};

// "was ended by Killed" or "exited with 1"; `status` is that of wait(2).
[[nodiscard]] std::string end_text(int status);

}  // namespace servers
