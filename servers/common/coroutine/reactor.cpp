#include "common/coroutine/reactor.h"

#include <algorithm>

#include "common/coroutine/condition.h"
#include "common/coroutine/socket.h"

namespace servers {

void Reactor::enter(Socket* socket, int fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= sockets_.size()) sockets_.resize(index + 1);
  sockets_[index] = socket;
}

void Reactor::leave(int fd) {
  timers_.cancel(fd);
  sockets_[static_cast<std::size_t>(fd)] = nullptr;
}

void Reactor::ready(Socket& socket, const epoll_event& event) {
  socket.note(event.events);
  // Whoever goes on may be the socket's end.
  const bool proceeded = (event.events & ~EPOLLIN) != 0 && socket.proceed(socket.output_);
  if (!proceeded || find(event.data.fd) == &socket) socket.proceed_input();
}

void Reactor::take_turns() {
  // Turns and notifications that come up meanwhile are for the next round.
  taking_turns_.swap(turns_);
  taking_notified_.swap(notified_);
  for (const int fd : taking_turns_)
    if (Socket* const socket = find(fd)) socket->take_turn();
  taking_turns_.clear();
  for (Condition*& condition : taking_notified_)
    if (condition != nullptr) condition->proceed();
  taking_notified_.clear();
}

void Reactor::run_timers() {
  timers_.run([this](int fd) {
    if (Socket* const socket = find(fd)) socket->timed_out();
  });
  if (deadlines_.empty()) return;
  const auto now = Clock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    deadlines_.begin()->second->resume();
}

void Reactor::forget(const Condition& condition) {
  std::erase(notified_, &condition);
  std::ranges::replace(taking_notified_, &condition, nullptr);  // it is being walked
  deadlines_.erase({condition.deadline_, const_cast<Condition*>(&condition)});
}

// Condition

void Condition::notify() {
  if (notified_) return;
  notified_ = true;
  if (waiter_) reactor_.notified_.push_back(this);
}

void Condition::wait_for(std::coroutine_handle<> waiter, Milliseconds patience) {
  waiter_ = waiter;
  if (patience == kForEver) return;
  deadline_ = Clock::now() + patience;
  reactor_.deadlines_.emplace(deadline_, this);
}

void Condition::stop_waiting() {
  waiter_ = nullptr;
  if (deadline_ == Clock::time_point::max()) return;
  reactor_.deadlines_.erase({deadline_, this});
  deadline_ = Clock::time_point::max();
}

void Condition::resume() {
  const auto waiter = waiter_;
  stop_waiting();
  if (waiter) waiter.resume();
}

}  // namespace servers
