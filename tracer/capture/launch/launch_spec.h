// What is to be started, and as what?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/launch/invoking_user.h"
#include "util/cpu_set.h"

namespace tr::capture {

enum class StandardInput : std::uint8_t {
  kInherit,         // trace-run's own: for programs that are no server
  kNullIfTerminal,  // /dev/null in place of a terminal: a server does not compete for the keyboard
};

enum class ProcessGroup : std::uint8_t {
  kOwn,         // Ctrl-C at the terminal reaches trace-run alone
  kOfTraceRun,  // Ctrl-C reaches both, as from a shell
};

// Soft and hard limit of open files (RLIMIT_NOFILE).
struct OpenFileLimit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;

  bool operator==(const OpenFileLimit&) const = default;
};

// Everything about a program to start except where its output goes. The working directory is
// trace-run's; signal mask and dispositions are the defaults; no file but the standard three is
// passed on.
struct LaunchSpec {
  std::string program;                   // the path to execute; PATH is not searched
  std::vector<std::string> argv;         // with argv[0]
  std::vector<std::string> environment;  // "NAME=value", added to or replacing what trace-run had
  CpuList cpus;                          // empty: not pinned
  std::optional<User> user;              // drop to; absent: stay who trace-run is
  StandardInput input = StandardInput::kNullIfTerminal;
  ProcessGroup group = ProcessGroup::kOwn;
  // The limit to give back if trace-run has raised its own; absent: as when the Supervisor was
  // made.
  std::optional<OpenFileLimit> open_files;

  bool operator==(const LaunchSpec&) const = default;
};

// One flat text for the way to the guardian, and back. encode() refuses what no process can be
// given: an empty argv, or a NUL inside a string (both usage errors). decode() answers nullopt for
// anything that encode() did not make.
Result<std::string> encode(const LaunchSpec& spec);
std::optional<LaunchSpec> decode(std::string_view text);

// The environment the program gets: `inherited` (null-terminated, as environ(7)), then HOME, USER
// and LOGNAME of spec.user, then spec.environment; a later setting of a name replaces the earlier.
std::vector<std::string> environment_of(const LaunchSpec& spec, const char* const* inherited);

}  // namespace tr::capture
