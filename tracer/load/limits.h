// Does this machine have the ports and the open files for so many connections?
#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <string>
#include <vector>

#include "load/target.h"
#include "util/result.h"

namespace tr::load {

// The local ports that connections to one target can use, both ends included
// (net.ipv4.ip_local_port_range; IPv6 uses it too).
struct PortRange {
  std::uint16_t first;
  std::uint16_t last;

  [[nodiscard]] std::uint64_t count() const { return std::uint64_t{last} - first + 1; }
};

// Reads it below `root` ("" is the machine's own).
Result<PortRange> read_port_range(const std::string& root);

// The source addresses that `connections` connections to `target` have to take turns in using, so
// that each has a port. Empty: the kernel's own choice will do. More than one address's worth is
// possible on 127.0.0.0/8 only (127.0.0.1, 127.0.0.2, ...); elsewhere it is an error.
Result<std::vector<in_addr>> plan_sources(const Address& target, std::uint64_t connections,
                                          PortRange ports);

// Whether a load here could keep so many connections to 127.0.0.1; changes nothing. An error says
// what is too low.
Status check_connections(std::uint64_t connections);

// Raises this process's soft limit of open files to the hard one if `connections` need it. An error
// when even that is too low.
Status allow_open_files(std::uint64_t connections);

}  // namespace tr::load
