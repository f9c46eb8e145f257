#include "common/event_loop.h"

#include <sys/socket.h>

namespace servers {

int EventLoop::client_flags() const {
  return SOCK_NONBLOCK;
}

std::optional<Shortage> EventLoop::take(Fd& client) {
  const int fd = client.get();
  if (const auto shortage = watch(fd)) return shortage;
  const auto index = static_cast<std::size_t>(fd);
  if (index >= connections_.size()) connections_.resize(index + 1);
  connections_[index] = Connection(std::move(client), protocol_.open());
  ++clients_;
  finish_turn(fd, Next::kInput);
  return {};
}

Next EventLoop::proceed(int client) {
  const Next next = connections_[static_cast<std::size_t>(client)].proceed(buffer_);
  finish_turn(client, next);
  return next;
}

void EventLoop::finish_turn(int client, Next next) {
  Connection& connection = connections_[static_cast<std::size_t>(client)];
  if (next == Next::kClose) {
    timers_.cancel(client);
    connection = {};
    --clients_;
    left();
    return;
  }
  timers_.set(client, connection.take_timer());
}

int EventLoop::timers_ms() const {
  return timers_.timeout_ms();
}

void EventLoop::run_timers() {
  timers_.run([this](int client) {
    const Next next = connections_[static_cast<std::size_t>(client)].due();
    finish_turn(client, next);
    rewatch(client, next);
  });
}

}  // namespace servers
