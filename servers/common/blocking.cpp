#include "common/blocking.h"

#include <array>
#include <cerrno>
#include <sys/socket.h>

namespace servers {
namespace {

// Bytes received; 0 at the client's end, -1 if it is gone.
ssize_t receive(int client, std::span<std::byte> buffer) {
  ssize_t got = 0;
  do {
    got = ::recv(client, buffer.data(), buffer.size(), 0);
  } while (got < 0 && errno == EINTR);
  return got;
}

bool send_all(int client, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0)
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    else if (errno != EINTR)
      return false;
  }
  return true;
}

// Sends an answer and all that it continues with.
bool send_answer(int client, Session& session, Answer& answer) {
  for (;;) {
    if (!send_all(client, answer.bytes)) return false;
    if (answer.then != Then::kContinue) return true;
    answer = session.more();
  }
}

}  // namespace

void serve_blocking(int client, Session& session) {
  std::array<std::byte, kBlockingBufferBytes> buffer;  // not cleared: that would touch every page
  for (;;) {
    const ssize_t got = receive(client, buffer);
    if (got < 0) return;
    Answer answer = got == 0 ? session.ended()
                             : session.received({buffer.data(), static_cast<std::size_t>(got)});
    if (!send_answer(client, session, answer) || got == 0) return;
    if (answer.then == Then::kClose) break;
  }
  // Closing with input unread would reset the connection and could destroy the answer on its way:
  // send the end, and throw away what still comes until the client ends too.
  ::shutdown(client, SHUT_WR);
  while (receive(client, buffer) > 0) {
  }
}

}  // namespace servers
