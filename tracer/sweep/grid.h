// Which runs make up a sweep, and in which order are they made?
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tr::sweep {

// A server under one load: a point of the grid, or a line of a list of cells.
struct Cell {
  std::string server;
  std::uint64_t connections = 0;
  std::string pin;         // CPU list of the server; empty: not pinned
  std::uint64_t size = 0;  // bytes per message; 0: the protocol's own
  std::uint64_t pipeline = 1;

  // Of a list; empty in a grid, where the cells have all else in common.
  std::string name{};                  // no other cell has it
  std::vector<std::string> options{};  // its own, as words: "--rate=10000"
  std::vector<std::string> program{};  // with its arguments
  // The protocol, and the other options that the load or the tracing depends on, be they its own or
  // all cells': "http --close"
  std::string load{};

  friend bool operator==(const Cell&, const Cell&) = default;
};

// What a cell is called: by its name, or its server's.
const std::string& label_of(const Cell& cell);

// Whether two cells differ by nothing but their servers, and how these are called: what is ranked.
// How long their windows and warm-ups are does not matter.
bool same_setting(const Cell& a, const Cell& b);
// Whether they differ by nothing but their connections, as above: what a law over connections is
// fitted to.
bool same_but_connections(const Cell& a, const Cell& b);

// The cells' numbers in the order in which one repeat takes them. Each repeat has an order of its
// own, so that what the machine does in the meantime meets all cells alike; the same seed gives the
// same orders everywhere.
std::vector<std::size_t> order_of_repeat(std::size_t cells, std::uint64_t repeat,
                                         std::uint64_t seed);

}  // namespace tr::sweep
