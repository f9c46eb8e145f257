// What does an echo server cost that is written with libuv? A peer of epoll_echo and uring_echo.
//
// As one who knows libuv writes it for speed: one receive buffer for all clients, which is free
// again when the read callback returns, because the answer is tried at once (uv_try_write: no
// request, no allocation, no wait for writability). Only what the socket does not take is copied
// and queued, and nothing is read from that client until it has left.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <netinet/in.h>
#include <uv.h>
#include <vector>

namespace {

std::vector<char> buffer(65536);

struct Rest {
  uv_write_t request;
  std::vector<char> bytes;
};

void check(int result, const char* what) {
  if (result >= 0) return;
  std::fprintf(stderr, "uv_echo: cannot %s: %s\n", what, uv_strerror(result));
  std::exit(1);
}

uv_stream_t* stream(uv_tcp_t* tcp) {
  return reinterpret_cast<uv_stream_t*>(tcp);
}

void leave(uv_stream_t* client) {
  auto* handle = reinterpret_cast<uv_handle_t*>(client);
  if (uv_is_closing(handle) == 0)
    uv_close(handle, [](uv_handle_t* closed) { delete reinterpret_cast<uv_tcp_t*>(closed); });
}

void give_buffer(uv_handle_t*, std::size_t, uv_buf_t* room) {
  *room = uv_buf_init(buffer.data(), static_cast<unsigned>(buffer.size()));
}

void received(uv_stream_t* client, ssize_t got, const uv_buf_t* input);

void rest_sent(uv_write_t* request, int status) {
  const std::unique_ptr<Rest> rest(static_cast<Rest*>(request->data));
  if (status < 0 || uv_read_start(request->handle, give_buffer, received) < 0)
    leave(request->handle);
}

void received(uv_stream_t* client, ssize_t got, const uv_buf_t* input) {
  if (got == 0) return;  // EAGAIN
  if (got < 0) return leave(client);
  uv_buf_t answer = uv_buf_init(input->base, static_cast<unsigned>(got));
  int sent = uv_try_write(client, &answer, 1);
  if (sent == got) return;
  if (sent == UV_EAGAIN) sent = 0;
  if (sent < 0) return leave(client);
  uv_read_stop(client);
  auto rest = std::make_unique<Rest>();
  rest->bytes.assign(input->base + sent, input->base + got);
  rest->request.data = rest.get();
  answer = uv_buf_init(rest->bytes.data(), static_cast<unsigned>(rest->bytes.size()));
  if (uv_write(&rest->request, client, &answer, 1, rest_sent) < 0) return leave(client);
  static_cast<void>(rest.release());  // rest_sent() has it
}

void connected(uv_stream_t* listener, int status) {
  if (status < 0) return;
  auto* client = new uv_tcp_t;
  check(uv_tcp_init(listener->loop, client), "make a socket");
  if (uv_accept(listener, stream(client)) < 0 || uv_tcp_nodelay(client, 1) < 0 ||
      uv_read_start(stream(client), give_buffer, received) < 0)
    leave(stream(client));
}

}  // namespace

int main() {
  uv_loop_t* loop = uv_default_loop();
  uv_tcp_t listener;
  sockaddr_in address{};
  check(uv_tcp_init(loop, &listener), "make a socket");
  check(uv_ip4_addr("127.0.0.1", 0, &address), "make an address");
  check(uv_tcp_bind(&listener, reinterpret_cast<const sockaddr*>(&address), 0), "bind");
  check(uv_listen(stream(&listener), 4096, connected), "listen");
  int length = sizeof address;
  check(uv_tcp_getsockname(&listener, reinterpret_cast<sockaddr*>(&address), &length),
        "ask for the port");
  std::printf("uv_echo listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
