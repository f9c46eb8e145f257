#include "common/connection.h"

#include <cerrno>
#include <sys/socket.h>

namespace servers {
namespace {

// How much the socket took now, possibly nothing; -1 if the client is gone.
ssize_t send_some(int fd, std::span<const std::byte> bytes) {
  for (;;) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return -1;
  }
}

}  // namespace

Next Connection::proceed(std::span<std::byte> buffer) {
  if (delayed_) return Next::kTime;
  return answering() ? write_rest() : read(buffer);
}

Next Connection::due() {
  if (delayed_) {
    delayed_ = false;
    timer_ = patience_;
    // Even an answer without bytes is over only now, and its input was not looked at meanwhile.
    const Next next = unsent_.empty() ? answered() : write_rest();
    return next == Next::kInput ? Next::kMoreInput : next;
  }
  if (answering() || closing_) return Next::kClose;
  return answer(session_->timed_out());
}

Next Connection::read(std::span<std::byte> buffer) {
  ssize_t got = 0;
  do {
    got = ::recv(client_.get(), buffer.data(), buffer.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? Next::kInput : Next::kClose;

  if (got == 0) {
    ended_ = true;
    return closing_ ? Next::kClose : answer(session_->ended());
  }
  const auto input = buffer.first(static_cast<std::size_t>(got));
  const Next next = closing_ ? Next::kInput : answer(session_->received(input));
  // A recv that does not fill the buffer has emptied the socket (epoll(7), question 9).
  return next == Next::kInput && input.size() == buffer.size() ? Next::kMoreInput : next;
}

Next Connection::write_rest() {
  if (unsent_.empty()) {
    const Next next = answer(session_->more());
    return next == Next::kInput ? Next::kMoreInput : next;
  }
  const ssize_t sent = send_some(client_.get(), std::span(unsent_).subspan(sent_));
  if (sent < 0) return Next::kClose;
  sent_ += static_cast<std::size_t>(sent);
  if (sent_ < unsent_.size()) return Next::kOutput;
  unsent_ = std::vector<std::byte>();  // `= {}` would keep its memory
  timer_ = patience_;
  const Next next = answered();
  return next == Next::kInput ? Next::kMoreInput : next;
}

Next Connection::answer(const Answer& answer) {
  then_ = answer.then;
  patience_ = timer_ = answer.patience;
  if (answer.delay > Milliseconds{0}) {
    delayed_ = true;
    timer_ = answer.delay;
    keep(answer.bytes);
    return Next::kTime;
  }
  if (!answer.bytes.empty()) {
    const ssize_t sent = send_some(client_.get(), answer.bytes);
    if (sent < 0) return Next::kClose;
    const auto rest = answer.bytes.subspan(static_cast<std::size_t>(sent));
    if (!rest.empty()) {
      keep(rest);
      return Next::kOutput;
    }
  }
  return answered();
}

void Connection::keep(std::span<const std::byte> rest) {
  unsent_.assign(rest.begin(), rest.end());
  sent_ = 0;
}

Next Connection::answered() {
  switch (then_) {
    case Then::kContinue:
      return Next::kOutput;  // in its next turn, lest one client's long answer hold up the others
    case Then::kReceive:
      return ended_ ? Next::kClose : Next::kInput;
    case Then::kClose:
      break;
  }
  if (ended_) return Next::kClose;
  // Closing with input unread would reset the connection and could destroy the answer on its way:
  // send the end, and throw away what still comes until the client ends too.
  ::shutdown(client_.get(), SHUT_WR);
  then_ = Then::kReceive;
  closing_ = true;
  return Next::kMoreInput;
}

}  // namespace servers
