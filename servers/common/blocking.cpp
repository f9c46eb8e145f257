#include "common/blocking.h"

#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <utility>

#include "common/clock.h"

namespace servers {
namespace {

// The client's socket. Calls block no longer than the client may take.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}

  // Bytes received; 0 at the client's end; -1 if it is gone, with EAGAIN if its time is over.
  ssize_t receive(std::span<std::byte> buffer, Milliseconds patience) {
    if (patience == kForEver || patience == kAsBefore) {
      if (patience == kForEver) deadline_ = kNever;
      patience = deadline_ == kNever ? kForEver : Milliseconds(ms_until(deadline_));
    } else {
      deadline_ = Clock::now() + patience;
    }
    if (patience <= Milliseconds{0}) {
      errno = EAGAIN;
      return -1;
    }
    bound(SO_RCVTIMEO, receive_bound_, patience);
    ssize_t got = 0;
    do {
      got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    } while (got < 0 && errno == EINTR);
    return got;
  }

  // False if the client is gone, or takes too long.
  bool send_all(std::span<const std::byte> bytes, Milliseconds patience) {
    if (bytes.empty()) return true;
    bound(SO_SNDTIMEO, send_bound_, patience);
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EINTR) return false;
      if (sent >= 0) bytes = bytes.subspan(static_cast<std::size_t>(sent));
      // With a bound, some bytes and not all means that it was reached.
      if (sent >= 0 && !bytes.empty() && send_bound_ != kForEver) return false;
    }
    return true;
  }

  // Sleeps, but not for a client that has gone.
  void wait(Milliseconds delay) const {
    const auto end = Clock::now() + delay;
    pollfd client{fd_, 0, 0};
    while (::poll(&client, 1, ms_until(end)) < 0 && errno == EINTR) {
    }
  }

  void end() const { ::shutdown(fd_, SHUT_WR); }

 private:
  // Asks the kernel only for what is new. An error would mean that this is no socket.
  void bound(int option, Milliseconds& now, Milliseconds wanted) const {
    if (wanted == now) return;
    now = wanted;
    const auto ms = wanted == kForEver ? 0 : wanted.count();  // 0: no bound
    const timeval time{.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    ::setsockopt(fd_, SOL_SOCKET, option, &time, sizeof time);
  }

  int fd_;
  static constexpr Clock::time_point kNever = Clock::time_point::max();
  Clock::time_point deadline_ = kNever;    // of the client's next byte
  Milliseconds receive_bound_ = kForEver;  // what the kernel knows
  Milliseconds send_bound_ = kForEver;
};

// Sends an answer and all that it continues with.
bool send_answer(Socket& client, Session& session, Answer& answer) {
  for (;;) {
    if (answer.delay > Milliseconds{0}) client.wait(answer.delay);
    if (!client.send_all(answer.bytes, answer.patience)) return false;
    if (answer.then != Then::kContinue) return true;
    answer = session.more();
  }
}

}  // namespace

void serve_blocking(int fd, Session& session) {
  std::array<std::byte, kBlockingBufferBytes> buffer;  // not cleared: that would touch every page
  Socket client(fd);
  Milliseconds patience = session.first_patience();
  for (;;) {
    const ssize_t got = client.receive(buffer, patience);
    if (got < 0 && errno != EAGAIN) return;
    Answer answer = got < 0    ? session.timed_out()
                    : got == 0 ? session.ended()
                               : session.received({buffer.data(), static_cast<std::size_t>(got)});
    if (!send_answer(client, session, answer) || got == 0) return;
    patience = answer.patience;
    if (answer.then == Then::kClose) break;
  }
  // Closing with input unread would reset the connection and could destroy the answer on its way:
  // send the end, and throw away what still comes until the client ends too.
  client.end();
  while (client.receive(buffer, std::exchange(patience, kAsBefore)) > 0) {
  }
}

}  // namespace servers
