// How is a connection opened, which of the wanted ones does the server accept, and why not the
// others?
#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <optional>
#include <vector>

#include "load/target.h"
#include "util/fd.h"
#include "util/result.h"

namespace tr::load {

// From where to where connections lead.
struct Route {
  std::vector<Address>
      targets;  // at least one; connection n leads to the n-th, modulo their number
  std::vector<in_addr> sources;  // taken in turns; empty: the kernel's choice

  [[nodiscard]] const Address& target(std::uint64_t number) const {
    return targets[number % targets.size()];
  }
};

// Begins to open connection `number`, from the source whose turn it is: a non-blocking socket with
// TCP_NODELAY, which becomes writable when it is established or has failed. An error, with a
// remedy, when it fails at once.
Result<Fd> begin_connect(const Route& route, std::uint64_t number, std::uint64_t turn);

struct ConnectOrder {
  const Route& route;
  std::uint64_t count;
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
