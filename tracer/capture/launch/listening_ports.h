// On which TCP ports does the program listen, so that the load can be sent there?
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

#include "util/result.h"

namespace tr::capture {

// A TCP socket in LISTEN.
struct ListeningPort {
  std::uint16_t port = 0;
  std::string address;  // "127.0.0.1", "0.0.0.0", "::"

  auto operator<=>(const ListeningPort&) const = default;
};

// Where any of these processes listens, each address once, ascending by port. Sockets are found by
// their inode: /proc/PID/fd against /proc/PID/net/tcp and tcp6 of that process's own network
// namespace. A process that has ended listens nowhere; one whose files may not be read is an error.
// `proc` is /proc, or a test's tree like it.
Result<std::vector<ListeningPort>> listening_ports(const std::string& proc,
                                                   const std::vector<pid_t>& pids);

}  // namespace tr::capture
