// Which runs make up a sweep, and in which order are they made?
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tr::sweep {

// A server under one load: a point of the grid.
struct Cell {
  std::string server;
  std::uint64_t connections = 0;
  std::string pin;         // CPU list of the server; empty: not pinned
  std::uint64_t size = 0;  // bytes per message; 0: the protocol's own
  std::uint64_t pipeline = 1;

  friend bool operator==(const Cell&, const Cell&) = default;
};

// Whether two cells differ by nothing but their servers: what is ranked.
bool same_setting(const Cell& a, const Cell& b);
// Whether they differ by nothing but their connections: what a law over connections is fitted to.
bool same_but_connections(const Cell& a, const Cell& b);

// The cells' numbers in the order in which one repeat takes them. Each repeat has an order of its
// own, so that what the machine does in the meantime meets all cells alike; the same seed gives the
// same orders everywhere.
std::vector<std::size_t> order_of_repeat(std::size_t cells, std::uint64_t repeat,
                                         std::uint64_t seed);

}  // namespace tr::sweep
