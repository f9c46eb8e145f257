// Which servers are there, where, and who talks to whom?
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"

namespace servers::herd {

// What --only takes besides the servers' names.
inline constexpr std::string_view kPlaces = "Places";

struct Node {
  std::string name;
  Address address;
  std::vector<std::size_t> neighbours;  // indices into Config::servers, in order
};

struct Config {
  std::vector<Node> servers;
  Address places;

  // None if there is no such server.
  [[nodiscard]] const Node* server(std::string_view name) const;
  // "Hill, Jaquez, ..."
  [[nodiscard]] std::string names() const;
};

// Hill, Jaquez, Smith, Campbell and Singleton at 127.0.0.1; the ports are still 0.
[[nodiscard]] Config built_in();

// From TOML (servers/herd/herd.toml is an example). A link that is named on one side is there for
// both. Throws Failure in one line.
[[nodiscard]] Config parse_config(std::string_view text, const std::string& path);
[[nodiscard]] Config read_config(const std::string& path);

}  // namespace servers::herd
