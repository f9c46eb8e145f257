// What is mapped where in a process's address space?
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tr::symbols {

// A line of /proc/PID/maps.
struct Mapping {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;  // in the file
  bool executable = false;
  std::string device;  // as the kernel writes it, "fe:00"
  std::uint64_t inode = 0;
  std::string path;  // or "[heap]", "[stack]", "[vdso]"; empty: anonymous

  [[nodiscard]] bool of_file() const { return inode != 0; }
  [[nodiscard]] bool contains(std::uint64_t address) const {
    return address >= start && address < end;
  }

  friend bool operator==(const Mapping&, const Mapping&) = default;
};

using Mappings = std::vector<Mapping>;  // by address

// Lines that are none are left out; so is what goes beyond a bound that no sane process reaches.
Mappings parse_mappings(std::string_view maps);

// `now`, and what of `before` it leaves room for: a library that was unloaded keeps its place until
// another takes it.
Mappings merge(Mappings now, const Mappings& before);

// The mapping that contains the address, or null.
const Mapping* find(const Mappings& mappings, std::uint64_t address);

}  // namespace tr::symbols
