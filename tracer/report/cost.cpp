#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "report/names.h"
#include "report/sections.h"
#include "report/units.h"

namespace tr::report {
namespace {

using metrics::Costs;
using metrics::SyscallRow;

// Smaller averages are not shown one by one.
constexpr double kWorthNaming = 0.001;
// System calls with a row of their own; the others share one.
constexpr std::size_t kSyscallRows = 8;

// The table's columns, left to right: per message, or for a program without messages in total and
// per second.
struct Units {
  std::vector<std::pair<std::string, const Costs*>> columns;
};

Units units_of(const metrics::Metrics& metrics, const Detail& detail) {
  Units units;
  if (metrics.per_message) {
    units.columns.emplace_back("per message", &*metrics.per_message);
    if (detail.full) units.columns.emplace_back("in total", &metrics.total);
    return units;
  }
  units.columns.emplace_back("in total", &metrics.total);
  if (metrics.per_second) units.columns.emplace_back("per second", &*metrics.per_second);
  return units;
}

class CostTable {
 public:
  CostTable(const JudgedRun& run, const Detail& detail)
      : run_(run), units_(units_of(run.metrics, detail)) {
    table_.columns.push_back({"", Column::Align::kLeft});
    for (const auto& [heading, costs] : units_.columns)
      table_.columns.push_back({heading, Column::Align::kPoint});
    table_.columns.push_back({"", Column::Align::kLeft});
  }

  Table build() {
    put_times();
    put_scheduling();
    put_sockets();
    put_syscalls();
    return std::move(table_);
  }

 private:
  using Figure = std::optional<double> Costs::*;
  // Writes a figure of these costs.
  using Writer = std::function<std::string(double, const Costs&)>;

  void put(unsigned depth, std::string name, Figure figure, const Writer& text,
           std::string meaning = {}) {
    if (!(units_.columns.front().second->*figure)) return;
    Row row{{std::move(name)}, depth};
    for (const auto& [heading, costs] : units_.columns)
      row.cells.push_back(text((costs->*figure).value_or(0), *costs));
    row.cells.push_back(std::move(meaning));
    table_.rows.push_back(std::move(row));
  }

  void put_times() {
    const auto time = [](double ns, const Costs&) { return duration_text(ns); };
    const auto part = [](double ns, const Costs& costs) {
      return duration_text(ns, costs.cpu_ns.value_or(0));
    };
    put(0, "CPU time", &Costs::cpu_ns, time, "running on a CPU");
    put(1, "user", &Costs::user_ns, part,
        share_of_cpu(&Costs::user_ns) + "outside system calls: the program's own code");
    put(1, "system", &Costs::system_ns, part,
        share_of_cpu(&Costs::system_ns) + "inside system calls: the kernel, working for it");
    // In the same unit where that keeps its digits.
    const auto shorter_alike = [](double ns, const Costs& costs) {
      return duration_text(ns, std::max(ns, costs.cpu_ns.value_or(0)));
    };
    put(0, "run queue", &Costs::runqueue_ns, shorter_alike, "ready to run, waiting for a CPU");
  }

  [[nodiscard]] std::string share_of_cpu(Figure figure) const {
    const Costs& total = run_.metrics.total;
    if (total.cpu_ns.value_or(0) == 0) return {};
    return percent_text((total.*figure).value_or(0) / *total.cpu_ns) + ", ";
  }

  // Totals are whole numbers, averages are not.
  [[nodiscard]] std::string counted(double number, const Costs& costs) const {
    return &costs == &run_.metrics.total ? whole_text(number) : number_text(number);
  }
  [[nodiscard]] Writer count() const {
    return [this](double number, const Costs& costs) { return counted(number, costs); };
  }

  void put_scheduling() {
    put(0, "context switches", &Costs::context_switches, count(), "a thread stopped running");
    put(1, "voluntary", &Costs::voluntary_switches, count(),
        "went to sleep, to wait for data, a lock or a timer");
    put(1, "involuntary", &Costs::involuntary_switches, count(),
        "could have gone on, but another thread got the CPU");
    put(0, "migrations", &Costs::migrations, count(), "continued on a different CPU");
  }

  void put_sockets() {
    const Costs& total = run_.metrics.total;
    const bool used = total.receives.value_or(0) + total.sends.value_or(0) > 0;
    if (!used && run_.snapshot.config.load == "none") return;
    const auto each = [](const std::optional<double>& bytes, const std::optional<double>& times) {
      return bytes && times && *times > 0
                 ? fmt::format("of data, {} each on average", bytes_text(*bytes / *times))
                 : std::string();
    };
    put(0, "socket receives", &Costs::receives, count(),
        each(total.received_bytes, total.receives));
    put(0, "socket sends", &Costs::sends, count(), each(total.sent_bytes, total.sends));
  }

