#include <algorithm>
#include <functional>
#include <string_view>

#include <fmt/format.h>

#include "report/names.h"
#include "report/sections.h"
#include "report/units.h"

namespace tr::report {
namespace {

using metrics::TimeBudget;
using metrics::TimeRow;
using metrics::TimeState;

// System calls and waits with a row of their own; the others share one.
constexpr std::size_t kNamed = 5;
// Parts of the CPU time smaller than this have no row of their own, unless everything is asked for.
constexpr double kWorthNaming = 0.002;

std::string name_of(const TimeRow& row) {
  return row.call.empty() && row.wakers.empty() ? "unknown" : wait_name(row.call, row.object);
}

// "woken by the load 98 %, a timer 2 %"
std::string wakers_text(const TimeRow& row) {
  std::vector<std::string> parts;
  for (const Wait& wait : row.wakers)
    if (wait.count * 100 >= row.times || row.wakers.size() == 1)
      parts.push_back(
          fmt::format("{} {}", waker_name(wait.waker),
                      percent_text(static_cast<double>(wait.count) /
                                   static_cast<double>(std::max<std::uint64_t>(row.times, 1)))));
  return parts.empty() ? "" : "woken by " + joined(parts);
}

class BudgetTable {
 public:
  BudgetTable(const JudgedRun& run, const Detail& detail)
      : run_(run),
        budget_(*run.metrics.budget),
        detail_(detail),
        divisor_(static_cast<double>(run.metrics.messages.count.value_or(1))),
        per_message_(run.metrics.messages.count.has_value()) {
    table_.columns = {{"", Column::Align::kLeft},
                      {per_message_ ? "per message" : "in total", Column::Align::kPoint},
                      {"times", Column::Align::kPoint},
                      {"", Column::Align::kLeft}};
    for (const TimeState state :
         {TimeState::kUser, TimeState::kSystem, TimeState::kDelivery, TimeState::kInterrupt})
      cpu_ns_ += budget_.sum(state);
  }

  Table build() {
    put(0, "on a CPU", cpu_ns_, {}, "");
    put_part("user code", TimeState::kUser, "the program's own");
    put_list(TimeState::kSystem, "other system calls", [](const TimeRow& row) {
      return row.call.empty() ? std::string("calls not told apart") : printable(row.call);
    });
    const bool softirqs = run_.measured(Figures::kSoftirqs);
    if (softirqs)
      put_part("delivery", TimeState::kDelivery,
               "its own packets' way to the receiver, inside its calls (softirq NET_RX)");
    put_part("interrupts", TimeState::kInterrupt,
             softirqs ? "and the softirqs that follow them" : "without softirqs");
    if (run_.measured(Figures::kWakers))
      put(0, "waking up", budget_.sum(TimeState::kWaking), {},
          "from who wakes it to the run queue");
    put(0, "run queue", budget_.sum(TimeState::kWoken) + budget_.sum(TimeState::kPreempted), {},
        "ready to run, waiting for a CPU");
    put(1, "after a wake-up", budget_.sum(TimeState::kWoken), {}, "");
    put(1, "after preemption", budget_.sum(TimeState::kPreempted), {},
        "another thread got the CPU");
    put_waits("blocked", TimeState::kBlocked, "asleep in the middle of work");
    put_waits("idle", TimeState::kIdle, "asleep, waiting for work, with none pending there");
    put(0, "all threads' time", budget_.life_ns, {}, "");
    return std::move(table_);
  }

 private:
  // Times of one kind are in the unit of the largest.
  void put(unsigned depth, std::string name, std::uint64_t ns, std::optional<std::uint64_t> times,
           std::string meaning, std::uint64_t like_ns = 0) {
    const double each = static_cast<double>(ns) / divisor_;
    const double like = static_cast<double>(std::max(ns, like_ns)) / divisor_;
    std::string count;
    if (times)
      count =
          per_message_ ? number_text(static_cast<double>(*times) / divisor_) : count_text(*times);
    table_.rows.push_back(
        {{std::move(name), duration_text(each, like), std::move(count), std::move(meaning)},
         depth});
  }

