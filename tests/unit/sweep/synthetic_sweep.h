// Runs of a sweep as they would be: made up, with known truth.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../compare/synthetic_runs.h"
#include "snapshot/snapshot.h"
#include "sweep/grid.h"

namespace tr::sweep {

// A run of 2 s whose budget adds up, with so many answers.
inline Snapshot run_of(const Cell& cell, std::uint64_t messages) {
  constexpr std::uint64_t kLength = 2'000'000'000;
  Snapshot run;
  run.environment.tool_version = "0.1.0";
  run.environment.date = "2026-05-04T10:00:00Z";
  run.environment.kernel = "6.18.5";
  run.environment.architecture = "x86_64";
  run.environment.cpus = "0-1";
  run.config.server = cell.server;
  run.config.argv = {cell.server};
  run.config.mode = "default";
  run.config.load = "echo";
  run.config.pin = cell.pin;
  run.config.size = cell.size;
  run.config.connections = cell.connections;
  run.config.pipeline = cell.pipeline;
  run.config.duration_s = 2;
  run.window_open_ns = 1'000;
  run.window_close_ns = 1'000 + kLength;

  run.load.emplace();
  run.load->connections = cell.connections;
  run.load->messages = messages;
  run.load->fairness_p5 = run.load->fairness_p50 = run.load->fairness_p95 = 1;
  run.load->fairness_jain = 0.998;
  run.load->latency.record(40'000, messages - messages / 50);
  run.load->latency.record(900'000, messages / 50);

  TaskCounts counts;
  counts.served_bytes = cell.size * messages;
  counts.served_messages = counts.received_messages = counts.sent_messages = messages;
  counts.received_bytes = counts.sent_bytes = cell.size * messages;
  const auto add_call = [&](const char* name, std::uint64_t each_ns) {
    SyscallStats& call = counts.syscalls.emplace_back();
    call.name = name;
    call.calls = messages;
    call.cpu_ns = each_ns * messages;
    counts.system_ns += *call.cpu_ns;
  };
  add_call("recvfrom", 1'200);
  add_call("sendto", 3'100);
  counts.user_ns = 700 * messages;
  counts.runqueue_ns = 300 * messages;
  Budget& budget = counts.budget.emplace();
  budget.delivery_ns = 1'500 * messages;
  counts.system_ns += budget.delivery_ns;
  budget.woken_ns = counts.runqueue_ns;
  const std::uint64_t life = 8 * kLength;
  counts.blocked_ns = life - counts.user_ns - counts.system_ns - counts.runqueue_ns;
  budget.waits = {{"recvfrom", "client", "load", messages, counts.blocked_ns}};
  counts.voluntary_switches = counts.wakeups = messages;
  compare::in_one_thread(std::move(counts), life, run);
  return run;
}

// Runs with these numbers of answers.
inline std::vector<Snapshot> runs_of(const Cell& cell, const std::vector<std::uint64_t>& messages) {
  std::vector<Snapshot> runs;
  for (const std::uint64_t count : messages)
    runs.push_back(run_of(cell, count));
  return runs;
}

}  // namespace tr::sweep
