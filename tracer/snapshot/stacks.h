// On which paths through the code was time spent? Frames and stacks by number, so that other groups
// of figures can refer to them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tr {

// A function, or a place in a module that has no name for it.
struct Frame {
  std::string function;      // without parameters; empty: unresolved
  std::string module;        // the file's path, "[kernel]", "[nf_tables]", "[jit]"; empty: unknown
  std::uint64_t offset = 0;  // of an unresolved one: in the file; without one, the address
  bool kernel = false;

  [[nodiscard]] bool resolved() const { return !function.empty(); }
  friend bool operator==(const Frame&, const Frame&) = default;
};

// From the innermost frame, the kernel's first, to the outermost.
struct Stack {
  std::vector<std::uint64_t> frames;  // numbers in Stacks::frames
  // Of the user's part: it does not reach the thread's first function; it could not be read.
  bool cut = false;
  bool unreadable = false;

  friend bool operator==(const Stack&, const Stack&) = default;
};

// What threads of one name waited for on one stack, as in Budget::waits.
struct BlockedStack {
  std::uint64_t stack = 0;  // number in Stacks::stacks
  std::string thread;       // its name
  std::string call;         // as Wait
  std::string object;
  std::string waker;
  std::uint64_t count = 0;
  std::uint64_t ns = 0;

  friend bool operator==(const BlockedStack&, const BlockedStack&) = default;
};

struct SampledStack {
  std::uint64_t stack = 0;
  std::string thread;
  std::uint64_t samples = 0;

  friend bool operator==(const SampledStack&, const SampledStack&) = default;
};

// Samples at a fixed rate of what was on the CPUs.
struct CpuProfile {
  std::string event;  // "cycles", "cpu-clock"
  std::uint64_t hz = 0;
  std::vector<SampledStack> stacks;  // the most samples first

  friend bool operator==(const CpuProfile&, const CpuProfile&) = default;
};

// A file that code is mapped from.
struct CodeModule {
  std::string path;
  std::string build_id;  // in hexadecimal; empty: it has none

  friend bool operator==(const CodeModule&, const CodeModule&) = default;
};

struct Stacks {
  std::vector<Frame> frames;
  // The first is nobody's: what could not be kept, or began before the stacks were.
  std::vector<Stack> stacks;
  std::vector<CodeModule> modules;    // those of the frames, by path
  std::vector<BlockedStack> blocked;  // add up to the waits of the budget; the longest first
  std::optional<CpuProfile> profile;

  friend bool operator==(const Stacks&, const Stacks&) = default;
};

}  // namespace tr