  [[nodiscard]] bool is_worth_naming(std::uint64_t ns) const {
    return detail_.full || static_cast<double>(ns) >= kWorthNaming * static_cast<double>(cpu_ns_);
  }

  void put_part(std::string name, TimeState state, std::string meaning) {
    put(1, std::move(name), budget_.sum(state), {}, std::move(meaning), cpu_ns_);
  }

  // The longest rows of a state, the rest in one.
  void put_list(TimeState state, std::string others,
                const std::function<std::string(const TimeRow&)>& name) {
    std::size_t named = 0;
    std::uint64_t rest_ns = 0, rest_times = 0;
    std::size_t rest = 0;
    const bool waits = state == TimeState::kBlocked || state == TimeState::kIdle;
    const auto times_of = [waits](std::uint64_t times) {
      return waits ? std::optional(times) : std::nullopt;
    };
    for (const TimeRow& row : budget_.rows) {
      if (row.state != state) continue;
      if (detail_.full || (named < kNamed && (waits || is_worth_naming(row.ns)))) {
        put(1, name(row), row.ns, times_of(row.times),
            run_.measured(Figures::kWakers) ? wakers_text(row) : "", waits ? 0 : cpu_ns_);
        ++named;
      } else {
        rest_ns += row.ns;
        rest_times += row.times;
        ++rest;
      }
    }
    if (rest > 0)
      put(1, std::move(others), rest_ns, times_of(rest_times), fmt::format("{} of them", rest),
          waits ? 0 : cpu_ns_);
  }

  void put_waits(const char* name, TimeState state, const char* meaning) {
    std::uint64_t times = 0;
    for (const TimeRow& row : budget_.rows)
      if (row.state == state) times += row.times;
    put(0, name, budget_.sum(state), times, meaning);
    put_list(state, "other waits", name_of);
  }

  const JudgedRun& run_;
  const TimeBudget& budget_;
  const Detail& detail_;
  double divisor_;
  bool per_message_;
  std::uint64_t cpu_ns_ = 0;
  Table table_;
};

std::string cpus_text(const CpuTime& cpus, std::uint64_t window_ns) {
  const std::uint64_t all = cpus.server_ns + cpus.load_ns + cpus.other_ns + cpus.kernel_ns +
                            cpus.idle_ns + cpus.unknown_ns;
  std::vector<std::string> parts;
  const auto put = [&](const char* who, std::uint64_t ns) {
    if (ns > 0)
      parts.push_back(fmt::format(
          "{} {}", who, percent_text(static_cast<double>(ns) / static_cast<double>(all))));
  };
  put("the program", cpus.server_ns);
  put("the load", cpus.load_ns);
  put("other programs", cpus.other_ns);
  put("the kernel's threads", cpus.kernel_ns);
  put("idle", cpus.idle_ns);
  put("not seen", cpus.unknown_ns);
  return fmt::format("{} {} for {}: {}.", cpus.cpus, cpus.cpus == 1 ? "CPU" : "CPUs",
                     duration_text(static_cast<double>(window_ns)), joined(parts));
}

}  // namespace

std::optional<Section> budget_section(const JudgedRun& run, const Detail& detail) {
  if (!run.metrics.budget) return std::nullopt;
  const TimeBudget& budget = *run.metrics.budget;
  Section section;
  section.title =
      run.metrics.messages.count ? "Where a message's time goes" : "Where the time goes";
  section.table = BudgetTable(run, detail).build();
  section.remarks.push_back(
      budget.residual_ns == 0
          ? "To the nanosecond: each thread is in one of these states all its life."
          : fmt::format("THIS DOES NOT ADD UP: {} ns are in no state, or in two. That is a bug.",
                        count_text(budget.residual_ns)));
  if (budget.cpus && budget.cpus->cpus > 0)
    section.remarks.push_back(cpus_text(*budget.cpus, run.snapshot.window_ns()));
  return section;
}

}  // namespace tr::report
