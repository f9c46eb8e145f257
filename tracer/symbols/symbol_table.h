// Which symbol covers an address?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tr::symbols {

// A name and how far behind its start the address lies.
struct Symbol {
  std::string_view name;
  std::uint64_t offset = 0;
};

// Filled by add(), then made ready by sort(). Names are borrowed.
class SymbolTable {
 public:
  // `size` 0: unknown, up to the next symbol.
  void add(std::uint64_t start, std::uint64_t size, std::string_view name) {
    entries_.push_back({start, size, name});
  }
  void sort();
  // After sort(). Of several that cover the address, the one that begins last.
  [[nodiscard]] std::optional<Symbol> find(std::uint64_t address) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t start;
    std::uint64_t size;
    std::string_view name;
  };
  std::vector<Entry> entries_;
};

// A C++ or Rust name as people write it, without the parameters; others as they are.
std::string demangle(std::string_view name);

}  // namespace tr::symbols
