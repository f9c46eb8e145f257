#include "common/coroutine/socket.h"

#include <cerrno>
#include <sys/socket.h>
#include <utility>

namespace servers {

void Socket::wait(Operation*& place, Operation& operation, std::coroutine_handle<> waiter,
                  Milliseconds patience) {
  operation.waiter_ = waiter;
  place = &operation;
  reactor_.timers_.set(fd_.get(), patience);
}

void Socket::finish(Operation*& place) {
  std::exchange(place, nullptr)->waiter_.resume();
}

bool Socket::proceed(Operation*& place) {
  if (place == nullptr || !place->attempt()) return false;
  finish(place);
  return true;
}

void Socket::note(std::uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) hung_up_ = true;
  if ((events & ~EPOLLOUT) != 0) readable_ = true;
}

void Socket::proceed_input() {
  // One that waits for its turn has it soon.
  if (readable_ && !take_turns_) proceed(input_);
}

void Socket::take_turn() {
  if (turn_) return std::exchange(turn_, nullptr).resume();
  take_turns_ = false;
  proceed(input_);
}

void Socket::timed_out() {
  for (Operation** place : {&sleep_, &output_, &input_}) {
    if (*place == nullptr) continue;
    (*place)->give_up();
    return finish(*place);
  }
}

void Socket::end_output() const {
  ::shutdown(fd_.get(), SHUT_WR);
}

void Socket::cut() const {
  ::shutdown(fd_.get(), SHUT_RDWR);
}

// Receive

void Socket::Receive::await_suspend(std::coroutine_handle<> waiter) {
  buffer_.give_back();
  socket_.wait(socket_.input_, *this, waiter, patience_);
  if (socket_.take_turns_) socket_.reactor_.turns_.push_back(socket_.fd_.get());
}

bool Socket::Receive::attempt() {
  const std::span<std::byte> buffer = buffer_.take();
  do {
    got_ = ::recv(socket_.fd_.get(), buffer.data(), buffer.size(), 0);
  } while (got_ < 0 && errno == EINTR);
  if (got_ < 0 && errno == EAGAIN) {
    buffer_.give_back();
    socket_.readable_ = false;
    return false;
  }
  const bool full = got_ == static_cast<ssize_t>(buffer.size());
  // A recv that does not fill the buffer has emptied the socket (epoll(7), question 9).
  socket_.readable_ = full || socket_.hung_up_;
  socket_.take_turns_ = full;
  if (got_ < 0) got_ = -errno;
  return true;
}

void Socket::Receive::give_up() {
  got_ = -ETIMEDOUT;
}

// Send

void Socket::Send::await_suspend(std::coroutine_handle<> waiter) {
  socket_.wait(socket_.output_, *this, waiter, patience_);
}

bool Socket::Send::attempt() {
  while (!rest_.empty()) {
    const ssize_t sent = ::send(socket_.fd_.get(), rest_.data(), rest_.size(), MSG_NOSIGNAL);
    if (sent >= 0)
      rest_ = rest_.subspan(static_cast<std::size_t>(sent));
    else if (errno != EINTR)
      return errno != EAGAIN;
  }
  return true;
}

// Connect

bool Socket::Connect::attempt() {
  // Asked again, connect(2) says how the first attempt went.
  if (::connect(socket_.fd_.get(), address_.get(), address_.size()) == 0 || errno == EISCONN) {
    error_ = 0;
    return true;
  }
  error_ = errno;
  return error_ != EINPROGRESS && error_ != EALREADY;
}

void Socket::Connect::await_suspend(std::coroutine_handle<> waiter) {
  socket_.wait(socket_.output_, *this, waiter, patience_);
}

void Socket::Connect::give_up() {
  error_ = ETIMEDOUT;
}

// Sleep and Turn

void Socket::Sleep::await_suspend(std::coroutine_handle<> waiter) {
  socket_.wait(socket_.sleep_, *this, waiter, time_);
}

void Socket::Turn::await_suspend(std::coroutine_handle<> waiter) {
  socket_.turn_ = waiter;
  socket_.reactor_.turns_.push_back(socket_.fd_.get());
}

}  // namespace servers
