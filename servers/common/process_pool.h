// Are all worker processes there? A fixed number of them; one that dies is replaced.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "common/children.h"
#include "common/clock.h"
#include "common/log.h"

namespace servers {

class ProcessPool {
 public:
  // Process number n of `count` will do work(n), and should not return from it before end().
  // Starts none yet. Throws Failure.
  ProcessPool(std::size_t count, std::function<void(std::size_t)> work);

  // Starts the processes that are missing: all of them at once, but every 100 ms at most, so that
  // what kills a worker at once, or a lack of processes, does not keep us busy. Both are told.
  void fill();
  // How long until fill() has something to do; -1 if none is missing.
  [[nodiscard]] int timeout_ms() const;

  // Readable when a process has died: then reap(). `died` hears the numbers.
  [[nodiscard]] int fd() const { return children_.fd(); }
  void reap(const std::function<void(std::size_t)>& died = {});
  // How many there are.
  [[nodiscard]] std::size_t count() const { return children_.count(); }

  // From now on none is replaced.
  void end() {
    ended_ = true;
    missing_.clear();
  }

 private:
  std::function<void(std::size_t)> work_;
  std::vector<std::size_t> missing_;
  Clock::time_point fill_at_ = Clock::time_point::min();
  RareLine shortage_line_;
  RareLine death_line_;
  bool ended_ = false;
  Children children_;
};

}  // namespace servers
