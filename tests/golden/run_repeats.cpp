// Runs as of --repeat, made from the recorded ones.
#include <algorithm>
#include <utility>

#include "runs.h"

namespace tr::golden {
namespace {

Snapshot run_named(const std::string& name) {
  for (NamedRun& run : recorded_runs())
    if (run.name == name) return std::move(run.snapshot);
  return {};
}

void scale(std::uint64_t& count, double by) {
  count = static_cast<std::uint64_t>(static_cast<double>(count) * by);
}

// The same server, that much faster, and dearer by as much as it is slower.
Snapshot scaled(Snapshot run, double by) {
  scale(run.load->messages, by);
  for (std::uint64_t& answers : run.load->bins->answers)
    scale(answers, by);
  scale(run.total.served_bytes, by);
  run.total.served_bytes = 64 * run.load->messages;
  scale(run.total.system_ns, 2 - by);
  return run;
}

std::vector<Snapshot> thread_echo_runs() {
  const Snapshot first = run_named("thread_echo");
  std::vector<Snapshot> runs;
  for (const double by : {1.0, 1.004, 0.993, 0.91, 1.001})
    runs.push_back(scaled(first, by));
  runs[1].load->fairness_jain = 0.83;
  runs[2].total.syscalls.erase(
      std::ranges::find(runs[2].total.syscalls, "madvise", &SyscallStats::name));
  runs[3].steal = Steal{.ns = 1'700'000'000, .cpus = 2};
  return runs;
}

std::vector<Snapshot> unfit_runs() {
  std::vector<Snapshot> runs(2, run_named("thread_echo"));
  runs[0].steal = Steal{.ns = 2'000'000'000, .cpus = 2};
  runs[1].lost = {{"no room for counts", 1'204}};
  return runs;
}

std::vector<Snapshot> program_runs() {
  std::vector<Snapshot> runs(3, run_named("program"));
  runs[1].window_close_ns += 2'000'000;
  runs[2].total.syscalls.front().calls += 3;
  return runs;
}

}  // namespace

std::vector<NamedRepeats> recorded_repeats() {
  std::vector<Snapshot> failed = unfit_runs();
  return {{"repeats", 5, thread_echo_runs(), {}},
          {"repeats_one", 3, {run_named("thread_echo")}, {}},
          {"repeats_unfit", 2, std::move(failed), {"", "cannot load the server with wrk"}},
          {"repeats_program", 3, program_runs(), {}}};
}

}  // namespace tr::golden