  void put_syscalls() {
    put_counts(
        0, "system calls", [](const Costs& costs) { return costs.syscalls; },
        "requests to the kernel");
    std::vector<SyscallRow> rows =
        metrics::sorted(run_.metrics.syscalls, metrics::SyscallOrder::kByCalls);
    std::vector<SyscallRow> others;
    std::size_t shown = 0;
    bool futex_shown = false;
    for (SyscallRow& row : rows) {
      if (row.calls == 0) continue;  // parked over the whole window
      const bool futex = row.name == "futex";
      if (shown < kSyscallRows && (worth_naming(row) || futex)) {
        put(row);
        ++shown;
        futex_shown = futex_shown || futex;
      } else if (!futex) {
        others.push_back(std::move(row));
      } else {
        put(row);
        futex_shown = true;
      }
    }
    // How much a server locks is asked first: the answer "not at all" is worth a line.
    if (!futex_shown)
      put_counts(
          1, "futex", [](const Costs&) { return 0.0; }, std::string(syscall_meaning("futex")));
    put_others(others);
  }

  [[nodiscard]] bool worth_naming(const SyscallRow& row) const {
    return !row.per_message || *row.per_message >= kWorthNaming;
  }

  // A figure that is a number in any unit.
  void put_counts(unsigned depth, std::string name,
                  const std::function<double(const Costs&)>& figure, std::string meaning) {
    Row row{{std::move(name)}, depth};
    for (const auto& [heading, costs] : units_.columns)
      row.cells.push_back(counted(figure(*costs), *costs));
    row.cells.push_back(std::move(meaning));
    table_.rows.push_back(std::move(row));
  }

  // The share of `calls` in all calls, in each unit.
  void put_calls(std::string name, std::uint64_t calls, std::string meaning) {
    const double all = run_.metrics.total.syscalls;
    const double share = all > 0 ? static_cast<double>(calls) / all : 0;
    put_counts(
        1, std::move(name),
        [&](const Costs& costs) {
          return &costs == &run_.metrics.total ? static_cast<double>(calls)
                                               : costs.syscalls * share;
        },
        std::move(meaning));
  }

  void put(const SyscallRow& row) {
    std::string meaning(syscall_meaning(row.name));
    if (row.name == "futex" && !run_.snapshot.total.futex.empty())
      meaning += fmt::format(" ({})", futex_operations());
    put_calls(printable(row.name), row.calls, std::move(meaning));
  }

  // "WAIT 12 %, WAKE 88 %"
  [[nodiscard]] std::string futex_operations() const {
    std::uint64_t all = 0;
    for (const auto& [operation, calls] : run_.snapshot.total.futex)
      all += calls;
    std::string text;
    for (const auto& [operation, calls] : run_.snapshot.total.futex) {
      if (!text.empty()) text += ", ";
      text += fmt::format(
          "{} {}", printable(operation),
          percent_text(all == 0 ? 0 : static_cast<double>(calls) / static_cast<double>(all)));
    }
    return text;
  }

  void put_others(const std::vector<SyscallRow>& others) {
    if (others.empty()) return;
    std::uint64_t calls = 0;
    std::vector<std::string> named;
    std::vector<std::string> small;
    for (const SyscallRow& row : others) {
      calls += row.calls;
      const std::string name = printable(row.name);
      if (!worth_naming(row))
        small.push_back(name);
      else
        named.push_back(
            fmt::format("{} {}", name,
                        row.per_message ? number_text(*row.per_message) : count_text(row.calls)));
    }
    if (!small.empty()) named.push_back("rarely: " + shortened(small));
    put_calls("others", calls, fmt::format("{}", fmt::join(named, ", ")));
  }

  // The first few names, and how many there are besides.
  static std::string shortened(std::vector<std::string> names) {
    constexpr std::size_t kNames = 8;
    if (names.size() <= kNames) return fmt::format("{}", fmt::join(names, ", "));
    const std::size_t more = names.size() - kNames;
    names.resize(kNames);
    return fmt::format("{} and {} more", fmt::join(names, ", "), more);
  }

  const JudgedRun& run_;
  Units units_;
  Table table_;
};

}  // namespace

Section cost_section(const JudgedRun& run, const Detail& detail) {
  Section section;
  section.title = run.metrics.per_message ? "One message costs" : "What it took";
  section.table = CostTable(run, detail).build();
  return section;
}

}  // namespace tr::report
