// What stands at this address of that process, or of the kernel?
//
// A process is learnt while it lives: its mappings are read, and its files held open through
// /proc/PID/map_files (which also reaches deleted files, and those of other mount namespaces).
// Names are looked up when asked for, also after the process has gone. One whose life was too short
// to be learnt is looked up in another of the same image: fork keeps the mappings.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "symbols/kernel_symbols.h"
#include "symbols/mappings.h"
#include "symbols/module.h"
#include "symbols/perf_map.h"

namespace tr::symbols {

// A process, and what it executes: `image` is a number that its caller gives each execve, and that
// a forked child shares with its parent. pid 0: any process of the image. image 0: not known; what
// was learnt of the process last.
struct Process {
  pid_t pid = 0;
  std::uint32_t image = 0;

  friend bool operator==(const Process&, const Process&) = default;
};

// A function's name, or how far the search for it came.
struct Code {
  std::string function;      // demangled, without parameters; empty: no symbol covers the address
  std::string module;        // the file's path, "[vdso]", "[jit]", "[kernel]"; empty: nothing there
  std::uint64_t offset = 0;  // from the function's start; without one, in the file

  [[nodiscard]] bool resolved() const { return !function.empty(); }
  friend bool operator==(const Code&, const Code&) = default;
};

// What data lies at an address.
struct Place {
  // A variable; "[heap]" (that of brk), "[stack]" (the first thread's), "[anonymous]" (malloc's
  // arenas, threads' stacks), or the file that is mapped there; empty: nothing is.
  std::string name;
  std::string module;        // of a variable: the file's path
  std::uint64_t offset = 0;  // from the start of the variable or the mapping

  friend bool operator==(const Place&, const Place&) = default;
};

class Symbols {
 public:
  // `proc` is /proc, or a test's tree like it.
  explicit Symbols(std::string proc = "/proc") : proc_(std::move(proc)) {}

  // Reads what the process has mapped now; what was learnt of it before is kept where nothing has
  // taken its place. Says whether the process was there.
  bool learn(const Process& process);
  [[nodiscard]] bool knows(const Process& process) const;

  // For a return address, ask for the byte before it: what it points at may be another function's.
  Code code(const Process& process, std::uint64_t address);
  Code kernel(std::uint64_t address);
  // The kernel's variable there; empty: none.
  std::string kernel_data(std::uint64_t address);
  Place data(const Process& process, std::uint64_t address);
  // The process's mappings of modules that hold code, by address: at `start` lies what the module
  // calls start - bias.
  struct CodeRange {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    std::uint64_t bias = 0;
    Module* module = nullptr;  // lives as long as this object
  };
  std::vector<CodeRange> code_ranges(const Process& process);
  // Of the file that is mapped there; empty: none.
  std::string build_id(const Process& process, std::uint64_t address);

 private:
  struct Space {
    Mappings mappings;
    std::optional<PerfMapFile> jit_file;  // since it was learnt
    PerfMap jit;                          // as it was when last read
    bool jit_is_last = false;             // read since it was learnt last
  };
  using Key = std::pair<std::uint32_t, pid_t>;  // image, pid

  const KernelSymbols& kernel_symbols();
  const Space* space_of(const Process& process) const;
  std::optional<Symbol> jit_symbol(const Process& process, std::uint64_t address);
  Module& module_of(const Mapping& mapping);
  void open_files(pid_t pid, const Mappings& mappings);

  std::string proc_;
  std::map<Key, Space> spaces_;
  // By device and inode: a file is read once, whoever maps it.
  std::map<std::pair<std::string, std::uint64_t>, std::unique_ptr<Module>> modules_;
  std::unique_ptr<Module> vdso_;
  std::optional<KernelSymbols> kernel_;
};

}  // namespace tr::symbols
