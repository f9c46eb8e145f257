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
  return {};
}

Next EventLoop::proceed(int client) {
  Connection& connection = connections_[static_cast<std::size_t>(client)];
  const Next next = connection.proceed(buffer_);
  if (next == Next::kClose) {
    connection = {};
    --clients_;
  }
  return next;
}

}  // namespace servers
