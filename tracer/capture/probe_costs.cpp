#include "capture/probe_costs.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <fmt/format.h>

#include "util/clock.h"

namespace tr::capture {
namespace {

constexpr std::uint64_t kEnoughRuns = 50;

template <class T>
const T* find(const std::vector<T>& items, const std::string& program) {
  const auto it =
      std::find_if(items.begin(), items.end(), [&](const T& i) { return i.program == program; });
  return it == items.end() ? nullptr : &*it;
}

}  // namespace

CostPerRun solve_cost(const CostSample& idle, const CostSample& loaded) {
  CostPerRun cost;
  if (idle.runs >= kEnoughRuns)
    cost.untraced = static_cast<double>(idle.time_ns) / static_cast<double>(idle.runs);
  const double traced_runs = static_cast<double>(loaded.runs) * loaded.traced_share;
  const double untraced_runs = static_cast<double>(loaded.runs) - traced_runs;
  if (traced_runs >= kEnoughRuns)
    cost.traced = std::max(
        0.0, (static_cast<double>(loaded.time_ns) - untraced_runs * cost.untraced.value_or(0)) /
                 traced_runs);
  return cost;
}

void ProbeCosts::calibrate_untraced() {
  begin_calibration();
  if (!statistics_on_) return;
  for (int i = 0; i < 1000; ++i)
    (void)::syscall(SYS_getppid);
  for (int i = 0; i < 60; ++i)  // each sleep is a switch, a wake-up and a switch
    sleep_until_ns(monotonic_ns() + 1000);
  idle_ = samples(begun_, read());
  statistics_on_.reset();
}

void ProbeCosts::begin_calibration() {
  statistics_on_ = Fd(bpf_enable_stats(BPF_STATS_RUN_TIME));
  if (!statistics_on_) failure_ = fmt::format("BPF statistics: {}", std::strerror(errno));
  begun_ = read();
}

void ProbeCosts::end_calibration() {
  if (!statistics_on_) return;
  loaded_ = samples(begun_, read());
  statistics_on_.reset();
}

std::vector<CostSample> ProbeCosts::samples(const Reading& before, const Reading& after) {
  std::vector<CostSample> samples;
  for (const ProgramStatistics& end : after.statistics) {
    const ProgramStatistics* start = find(before.statistics, end.program);
    const ProgramRuns* runs_start = find(before.runs, end.program);
    const ProgramRuns* runs_end = find(after.runs, end.program);
    if (start == nullptr || runs_start == nullptr || runs_end == nullptr) continue;
    const std::uint64_t traced = runs_end->traced - runs_start->traced;
    const std::uint64_t untraced = runs_end->untraced - runs_start->untraced;
    CostSample sample{.program = end.program,
                      .time_ns = end.run_time_ns - start->run_time_ns,
                      .runs = end.run_count - start->run_count,
                      .traced_share = 0};
    if (traced + untraced > 0)
      sample.traced_share = static_cast<double>(traced) / static_cast<double>(traced + untraced);
    samples.push_back(std::move(sample));
  }
  return samples;
}

Overhead ProbeCosts::overhead(std::uint64_t tree_cpu_ns) const {
  Overhead overhead;
  if (!failure_.empty())
    overhead.calibration = "not calibrated: " + failure_;
  else if (loaded_.empty())
    overhead.calibration = "not calibrated: no warm-up under load";
  else
    overhead.calibration = "kernel BPF statistics during the warm-up";

  double total_ns = 0;
  bool all_known = true;
  for (const ProgramRuns& end : at_close_) {
    const ProgramRuns none{.program = end.program};
    const ProgramRuns* found = find(at_open_, end.program);
    const ProgramRuns& start = found != nullptr ? *found : none;
    const CostSample* loaded = find(loaded_, end.program);
    const CostSample* idle = find(idle_, end.program);
    ProgramCost cost;
    cost.program = end.program;
    cost.runs = end.traced - start.traced;
    cost.untraced_runs = end.untraced - start.untraced;
    if (loaded != nullptr)
      cost.ns_per_run = solve_cost(idle != nullptr ? *idle : CostSample{}, *loaded).traced;
    if (end.program == "uprobes" && trap_ns_ > 0)
      cost.ns_per_run = cost.ns_per_run.value_or(0) + trap_ns_;
    overhead.probe_runs += cost.runs;
    total_ns += static_cast<double>(cost.runs) * cost.ns_per_run.value_or(0);
    // A program that hardly runs cannot be calibrated, and does not matter.
    all_known = all_known && (cost.ns_per_run || cost.runs < kEnoughRuns);
    overhead.programs.push_back(std::move(cost));
  }
  if (loaded_.empty()) return overhead;
  overhead.probe_ns = static_cast<std::uint64_t>(total_ns);
  if (!all_known) overhead.calibration += "; some probes ran too seldom then, and are left out";
  if (tree_cpu_ns > 0) overhead.share_of_cpu = total_ns / static_cast<double>(tree_cpu_ns);
  return overhead;
}

}  // namespace tr::capture
