// What is to be measured, and how? Everything that is decided before anything is started.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "load/settings.h"
#include "snapshot/delay.h"
#include "util/cpu_set.h"

namespace tr::commands {

enum class LoadKind {
  kBuiltIn,  // our load generator
  kCommand,  // the user's command, messages counted by the kernel alone
  kNone,     // no load: the window is the program's whole life, or the duration
};

struct Plan {
  // The program to start, or the process to attach to.
  std::string name;                      // as the user named it
  std::string program;                   // the path to execute
  std::vector<std::string> argv;         // with argv[0]
  std::vector<std::string> environment;  // "NAME=value", beside what trace-run has
  std::optional<pid_t> attach;
  std::string output_file;     // for the program's stdout and stderr; empty: trace-run's stderr
  bool append_output = false;  // to what the file holds
  CpuList pin;

  LoadKind load_kind = LoadKind::kBuiltIn;
  load::Settings load;  // of kBuiltIn; duration and warm-up also of the others
  // "echo", "http", "herd" or "none"; or the command, in which {port} and {host} are replaced.
  std::string load_text;
  bool duration_given = false;
  std::optional<std::uint16_t> port;  // absent: found by itself

  bool counts_only = false;
  bool budget = true;     // where the time goes; not with counts_only
  bool messages = false;  // which way they take through the server; only with a budget
  bool waits = false;     // by the single object and waker; needs the budget
  bool inspect_descriptors = false;
  bool locks = false;                 // what threads do with locks; not without the budget
  bool lock_hold = false;             // and how long mutexes are held; with locks
  std::optional<DelaySetting> delay;  // slows the server at one stage; only with a budget
  std::uint32_t max_threads = 8192;
  std::vector<std::string> events;  // perf events to count beside the probes
  bool read_schedstat = false;      // at the window's edges, to compare
  std::uint32_t profile_hz = 0;     // samples per second and CPU; 0: none
  // Afterwards, without probes and under the built-in load: so long; 0: not. Absent: as long as the
  // window tells.
  std::optional<std::uint64_t> bare_ns;

  [[nodiscard]] bool stacks() const { return profile_hz != 0 || waits; }
  // A delay is a program too: what a message costs with it alone nobody asks.
  [[nodiscard]] std::uint64_t bare_length_ns() const {
    if (load_kind != LoadKind::kBuiltIn || delay) return 0;
    constexpr std::uint64_t kEnough = 300'000'000;  // thousands of messages of most servers
    return bare_ns.value_or(std::min(load.duration_ns, std::max(load.duration_ns / 10, kEnough)));
  }

  std::chrono::milliseconds ready_timeout{10'000};  // for the program to listen
  std::chrono::milliseconds stop_grace{5'000};      // between SIGTERM and SIGKILL
};

}  // namespace tr::commands
