#include "commands/measure/measure_sweep.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "commands/measure/repeat.h"
#include "metrics/verdict.h"
#include "util/clock.h"

namespace tr::commands {
namespace {

using sweep::RunId;

// How long a run takes about: starting and ending take longer with many connections.
double expected_s(const Plan& plan) {
  return static_cast<double>(plan.load.duration_ns + plan.load.warmup_ns) / 1e9 + 0.8 +
         static_cast<double>(plan.load.connections) / 2500;
}

// "about 3 min" and the like.
std::string left_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", std::max(1.0, seconds));
  if (seconds < 90 * 60) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

class Sweeper {
 public:
  Sweeper(const sweep::Folder& folder, std::span<const Plan> plans, Progress& progress)
      : folder_(folder), progress_(progress), plans_(plans.begin(), plans.end()) {
    for (Plan& plan : plans_)
      plan.append_output = true;
    const sweep::Manifest& manifest = folder_.manifest();
    given_up_.resize(manifest.cells.size());
    for (std::uint64_t repeat = 1; repeat <= manifest.repeats; ++repeat)
      for (const std::size_t cell :
           sweep::order_of_repeat(manifest.cells.size(), repeat, manifest.order_seed))
        if (manifest.cells[cell].skipped.empty() && !folder_.has({cell, repeat}))
          todo_.push_back({cell, repeat});
  }

  SweepEnd run() {
    begin_ns_ = monotonic_ns();
    for (std::size_t next = 0; next < todo_.size() && !over(); ++next) {
      if (given_up_[todo_[next].cell]) continue;
      lead(next);
      make(todo_[next]);
      expected_done_s_ += expected_s(plans_[todo_[next].cell]);
    }
    progress_.lead("");
    progress_.clear();
    return std::move(end_);
  }

 private:
  [[nodiscard]] bool over() const { return end_.stopped || end_.failure; }

  void lead(std::size_t next) {
    double left_s = 0;
    for (std::size_t i = next; i < todo_.size(); ++i)
      if (!given_up_[todo_[i].cell]) left_s += expected_s(plans_[todo_[i].cell]);
    if (expected_done_s_ > 0)
      left_s *= static_cast<double>(monotonic_ns() - begin_ns_) / 1e9 / expected_done_s_;
    const sweep::Cell& cell = folder_.manifest().cells[todo_[next].cell].cell;
    const std::string what =
        cell.name.empty() ? fmt::format("{}, {} connections{}", cell.server, cell.connections,
                                        cell.pin.empty() ? "" : ", CPUs " + cell.pin)
                          : cell.name;
    progress_.lead(fmt::format("run {} of {}, about {} left: {}: ", next + 1, todo_.size(),
                               left_text(left_s), what));
  }

  void make(RunId id) {
    for (const bool last : {false, true}) {
      auto run = measure(plans_[id.cell], progress_, FirstInterrupt::kFinishRun);
      if (!run && run.error().interrupted) {
        end_.stopped = true;
        return;
      }
      const bool stop = (run && run->stop_asked) || stop_waits();
      end_.stopped = stop && (id.cell != todo_.back().cell || id.repeat != todo_.back().repeat);
      if (!run && run.error().failure != Failure::kRun) {
        // What is wrong before anything runs is wrong with every further one.
        end_.failure = std::move(run).error();
        return;
      }
      if (run && run->snapshot.interrupted) {  // no whole run
        end_.stopped = true;
        return;
      }
      const bool failed = !run || run->failure;
      if (!failed && (last || metrics::judge(run->snapshot).fit())) {
        ++end_.made;
        if (Status kept = folder_.keep(id, run->snapshot); !kept)
          end_.failure = std::move(kept).error();
        return;
      }
      if (failed && last) {
        given_up_[id.cell] = true;
        const Error& why = run ? *run->failure : run.error();
        if (Status noted = folder_.note_failure(id, why.text()); !noted)
          end_.failure = std::move(noted).error();
        return;
      }
      if (stop) {  // its second attempt is made when the sweep goes on
        end_.stopped = true;
        return;
      }
    }
  }

  const sweep::Folder& folder_;
  Progress& progress_;
  std::vector<Plan> plans_;
  std::vector<RunId> todo_;
  std::vector<bool> given_up_;
  std::uint64_t begin_ns_ = 0;
  double expected_done_s_ = 0;
  SweepEnd end_;
};

}  // namespace

SweepEnd measure_sweep(const sweep::Folder& folder, std::span<const Plan> plans,
                       Progress& progress) {
  return Sweeper(folder, plans, progress).run();
}

}  // namespace tr::commands
