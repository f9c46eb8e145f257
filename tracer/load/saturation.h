// Was the load generator itself the limit, so that the figures speak of it and not of the server?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tr::load {

// What one thread had used up at a point of time.
struct CpuReading {
  std::uint64_t at_ns = 0;      // CLOCK_MONOTONIC
  std::uint64_t cpu_ns = 0;     // CLOCK_THREAD_CPUTIME_ID: exact
  std::uint64_t system_ns = 0;  // getrusage: where it is sampled by ticks, only the split is rough
  // Runnable and waiting for a CPU, from schedstat; absent where the kernel does not keep it.
  std::optional<std::uint64_t> runqueue_ns;
  std::uint64_t idle_ns = 0;  // polled in vain, as who reads it has counted: CPU time that is free
};

// Reads it for the calling thread, schedstat below `root` ("" is the machine's own).
CpuReading read_thread_cpu(const std::string& root);

// What one thread used between two readings, without its idle polling.
struct CpuUse {
  std::uint64_t wall_ns = 0;
  std::uint64_t user_ns = 0;
  std::uint64_t system_ns = 0;
  std::optional<std::uint64_t> runqueue_ns;

  [[nodiscard]] std::uint64_t cpu_ns() const { return user_ns + system_ns; }
};
CpuUse cpu_use(const CpuReading& from, const CpuReading& to);

// How the generator as a whole did in the window.
struct Effort {
  std::vector<CpuUse> threads;
  std::uint64_t cpus = 1;          // how many it could use at once
  std::uint64_t sent = 0;          // messages
  std::uint64_t late_by_load = 0;  // open loop: over 1 ms late although their connection was free
};

// One sentence with the figure that says so when it was the limit: it used over 95 % of the CPU
// time it could get, one of its threads never slept (over 95 % on a CPU or waiting for one), or it
// sent over 1 % of its messages late through its own fault. Empty when it was not.
std::string saturation(const Effort& effort);

}  // namespace tr::load
