// What does an echo server cost that is written with libevent? A peer of epoll_echo and uring_echo.
//
// With plain events and recv/send: a bufferevent, which copies each message into an evbuffer and
// out of it, cost a fifth to a third more. Options that a user who is after speed would find are
// used where they help: no locks, no cached time.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

std::array<char, 65536> buffer;
event_base* base = nullptr;
short edge = 0;
bool buffered = false;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "event_echo: cannot %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

struct Client {
  event* input = nullptr;
  event* output = nullptr;
  std::vector<char> unsent;
};

void leave(evutil_socket_t fd, Client* client) {
  event_free(client->input);
  event_free(client->output);
  delete client;
  ::close(fd);
}

// How many of them the socket took; -1: the client is gone.
ssize_t send_some(evutil_socket_t fd, std::span<const char> bytes) {
  const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return sent < 0 && errno == EAGAIN ? 0 : sent;
}

void readable(evutil_socket_t fd, short, void* argument) {
  auto* client = static_cast<Client*>(argument);
  const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return leave(fd, client);
  const std::span<const char> input(buffer.data(), static_cast<std::size_t>(got));
  const ssize_t sent = send_some(fd, input);
  if (sent == got) return;
  if (sent < 0) return leave(fd, client);
  client->unsent.assign(input.begin() + sent, input.end());
  event_del(client->input);
  event_add(client->output, nullptr);
}

void writable(evutil_socket_t fd, short, void* argument) {
  auto* client = static_cast<Client*>(argument);
  const ssize_t sent = send_some(fd, client->unsent);
  if (sent < 0) return leave(fd, client);
  client->unsent.erase(client->unsent.begin(), client->unsent.begin() + sent);
  if (!client->unsent.empty()) return;
  event_del(client->output);
  event_add(client->input, nullptr);
}

void connectable(evutil_socket_t listener, short, void*) {
  const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (buffered) {
    bufferevent* b = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(
        b, [](bufferevent* e, void*) { bufferevent_write_buffer(e, bufferevent_get_input(e)); },
        nullptr, [](bufferevent* e, short, void*) { bufferevent_free(e); }, nullptr);
    bufferevent_enable(b, EV_READ | EV_WRITE);
    return;
  }
  auto* client = new Client;
  client->input =
      event_new(base, fd, static_cast<short>(EV_READ | EV_PERSIST | edge), readable, client);
  client->output =
      event_new(base, fd, static_cast<short>(EV_WRITE | EV_PERSIST | edge), writable, client);
  event_add(client->input, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  bool plain = false;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "edge") edge = EV_ET;
    if (std::string_view(argv[i]) == "buffer") buffered = true;
    if (std::string_view(argv[i]) == "plain") plain = true;
  }
  event_config* config = event_config_new();
  if (!plain) event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  if (!plain) event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
  base = event_base_new_with_config(config);
  event_config_free(config);
  if (base == nullptr) fail("make an event base");

  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener < 0 || ::bind(listener, generic, length) != 0 || ::listen(listener, 4096) != 0 ||
      ::getsockname(listener, generic, &length) != 0)
    fail("listen");
  event_add(event_new(base, listener, EV_READ | EV_PERSIST, connectable, nullptr), nullptr);
  std::printf("event_echo listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return event_base_dispatch(base);
}
