// Which of the wanted connections does the server accept, and why not the others?
#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <optional>
#include <vector>

#include "load/target.h"
#include "util/fd.h"
#include "util/result.h"

namespace tr::load {

struct ConnectOrder {
  const Address& target;
  std::uint64_t count;
  const std::vector<in_addr>& sources;  // taken in turns; empty: the kernel's choice
  std::uint64_t patience_ns;           // with no connection established in it, the rest is given up
  const std::vector<int>& cancel_fds;  // readable: stop, as an error
};

struct Connected {
  std::vector<Fd> sockets;  // non-blocking, with TCP_NODELAY
  std::uint64_t failures = 0;
  std::optional<Error> first_failure;  // with a remedy
};

// Opens the connections, at most 128 of them at once: servers' backlogs are rarely shorter. That
// some or all fail is no error here but a count; those not tried any more are in it.
Result<Connected> connect_all(const ConnectOrder& order);

}  // namespace tr::load
