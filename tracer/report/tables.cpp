#include <algorithm>

#include <fmt/format.h>

#include "report/names.h"
#include "report/sections.h"
#include "report/units.h"

namespace tr::report {
namespace {

using metrics::CrossCheck;
using metrics::SyscallRow;
using metrics::ThreadRow;
using Align = Column::Align;

std::string time_text(std::uint64_t ns) {
  return duration_text(static_cast<double>(ns));
}

std::string per_unit(const SyscallRow& row) {
  return number_text(row.per_message ? *row.per_message : row.per_second.value_or(0));
}

std::string percentile(const std::optional<std::uint64_t>& ns) {
  return ns ? time_text(*ns) : "";
}

// Calls that are cut at an edge: without this remark a call that blocks for the whole window looks
// like an error.
std::optional<std::string> edges_remark(const JudgedRun& run) {
  std::uint64_t carried_in = 0;
  std::uint64_t in_flight = 0;
  for (const SyscallRow& row : run.metrics.syscalls)
    if (row.results) {
      carried_in += row.results->carried_in;
      in_flight += row.results->in_flight;
    }
  if (carried_in + in_flight == 0) return std::nullopt;
  return fmt::format(
      "Of calls under way when the window opened ({}) or closed ({}) the part inside it counts.",
      count_text(carried_in), count_text(in_flight));
}

// Whether the event counts once more what the probes count: that is shown already, or compared.
bool is_cross_check(const JudgedRun& run, const metrics::PerfRow& row) {
  return std::any_of(run.metrics.cross_checks.begin(), run.metrics.cross_checks.end(),
                     [&](const CrossCheck& check) { return check.event == row.count.event; });
}

}  // namespace

std::optional<Section> perf_section(const JudgedRun& run, const Detail& detail) {
  const bool per_message = run.metrics.messages.count.has_value();
  Table table{{{"", Align::kLeft},
               {"count", Align::kPoint},
               {per_message ? "per message" : "per second", Align::kPoint},
               {"time counted", Align::kPoint}},
              {}};
  for (const metrics::PerfRow& row : run.metrics.perf) {
    if (!row.count.unsupported.empty()) continue;
    if (!detail.full && is_cross_check(run, row)) continue;
    const auto& average = per_message ? row.per_message : row.per_second;
    // perf's clocks count nanoseconds.
    const bool time = row.count.event == "task-clock" || row.count.event == "cpu-clock";
    const auto text = [time](double value) {
      return time ? duration_text(value) : number_text(value);
    };
    table.rows.push_back({{printable(row.count.event),
                           time ? time_text(row.count.value) : count_text(row.count.value),
                           average ? text(*average) : "",
                           row.running_share ? percent_text(*row.running_share) : "never"}});
  }
  if (table.rows.empty()) return std::nullopt;
  return Section{"Perf events", {}, std::move(table), {}};
}

Section syscall_section(const JudgedRun& run, const Detail& detail) {
  const bool results = run.measured(Figures::kSyscallResults);
  Table table{{{"", Align::kLeft},
               {"calls", Align::kPoint},
               {run.metrics.messages.count ? "per message" : "per second", Align::kPoint}},
              {}};
  if (results) {
    for (const char* heading : {"total time", "p50", "p99", "errors"})
      table.columns.push_back({heading, Align::kPoint});
    if (detail.full) {
      table.columns.push_back({"carried in", Align::kPoint});
      table.columns.push_back({"in flight", Align::kPoint});
    }
    table.columns.push_back({"", Align::kLeft});
  }
  for (const SyscallRow& row :
       metrics::sorted(run.metrics.syscalls, metrics::SyscallOrder::kByTime)) {
    std::vector<std::string> cells{printable(row.name), count_text(row.calls), per_unit(row)};
    if (row.results) {
      const metrics::SyscallResults& result = *row.results;
      cells.push_back(time_text(result.total_ns));
      cells.push_back(percentile(result.p50_ns));
      cells.push_back(percentile(result.p99_ns));
      cells.push_back(result.errors == 0 ? "" : count_text(result.errors));
      if (detail.full) {
        cells.push_back(count_text(result.carried_in));
        cells.push_back(count_text(result.in_flight));
      }
      cells.push_back(errors_text(result.errors_by_errno));
    }
    table.rows.push_back({std::move(cells)});
  }
  Section section{"System calls", {}, std::move(table), {}};
  if (results) {
    section.remarks.emplace_back(
        "Time is wall time inside the call, sleep included; p50 and p99 are within 6.25 %.");
    if (auto remark = edges_remark(run)) section.remarks.push_back(*std::move(remark));
  }
  if (auto remark = uring_remark(run)) section.remarks.push_back(*std::move(remark));
  return section;
}

Section thread_section(const JudgedRun& run, const Detail& detail) {
  const std::vector<ThreadRow>& threads = run.metrics.threads;
  const bool scheduling = run.measured(Figures::kScheduling);
  const bool many_processes = run.metrics.processes > 1;
  Table table{{{"", Align::kLeft}}, {}};
  if (many_processes) table.columns.push_back({"pid", Align::kPoint});
  table.columns.push_back({"tid", Align::kPoint});
  const bool run_queue = scheduling && run.measured(Figures::kWakeups);
  const bool migrations = scheduling && run.measured(Figures::kMigrations);
  const auto put_column = [&](bool wanted, const char* heading) {
    if (wanted) table.columns.push_back({heading, Align::kPoint});
  };
  put_column(scheduling, "CPU time");
  put_column(run_queue, "run queue");
  put_column(scheduling, "switches");
  put_column(scheduling, "involuntary");
  put_column(migrations, "migrations");
  table.columns.push_back({"syscalls", Align::kPoint});

  const auto put = [&](std::string name, std::string process, std::string thread,
                       const ThreadRow& row) {
    std::vector<std::string> cells{std::move(name)};
    if (many_processes) cells.push_back(std::move(process));
    cells.push_back(std::move(thread));
    if (scheduling) cells.push_back(time_text(row.cpu_ns()));
    if (run_queue) cells.push_back(time_text(row.runqueue_ns));
    if (scheduling) {
      cells.push_back(count_text(row.voluntary_switches + row.involuntary_switches));
      cells.push_back(count_text(row.involuntary_switches));
    }
    if (migrations) cells.push_back(count_text(row.migrations));
    cells.push_back(count_text(row.syscalls));
    table.rows.push_back({std::move(cells)});
  };

  const std::size_t shown = std::min(threads.size(), detail.max_threads);
  for (std::size_t i = 0; i < shown; ++i)
    put(printable(threads[i].comm) + (threads[i].exited ? " (ended)" : ""),
        std::to_string(threads[i].tgid), std::to_string(threads[i].tid), threads[i]);
  const std::uint64_t others = threads.size() - shown + run.metrics.folded_threads;
  if (others > 0)
    put(fmt::format("{} others", count_text(others)), "", "",
        metrics::sum_of_rest(run.metrics, shown));
  Section section{"Threads", {}, std::move(table), {}};
  if (scheduling)
    section.remarks.emplace_back(
        "Most CPU time first; the involuntary switches are among the switches.");
  return section;
}

// "context-switches, by perf"
std::string cross_check_name(const CrossCheck& check) {
  switch (check.witness) {
    case CrossCheck::Witness::kPerf:
      break;
    case CrossCheck::Witness::kSchedstat:
      return check.quantity == CrossCheck::Quantity::kCpuTime ? "CPU time, by schedstat"
                                                              : "run queue, by schedstat";
    case CrossCheck::Witness::kLoad:
      return "messages, by the load";
  }
  return printable(check.event) + ", by perf";
}

Section cross_check_section(const JudgedRun& run) {
  Section section{"Cross-check", {}, std::nullopt, {}};
  if (run.metrics.cross_checks.empty()) {
    section.remarks.emplace_back("Nothing to compare: nobody else counted what the probes count.");
    return section;
  }
  Table table{{{"", Align::kLeft},
               {"by the probes", Align::kPoint},
               {"by the other", Align::kPoint},
               {"difference", Align::kPoint},
               {"share", Align::kPoint}},
              {}};
  for (const CrossCheck& check : run.metrics.cross_checks) {
    const auto text = [time = check.is_time()](std::uint64_t value) {
      return time ? time_text(value) : count_text(value);
    };
    const bool more = check.difference > 0;
    const std::uint64_t apart = more ? check.other - check.probes : check.probes - check.other;
    table.rows.push_back({{cross_check_name(check), text(check.probes), text(check.other),
                           (apart == 0 ? ""
                            : more     ? "+"
                                       : "-") +
                               text(apart),
                           check.share ? percent_text(*check.share) : ""}});
  }
  section.table = std::move(table);
  section.remarks.emplace_back(
      "Each counted twice, by the eBPF probes and by somebody else, independently.");
  if (std::ranges::any_of(run.metrics.cross_checks, [](const CrossCheck& check) {
        return check.witness == CrossCheck::Witness::kSchedstat;
      }))
    section.remarks.emplace_back(
        "schedstat is of the threads alive at the end, read a moment after the window's edges."
        " Where a woken thread preempts another, the kernel counts the way from wake-up to switch"
        " as CPU time, the probes as run queue: the sum of the two is the same.");
  return section;
}

}  // namespace tr::report
