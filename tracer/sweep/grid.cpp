#include "sweep/grid.h"

#include <numeric>
#include <random>
#include <utility>

namespace tr::sweep {

const std::string& label_of(const Cell& cell) {
  return cell.name.empty() ? cell.server : cell.name;
}

bool same_setting(const Cell& a, const Cell& b) {
  return a.connections == b.connections && a.pin == b.pin && a.size == b.size &&
         a.pipeline == b.pipeline && a.load == b.load;
}

bool same_but_connections(const Cell& a, const Cell& b) {
  return a.server == b.server && a.program == b.program && a.pin == b.pin && a.size == b.size &&
         a.pipeline == b.pipeline && a.load == b.load;
}

std::vector<std::size_t> order_of_repeat(std::size_t cells, std::uint64_t repeat,
                                         std::uint64_t seed) {
  std::vector<std::size_t> order(cells);
  std::iota(order.begin(), order.end(), std::size_t{0});
  // Fisher and Yates by hand: std::shuffle differs between standard libraries.
  std::seed_seq both{seed & 0xffffffffU, seed >> 32U, repeat & 0xffffffffU, repeat >> 32U};
  std::mt19937_64 engine(both);
  for (std::size_t left = cells; left > 1; --left)
    std::swap(order[left - 1], order[engine() % left]);
  return order;
}

}  // namespace tr::sweep
