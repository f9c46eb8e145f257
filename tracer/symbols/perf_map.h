// How are a process's JIT-compiled functions called?
//
// JITs (OpenJDK with an agent, Node.js --perf-basic-prof, Python's -X perf, .NET) write
// /tmp/perf-PID.map, a line "START SIZE NAME" for each function, numbers in hexadecimal
// (Documentation/jit-interface.txt of perf). Anybody may write such a file: it is believed only if
// it belongs to the process's user or to root, and is bounded.
#pragma once

#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "symbols/symbol_table.h"

namespace tr::symbols {

class PerfMap {
 public:
  PerfMap() = default;

  // The map's text; lines that are none are left out. Of lines that overlap, the last is right: the
  // JIT has used the memory again.
  static PerfMap parse(std::string_view text);
  [[nodiscard]] std::optional<Symbol> find(std::uint64_t address) const;
  [[nodiscard]] bool empty() const { return functions_.empty(); }

 private:
  struct Function {
    std::uint64_t end = 0;
    std::string name;
  };
  std::map<std::uint64_t, Function> functions_;  // by start, without overlaps
};

// Where the map of one process is, also when the process has gone.
class PerfMapFile {
 public:
  // Of a living process. `proc` is /proc or a test's tree like it. The file is looked for in the
  // process's own root, under the number that the process has in its own pid namespace; later in
  // our /tmp, if that was the process's as well.
  PerfMapFile(std::string proc, pid_t process);

  // As it is now; empty if there is none, or none to be believed.
  [[nodiscard]] PerfMap read() const;

 private:
  std::string proc_;
  pid_t process_;
  std::string number_;             // in its own pid namespace
  std::optional<uid_t> owner_;     // none: it was gone already
  std::string started_;            // as /proc/PID/stat says it
  std::optional<time_t> left_at_;  // when it started, if its /tmp is ours
};

}  // namespace tr::symbols
