// A client of the servers under test: sends, receives, misbehaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/fd.h"

namespace servers::test {

// Lets this process, and those it starts from now on, have at least so many open files; false if
// the hard limit is below.
[[nodiscard]] bool allow_open_files(std::size_t count);

// All waiting is bounded; what does not come in time throws std::runtime_error.
class Client {
 public:
  // Connects to 127.0.0.1; throws if it is refused.
  explicit Client(std::uint16_t port) : Client(connect("127.0.0.1", port)) {}
  // One that is connected already.
  explicit Client(Fd socket) : socket_(std::move(socket)) {}
  // Connects to an IPv4 or IPv6 address; none if that is refused or there is no such address.
  static std::optional<Client> try_connect(const std::string& address, std::uint16_t port);

  // Sends all of it.
  void send(std::string_view bytes);
  // Sends as much as goes while nothing is received: until all buffers on the way are full and stay
  // so, or all is sent. Returns how much.
  std::size_t send_until_stuck(std::string_view bytes);
  // Receives exactly so much, or less if the server ends before.
  std::string receive(std::size_t bytes);
  // Receives up to and with the next newline, or the server's end.
  std::string receive_line();
  // Receives up to the server's end; throws if the connection was reset.
  std::string receive_to_end();
  // Sends and receives at the same time, until all is sent (then, if asked, says that it was the
  // last) and `expected` bytes have come or the server has ended.
  enum class After { kGoOn, kHalfClose };
  std::string exchange(std::string_view bytes, std::size_t expected, After after = After::kGoOn);
  // exchange() of as many bytes.
  std::string echo(std::string_view bytes) { return exchange(bytes, bytes.size()); }

  // Whether something (bytes, the end or a reset) can be received, now or within so many ms.
  [[nodiscard]] bool readable(int timeout_ms = 0) const;
  // Waits until the server has ended or broken the connection; throws if bytes come instead.
  void wait_for_end();
  void half_close();
  // Closes with a reset instead of an orderly end.
  void reset();

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  static Fd connect(const std::string& address, std::uint16_t port);

  Fd socket_;
};

// More bytes than all socket buffers between a Client and a server can hold: who takes so much from
// a client that does not read has kept it in memory of his own.
[[nodiscard]] std::size_t too_much();

// Bytes that repeat nowhere near, so that a lost, doubled or swapped piece is seen.
[[nodiscard]] std::string pattern(std::size_t bytes, std::uint64_t seed = 1);

}  // namespace servers::test
