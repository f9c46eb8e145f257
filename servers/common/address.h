// Where does somebody listen? An IPv4 or IPv6 address and a port, in numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace servers {

class Address {
 public:
  // None if `host` is no address but, say, a name.
  static std::optional<Address> parse(const std::string& host, std::uint16_t port);
  // This side's, or the other side's, of a socket; none if it has none.
  static std::optional<Address> of(int socket);
  static std::optional<Address> of_peer(int socket);

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t size() const { return size_; }
  [[nodiscard]] int family() const { return storage_.ss_family; }
  [[nodiscard]] std::uint16_t port() const;
  // The same machine, whatever the port.
  [[nodiscard]] Address with_port(std::uint16_t port) const;
  // "127.0.0.1"
  [[nodiscard]] std::string host() const;
  // "127.0.0.1:43211" or "[::1]:43211"
  [[nodiscard]] std::string text() const;
  // 0.0.0.0 or ::, at which one can listen, but which one cannot call.
  [[nodiscard]] bool is_any() const;

  bool operator==(const Address& other) const;

 private:
  // As getsockname(2) or getpeername(2) gives it.
  static std::optional<Address> named_by(int (*name)(int, sockaddr*, socklen_t*), int socket);

  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

// "127.0.0.1:80", "localhost:http" or "[::1]:80".
[[nodiscard]] std::string host_and_port(std::string_view host, std::string_view port);

}  // namespace servers
