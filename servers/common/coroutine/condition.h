// How does one coroutine wait for another, or for time to pass? On a condition that somebody
// notifies, for a bounded time.
#pragma once

#include <coroutine>

#include "common/coroutine/reactor.h"

namespace servers {

// For one waiter at a time. A notification that nobody waits for is kept, one of them, for the
// next.
class Condition {
  // Lies in the waiting coroutine's frame.
  class Wait {
   public:
    Wait(Condition& condition, Milliseconds patience)
        : condition_(condition), patience_(patience) {}
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    ~Wait() { condition_.stop_waiting(); }  // also where it waits
    bool await_ready() const { return condition_.notified_; }
    void await_suspend(std::coroutine_handle<> waiter) { condition_.wait_for(waiter, patience_); }
    bool await_resume() { return std::exchange(condition_.notified_, false); }

   private:
    Condition& condition_;
    Milliseconds patience_;
  };

 public:
  explicit Condition(Reactor& reactor) : reactor_(reactor) {}
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;
  ~Condition() { reactor_.forget(*this); }

  // The waiter goes on soon, not at once: whoever calls this may be what it destroys.
  void notify();
  // Waits; false if the time was over first.
  [[nodiscard]] Wait wait(Milliseconds patience = kForEver) { return {*this, patience}; }

 private:
  friend Reactor;

  void wait_for(std::coroutine_handle<> waiter, Milliseconds patience);
  void stop_waiting();
  void resume();
  void proceed() {
    if (notified_) resume();
  }

  Reactor& reactor_;
  bool notified_ = false;
  std::coroutine_handle<> waiter_;
  Clock::time_point deadline_ = Clock::time_point::max();
};

}  // namespace servers
