// How are a process's JIT-compiled functions called?
//
// JITs (OpenJDK with an agent, Node.js --perf-basic-prof, Python's -X perf, .NET) write
// /tmp/perf-PID.map, a line "START SIZE NAME" for each function, numbers in hexadecimal
// (Documentation/jit-interface.txt of perf). Anybody may write such a file: it is believed only if
// it belongs to the process's user or to root, and is bounded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "symbols/symbol_table.h"

namespace tr::symbols {

class PerfMap {
 public:
  // The map's text; lines that are none are left out. Of lines that overlap, the last is right: the
  // JIT has used the memory again.
  static PerfMap parse(std::string_view text);
  // That of a process as it is now; empty if there is none, or none to be believed. `proc` is /proc
  // or a test's tree like it. The file is looked for in the process's own root, under the number
  // that the process has in its own pid namespace.
  static PerfMap read(const std::string& proc, pid_t process);

  [[nodiscard]] std::optional<Symbol> find(std::uint64_t address) const;
  [[nodiscard]] bool empty() const { return functions_.empty(); }

 private:
  struct Function {
    std::uint64_t end = 0;
    std::string name;
  };
  std::map<std::uint64_t, Function> functions_;  // by start, without overlaps
};

}  // namespace tr::symbols
