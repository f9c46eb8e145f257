// Runs as they would be of a server that was measured again and again: made up, with known truth.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "snapshot/snapshot.h"

namespace tr::compare {

// Draws that are alike with every standard library.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
  double uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) / 9007199254740992.0; }
  double normal() {
    return std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform());
  }
  // `value` times something near 1.
  std::uint64_t near(double value, double deviation) {
    return static_cast<std::uint64_t>(value * std::exp(deviation * normal()));
  }

 private:
  std::mt19937_64 engine_;
};

struct Truth {
  std::string server = "some_echo";
  std::uint64_t threads = 8;
  double messages = 200'000;  // in the window
  double user_ns = 900;       // per message, as all that follows
  double receive_ns = 1'800;
  double receives = 1;
  double send_ns = 4'000;
  double runqueue_ns = 700;
  double futex_blocked_ns = 350;
  double futexes = 0;
  double deviation = 0.01;  // of a run's figures, relative
  // Of what the machine does to all figures of a run alike.
  double common_deviation = 0.01;
};

// All of a run's counts in one thread, which lives as long as all of them together.
inline void in_one_thread(TaskCounts counts, std::uint64_t life_ns, Snapshot& run) {
  run.total = counts;
  ThreadCounts& thread = run.threads.emplace_back();
  thread.tid = thread.tgid = 7;
  thread.life_ns = life_ns;
  thread.counts = std::move(counts);
}

// A run of 2 s whose budget adds up.
inline Snapshot run_of(const Truth& truth, Draw& draw) {
  constexpr std::uint64_t kWindow = 2'000'000'000;
  Snapshot run;
  run.environment.kernel = "6.18.5";
  run.environment.cpus = "0-1";
  run.config.server = truth.server;
  run.config.argv = {truth.server};
  run.config.mode = "default";
  run.config.load = "echo";
  run.config.size = 64;
  run.config.connections = truth.threads;
  run.window_open_ns = 1'000;
  run.window_close_ns = 1'000 + kWindow;

  const double machine = std::exp(truth.common_deviation * draw.normal());
  const std::uint64_t messages = draw.near(truth.messages / machine, truth.deviation);
  const auto n = static_cast<double>(messages);
  const auto spend = [&](double each) { return draw.near(each * n * machine, truth.deviation); };
  run.load.emplace();
  run.load->connections = truth.threads;
  run.load->messages = messages;
  run.load->fairness_p5 = run.load->fairness_jain = 1;
  for (int i = 0; i < 100; ++i)
    run.load->latency.record(draw.near(40'000 * machine, 0.2), messages / 100);

  TaskCounts counts;
  counts.served_bytes = 64 * messages;
  counts.served_messages = counts.received_messages = counts.sent_messages = messages;
  counts.received_bytes = counts.sent_bytes = 64 * messages;
  const auto add_call = [&](const char* name, double calls, double each_ns) {
    if (calls == 0 && each_ns == 0) return;
    SyscallStats& call = counts.syscalls.emplace_back();
    call.name = name;
    // What is under way at the edges makes counts differ in their last digits.
    call.calls = static_cast<std::uint64_t>(calls * n) + draw.below(8);
    call.cpu_ns = spend(each_ns);
    counts.system_ns += *call.cpu_ns;
  };
  add_call("close", 0.00001, 0.02);
  if (truth.futexes > 0) add_call("futex", truth.futexes, 300);
  add_call("recvfrom", truth.receives, truth.receive_ns);
  add_call("sendto", 1, truth.send_ns);
  counts.user_ns = spend(truth.user_ns);
  counts.runqueue_ns = spend(truth.runqueue_ns);
  Budget& budget = counts.budget.emplace();
  budget.delivery_ns = spend(1'500);
  budget.interrupt_ns = spend(90);
  counts.system_ns += budget.delivery_ns + budget.interrupt_ns;
  budget.preempted_ns = counts.runqueue_ns / 5;
  budget.woken_ns = counts.runqueue_ns - budget.preempted_ns;
  const std::uint64_t life = truth.threads * kWindow;
  counts.blocked_ns = life - counts.user_ns - counts.system_ns - counts.runqueue_ns;
  budget.waking_ns = spend(60);
  const std::uint64_t futex_ns = spend(truth.futex_blocked_ns);
  budget.waits = {
      {"futex", "", "server", messages / 10, futex_ns},
      {"recvfrom", "client", "load", messages, counts.blocked_ns - budget.waking_ns - futex_ns}};
  counts.voluntary_switches = messages + messages / 10;
  counts.involuntary_switches = draw.near(n / 50, 0.1);
  counts.migrations = draw.below(5) == 0 ? 1 : 0;  // in most runs none
  counts.wakeups = counts.voluntary_switches;
  in_one_thread(std::move(counts), life, run);
  return run;
}

inline std::vector<Snapshot> runs_of(const Truth& truth, std::size_t count, Draw& draw) {
  std::vector<Snapshot> runs;
  for (std::size_t i = 0; i < count; ++i)
    runs.push_back(run_of(truth, draw));
  return runs;
}

}  // namespace tr::compare
