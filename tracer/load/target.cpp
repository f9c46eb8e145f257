#include "load/target.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <utility>

#include <fmt/format.h>

#include "util/text.h"

namespace tr::load {
namespace {

struct AddressListFree {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

// What getaddrinfo and getnameinfo say when they fail.
Error resolver_error(std::string operation, std::string object, int failure) {
  const bool system = failure == EAI_SYSTEM;
  return Error{.failure = Failure::kRun,
               .operation = std::move(operation),
               .object = std::move(object),
               .code = system ? errno : 0,
               .why = system ? "" : gai_strerror(failure),
               .remedy = "check the name, or give a numeric address"};
}

std::uint16_t& port_of(sockaddr_storage& storage) {
  return storage.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(storage).sin6_port
                                       : reinterpret_cast<sockaddr_in&>(storage).sin_port;
}

Result<Address> to_address(const addrinfo& info, const Target& target) {
  Address address;
  std::memcpy(&address.storage, info.ai_addr, info.ai_addrlen);
  address.length = info.ai_addrlen;
  std::array<char, NI_MAXHOST> host{};
  const int failed = getnameinfo(info.ai_addr, info.ai_addrlen, host.data(), host.size(), nullptr,
                                 0, NI_NUMERICHOST);
  if (failed != 0) return resolver_error("print an address of", target.host, failed);
  address.text = Target{host.data(), target.port}.text();
  return address;
}

}  // namespace

std::string Target::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<Target> parse_target(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return usage_error(fmt::format("\"{}\" {}", text, why),
                       "write it as HOST:PORT: 127.0.0.1:8080 or [::1]:8080");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad("names no port");
  std::string_view host = text.substr(0, colon);
  const auto port = parse_u64(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return bad("has no port from 1 to 65535");
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return bad("has an IPv6 address without brackets");
  if (host.empty()) return bad("names no host");
  return Target{std::string(host), static_cast<std::uint16_t>(*port)};
}

const sockaddr* Address::get() const {
  return reinterpret_cast<const sockaddr*>(&storage);
}

Address Address::port_after(std::uint16_t ports) const {
  Address further = *this;
  std::uint16_t& port = port_of(further.storage);
  port = htons(static_cast<std::uint16_t>(ntohs(port) + ports));
  further.text = fmt::format("{}:{}", text.substr(0, text.rfind(':')), ntohs(port));
  return further;
}

bool Address::is_ipv4_loopback() const {
  if (storage.ss_family != AF_INET) return false;
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
  return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
}

Result<std::vector<Address>> resolve(const Target& target) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  const int failed =
      getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &raw);
  if (failed != 0) return resolver_error("find the address of", target.host, failed);
  const std::unique_ptr<addrinfo, AddressListFree> list(raw);
  std::vector<Address> addresses;
  for (const addrinfo* info = list.get(); info != nullptr; info = info->ai_next) {
    auto address = to_address(*info, target);
    if (!address) return std::move(address).error();
    addresses.push_back(*std::move(address));
  }
  return addresses;
}

}  // namespace tr::load
