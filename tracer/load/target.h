// Where does the load go, and which addresses is that?
#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include "util/result.h"

namespace tr::load {

// A host and a port as the user named them.
struct Target {
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 0;

  // "host:port", an IPv6 address in brackets.
  [[nodiscard]] std::string text() const;
};

// "127.0.0.1:80", "localhost:80" or "[::1]:80". Errors are usage errors.
Result<Target> parse_target(std::string_view text);

// One address to connect to.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  std::string text;  // "127.0.0.1:80"

  [[nodiscard]] const sockaddr* get() const;
  // The same host, so many ports further on.
  [[nodiscard]] Address port_after(std::uint16_t ports) const;
  // In 127.0.0.0/8, where every address is one of this machine.
  [[nodiscard]] bool is_ipv4_loopback() const;
};

// The addresses of the target in the resolver's order; at least one.
Result<std::vector<Address>> resolve(const Target& target);

}  // namespace tr::load
