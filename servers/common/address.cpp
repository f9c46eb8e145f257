#include "common/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <fmt/format.h>

namespace servers {
namespace {

const sockaddr_in& v4(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in&>(storage);
}
const sockaddr_in6& v6(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in6&>(storage);
}

}  // namespace

std::optional<Address> Address::parse(const std::string& host, std::uint16_t port) {
  Address address;
  auto& as_v4 = reinterpret_cast<sockaddr_in&>(address.storage_);
  auto& as_v6 = reinterpret_cast<sockaddr_in6&>(address.storage_);
  if (::inet_pton(AF_INET, host.c_str(), &as_v4.sin_addr) == 1) {
    as_v4.sin_family = AF_INET;
    address.size_ = sizeof as_v4;
  } else if (::inet_pton(AF_INET6, host.c_str(), &as_v6.sin6_addr) == 1) {
    as_v6.sin6_family = AF_INET6;
    address.size_ = sizeof as_v6;
  } else {
    return {};
  }
  return address.with_port(port);
}

std::optional<Address> Address::named_by(int (*name)(int, sockaddr*, socklen_t*), int socket) {
  Address address;
  address.size_ = sizeof address.storage_;
  if (name(socket, reinterpret_cast<sockaddr*>(&address.storage_), &address.size_) != 0) return {};
  return address;
}

std::optional<Address> Address::of(int socket) {
  return named_by([](int fd, sockaddr* to, socklen_t* size) { return ::getsockname(fd, to, size); },
                  socket);
}

std::optional<Address> Address::of_peer(int socket) {
  return named_by([](int fd, sockaddr* to, socklen_t* size) { return ::getpeername(fd, to, size); },
                  socket);
}

std::uint16_t Address::port() const {
  return ntohs(family() == AF_INET6 ? v6(storage_).sin6_port : v4(storage_).sin_port);
}

Address Address::with_port(std::uint16_t port) const {
  Address other = *this;
  if (family() == AF_INET6)
    reinterpret_cast<sockaddr_in6&>(other.storage_).sin6_port = htons(port);
  else
    reinterpret_cast<sockaddr_in&>(other.storage_).sin_port = htons(port);
  return other;
}

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN] = {};
  const void* const bytes = family() == AF_INET6 ? static_cast<const void*>(&v6(storage_).sin6_addr)
                                                 : static_cast<const void*>(&v4(storage_).sin_addr);
  ::inet_ntop(family(), bytes, text, sizeof text);
  return text;
}

std::string Address::text() const {
  return host_and_port(host(), std::to_string(port()));
}

bool Address::is_any() const {
  if (family() == AF_INET6) return IN6_IS_ADDR_UNSPECIFIED(&v6(storage_).sin6_addr);
  return v4(storage_).sin_addr.s_addr == htonl(INADDR_ANY);
}

bool Address::operator==(const Address& other) const {
  if (family() != other.family() || port() != other.port()) return false;
  if (family() == AF_INET6)
    return IN6_ARE_ADDR_EQUAL(&v6(storage_).sin6_addr, &v6(other.storage_).sin6_addr);
  return v4(storage_).sin_addr.s_addr == v4(other.storage_).sin_addr.s_addr;
}

std::string host_and_port(std::string_view host, std::string_view port) {
  const bool is_v6 = host.find(':') != std::string_view::npos;
  return fmt::format("{}{}{}:{}", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

}  // namespace servers
