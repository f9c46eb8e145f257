#include "herd/link.h"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

#include "common/log.h"
#include "herd/message.h"

namespace servers::herd {
namespace {

constexpr Milliseconds kConnectPatience{2000};
constexpr Milliseconds kFirstPause{50};
constexpr Milliseconds kLongestPause{1000};
// So many lines in a row, then the clients have their turn.
constexpr int kBatch = 64;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

Link::Link(Reactor& reactor, BufferPool& buffers, const Table& table, int number, Ends ends)
    : reactor_(reactor),
      buffers_(buffers),
      ends_(ends),
      feed_(table, number),
      news_(reactor),
      pause_(reactor) {}

Task<> Link::run(std::function<bool()> quiet) {
  Milliseconds pause = kFirstPause;
  bool told = false;
  for (;;) {
    const auto begun = Clock::now();
    const std::string why = co_await talk();
    if (why.empty()) {
      told = false;
      // One that comes and goes all the time is not called all the time.
      if (Clock::now() - begun > kLongestPause) pause = kFirstPause;
    } else if (!told && !quiet()) {
      log_line(fmt::format("{} at {} cannot be told anything: {}; it is called until it can",
                           ends_.neighbour.name, ends_.neighbour.address.text(), why));
      told = true;
    }
    const bool hurried = co_await pause_.wait(pause);
    pause = hurried ? kFirstPause : std::min(2 * pause, kLongestPause);
  }
}

Task<std::string> Link::talk() {
  const Dialled dialled =
      co_await dial(reactor_, ends_.neighbour.address, ends_.self.address, kConnectPatience);
  if (!dialled.socket) co_return std::generic_category().message(dialled.error);
  up_ = true;
  refused_ = false;
  Scope watching;  // gone before the socket is
  watching.spawn(watch(*dialled.socket));
  feed_.begin();
  line_ = hello(ends_.self.name);
  bool telling = co_await dialled.socket->send(bytes_of(line_));
  while (telling && up_) {
    telling = co_await tell(*dialled.socket);
    if (!telling || !up_) break;
    [[maybe_unused]] const bool notified = co_await news_.wait();
  }
  std::string why;
  if (refused_) why = "it does not take us for a neighbour (do both have the same configuration?)";
  co_return why;
}

Task<bool> Link::tell(Socket& socket) {
  int told = 0;
  while (up_) {
    const At* const at = feed_.next();
    if (at == nullptr) break;
    line_ = at->line();
    line_ += '\n';
    const bool sent = co_await socket.send(bytes_of(line_));
    if (!sent) co_return false;
    if (++told % kBatch == 0) co_await socket.turn();
  }
  co_return true;
}

Task<> Link::watch(Socket& socket) {
  Buffer buffer(buffers_);
  for (;;) {
    const ssize_t got = co_await socket.receive(buffer);
    if (got > 0) refused_ = true;
    if (got <= 0) break;
  }
  up_ = false;
  socket.cut();  // for a send that waits
  news_.notify();
}

}  // namespace servers::herd
