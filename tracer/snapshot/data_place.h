// What lies in a program's memory at an address that was met: of a lock, of a futex.
#pragma once

#include <cstdint>
#include <string>

namespace tr {

// As symbols::Place says it.
struct DataPlace {
  std::string name;    // a variable, "[heap]", "[stack]", "[anonymous]", a file; empty: not known
  std::string module;  // of a variable: the file's path
  std::uint64_t offset = 0;

  friend bool operator==(const DataPlace&, const DataPlace&) = default;
};

}  // namespace tr
