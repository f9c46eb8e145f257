// What does tracing itself cost? Calibrates each probe's cost per run with the kernel's BPF
// statistics, which cost time themselves and are on for the calibration only; the runs are counted
// by the probes throughout.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capture/probes.h"
#include "snapshot/snapshot.h"
#include "util/fd.h"

namespace tr::capture {

// A probe's cost per run in ns, for a thread of the tree and for any other thread. Other threads'
// runs end early and are much cheaper, so the two are told apart: `untraced` is measured while only
// other threads run, and taken off the mixture seen under load.
struct CostPerRun {
  std::optional<double> traced;  // absent: too few runs to tell (below 50)
  std::optional<double> untraced;
};

// Time and runs of one probe over some interval.
struct CostSample {
  std::string program;
  std::uint64_t time_ns = 0;
  std::uint64_t runs = 0;   // as the kernel's statistics count them
  double traced_share = 0;  // of the runs, as the probes count them
};

// The cost per run that explains both samples; 0 where a sample has too few runs to tell (below
// 50).
[[nodiscard]] CostPerRun solve_cost(const CostSample& idle, const CostSample& loaded);

class ProbeCosts {
 public:
  explicit ProbeCosts(const Probes& probes) : probes_(probes) {}

  // Before the load begins: makes this process, which is not traced, run into the probes for a few
  // milliseconds.
  void calibrate_untraced();
  // Around a part of the warm-up, under load.
  void begin_calibration();
  void end_calibration();
  // What the trap into the kernel adds to each run of the program "uprobes", in ns: the statistics
  // are of what runs behind it.
  void set_trap_cost(double ns) { trap_ns_ = ns; }
  // At the window's edges.
  void window_opened() { at_open_ = probes_.runs(); }
  void window_closed() { at_close_ = probes_.runs(); }

  // `tree_cpu_ns`: CPU time of the traced tree in the window, for the share.
  [[nodiscard]] Overhead overhead(std::uint64_t tree_cpu_ns) const;

 private:
  struct Reading {
    std::vector<ProgramStatistics> statistics;
    std::vector<ProgramRuns> runs;
  };
  [[nodiscard]] Reading read() const { return {probes_.statistics(), probes_.runs()}; }
  [[nodiscard]] static std::vector<CostSample> samples(const Reading& before, const Reading& after);

  const Probes& probes_;
  Fd statistics_on_;  // while open, the kernel keeps statistics
  std::string failure_;
  Reading begun_;
  double trap_ns_ = 0;
  std::vector<CostSample> idle_;
  std::vector<CostSample> loaded_;
  std::vector<ProgramRuns> at_open_;
  std::vector<ProgramRuns> at_close_;
};

}  // namespace tr::capture
