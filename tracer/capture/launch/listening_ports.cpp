#include "capture/launch/listening_ports.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "util/text.h"

namespace tr::capture {
namespace {

namespace fs = std::filesystem;

using PortsByInode = std::map<std::uint64_t, ListeningPort>;

constexpr std::string_view kListen = "0A";  // TCP_LISTEN, include/net/tcp_states.h

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> result;
  for (const std::string_view word : split(line, ' '))
    if (!word.empty()) result.push_back(word);
  return result;
}

template <class T>
std::optional<T> parse_hex(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "0100007F:1F90": the address as 32-bit words in the machine's byte order, whose memory is in
// network order; the port as a plain number (net/ipv4/tcp_ipv4.c, get_openreq4; tcp6 likewise).
std::optional<ListeningPort> parse_address(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_hex<std::uint16_t>(text.substr(colon + 1));
  const std::string_view address = text.substr(0, colon);
  if (!port || (address.size() != 8 && address.size() != 32)) return std::nullopt;
  std::array<std::uint32_t, 4> network{};
  for (std::size_t i = 0; i < address.size() / 8; ++i) {
    const auto word = parse_hex<std::uint32_t>(address.substr(i * 8, 8));
    if (!word) return std::nullopt;
    network[i] = *word;
  }
  std::array<char, INET6_ADDRSTRLEN> printed{};
  inet_ntop(address.size() == 8 ? AF_INET : AF_INET6, network.data(), printed.data(),
            printed.size());
  return ListeningPort{.port = *port, .address = printed.data()};
}

// Adds the listeners of one table: "sl local_address rem_address st tx:rx tr:when retrnsmt uid
// timeout inode ...". A kernel without IPv6 has no tcp6, and a process that is gone has neither.
void add_listeners(const std::string& path, PortsByInode& ports) {
  const auto table = read_file(path);
  if (!table) return;
  for (const std::string_view line : split(*table, '\n')) {
    const auto fields = words(line);
    if (fields.size() < 10 || fields[3] != kListen) continue;
    const auto inode = parse_u64(fields[9]);
    const auto port = parse_address(fields[1]);
    if (inode && port) ports.emplace(*inode, *port);
  }
}

// Calls `use` with the inode of each socket the process has open.
template <class Use>
Status for_each_socket(const std::string& process, const Use& use) {
  std::error_code error;
  fs::directory_iterator file(process + "/fd", error);
  for (const fs::directory_iterator end; !error && file != end; file.increment(error)) {
    std::error_code vanished;
    const std::string target = fs::read_symlink(file->path(), vanished).native();
    constexpr std::string_view kSocket = "socket:[";
    if (vanished || !target.starts_with(kSocket) || !target.ends_with(']')) continue;
    const auto inode = parse_u64(
        std::string_view(target).substr(kSocket.size(), target.size() - kSocket.size() - 1));
    if (inode) use(*inode);
  }
  if (error == std::errc::permission_denied)
    return Error{.failure = Failure::kNotAllowed,
                 .operation = "read the open files of",
                 .object = process,
                 .code = error.value(),
                 .why = {},
                 .remedy = "run trace-run as root, or name the port with --port"};
  return {};
}

// What tells network namespaces apart ("net:[4026531840]"); a process whose link cannot be read is
// taken to have one of its own.
std::string network_namespace(const std::string& process) {
  std::error_code error;
  const fs::path target = fs::read_symlink(process + "/ns/net", error);
  return error ? process : target.native();
}

}  // namespace

Result<std::vector<ListeningPort>> listening_ports(const std::string& proc,
                                                   const std::vector<pid_t>& pids) {
  std::map<std::string, PortsByInode> listeners;  // by network namespace
  std::set<ListeningPort> found;
  for (const pid_t pid : pids) {
    const std::string process = fmt::format("{}/{}", proc, pid);
    const auto [entry, first] = listeners.try_emplace(network_namespace(process));
    PortsByInode& ports = entry->second;
    if (first) {
      add_listeners(process + "/net/tcp", ports);
      add_listeners(process + "/net/tcp6", ports);
    }
    const Status status = for_each_socket(process, [&](std::uint64_t inode) {
      if (const auto port = ports.find(inode); port != ports.end()) found.insert(port->second);
    });
    if (!status) return status.error();
  }
  return std::vector<ListeningPort>(found.begin(), found.end());
}

}  // namespace tr::capture
