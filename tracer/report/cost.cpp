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

// Calls rarer than this per message, or in a program without messages than this share of all calls,
// are not shown one by one.
constexpr double kWorthNaming = 0.001;
// System calls with a row of their own; the others share one.
constexpr std::size_t kSyscallRows = 8;

// A column of figures: what they are divided by.
struct Unit {
  std::string heading;
  const Costs* costs;
  double divisor;
  bool whole;  // totals are whole numbers, averages are not

  [[nodiscard]] std::string counted(double number) const {
    return whole ? whole_text(number) : number_text(number);
  }
};

// Per message; for a program without messages in total and per second.
std::vector<Unit> units_of(const metrics::Metrics& metrics, const Detail& detail) {
  const Unit total{"in total", &metrics.total, 1, true};
  std::vector<Unit> units;
  if (metrics.per_message) {
    const auto messages = static_cast<double>(*metrics.messages.count);
    units.push_back({"per message", &*metrics.per_message, messages, false});
    if (detail.full) units.push_back(total);
    return units;
  }
  units.push_back(total);
  if (metrics.per_second)
    units.push_back({"per second", &*metrics.per_second, metrics.window_s, false});
  return units;
}

// The first few names, and how many there are besides.
std::string shortened(std::vector<std::string> names) {
  constexpr std::size_t kNames = 8;
  if (names.size() <= kNames) return joined(names);
  const std::size_t more = names.size() - kNames;
  names.resize(kNames);
  return fmt::format("{} and {} more", joined(names), more);
}

class CostTable {
 public:
  CostTable(const JudgedRun& run, const Detail& detail)
      : run_(run), units_(units_of(run.metrics, detail)) {
    table_.columns.push_back({"", Column::Align::kLeft});
    for (const Unit& unit : units_)
      table_.columns.push_back({unit.heading, Column::Align::kPoint});
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

  // A row: its cell in each unit, and what it means.
  void put_row(unsigned depth, std::string name,
               const std::function<std::string(const Unit&)>& cell, std::string meaning) {
    Row row{{std::move(name)}, depth};
    for (const Unit& unit : units_)
      row.cells.push_back(cell(unit));
    row.cells.push_back(std::move(meaning));
    table_.rows.push_back(std::move(row));
  }

  [[nodiscard]] bool has(Figure figure) const { return (run_.metrics.total.*figure).has_value(); }

  void put_count(unsigned depth, std::string name, Figure figure, std::string meaning) {
    if (!has(figure)) return;
    put_row(
        depth, std::move(name),
        [figure](const Unit& unit) { return unit.counted((unit.costs->*figure).value_or(0)); },
        std::move(meaning));
  }

  // A time; in the unit of the CPU time where it is shorter than that.
  void put_time(unsigned depth, std::string name, Figure figure, std::string meaning) {
    if (!has(figure)) return;
    put_row(
        depth, std::move(name),
        [figure](const Unit& unit) {
          const double ns = (unit.costs->*figure).value_or(0);
          return duration_text(ns, std::max(ns, unit.costs->cpu_ns.value_or(0)));
        },
        std::move(meaning));
  }

  void put_times() {
    put_time(0, "CPU time", &Costs::cpu_ns, "running on a CPU");
    put_time(1, "user", &Costs::user_ns,
             share_of_cpu(&Costs::user_ns) + "outside system calls: the program's own code");
    put_time(1, "system", &Costs::system_ns,
             share_of_cpu(&Costs::system_ns) + "inside system calls: the kernel, working for it");
    put_time(0, "run queue", &Costs::runqueue_ns, "ready to run, waiting for a CPU");
  }

  [[nodiscard]] std::string share_of_cpu(Figure figure) const {
    const Costs& total = run_.metrics.total;
    if (total.cpu_ns.value_or(0) == 0) return {};
    return percent_text((total.*figure).value_or(0) / *total.cpu_ns) + ", ";
  }

  void put_scheduling() {
    put_count(0, "context switches", &Costs::context_switches, "a thread stopped running");
    put_count(1, "voluntary", &Costs::voluntary_switches,
              "went to sleep, to wait for data, a lock or a timer");
    put_count(1, "involuntary", &Costs::involuntary_switches,
              "could have gone on, but another thread got the CPU");
    put_count(0, "migrations", &Costs::migrations, "continued on a different CPU");
  }

  void put_sockets() {
    const Costs& total = run_.metrics.total;
    const bool used = total.receives.value_or(0) + total.sends.value_or(0) > 0;
    if (!used && run_.snapshot.config.load == "none") return;
    const auto each = [](const std::optional<double>& bytes, const std::optional<double>& times) {
      return times.value_or(0) > 0 ? fmt::format("of data, {} each on average",
                                                 bytes_text(bytes.value_or(0) / *times))
                                   : std::string();
    };
    put_count(0, "socket receives", &Costs::receives, each(total.received_bytes, total.receives));
    put_count(0, "socket sends", &Costs::sends, each(total.sent_bytes, total.sends));
    if (total.inter_server)
      put_count(1, "between servers", &Costs::inter_server,
                "of them to a port that the program serves itself");
  }

  void put_syscalls() {
    put_row(
        0, "system calls", [](const Unit& unit) { return unit.counted(unit.costs->syscalls); },
        "requests to the kernel");
    std::vector<SyscallRow> others;
    std::size_t rows = 0;
    bool locks = false;
    for (SyscallRow& row :
         metrics::sorted(run_.metrics.syscalls, metrics::SyscallOrder::kByCalls)) {
      const bool futex = row.name == "futex";
      if (row.calls == 0) continue;  // parked over the whole window
      if (futex || (rows < kSyscallRows && is_worth_naming(row))) {
        put_calls(printable(row.name), row.calls, meaning_of(row));
        ++rows;
      } else {
        others.push_back(std::move(row));
      }
      locks = locks || futex;
    }
    // How much a server locks is asked first: the answer "not at all" is worth a line.
    if (!locks) put_calls("futex", 0, std::string(syscall_meaning("futex")));
    put_others(others);
  }

  void put_calls(std::string name, std::uint64_t calls, std::string meaning) {
    put_row(
        1, std::move(name),
        [calls](const Unit& unit) {
          return unit.counted(static_cast<double>(calls) / unit.divisor);
        },
        std::move(meaning));
  }

  [[nodiscard]] bool is_worth_naming(const SyscallRow& row) const {
    const double share =
        row.per_message.value_or(static_cast<double>(row.calls) / run_.metrics.total.syscalls);
    return share >= kWorthNaming;
  }

  [[nodiscard]] std::string meaning_of(const SyscallRow& row) const {
    std::string meaning(syscall_meaning(row.name));
    const auto& operations = run_.snapshot.total.futex;
    if (row.name != "futex" || operations.empty()) return meaning;
    double all = 0;
    for (const auto& [operation, calls] : operations)
      all += static_cast<double>(calls);
    std::vector<std::string> shares;
    for (const auto& [operation, calls] : operations)
      if (calls > 0)
        shares.push_back(fmt::format("{} {}", printable(operation),
                                     percent_text(static_cast<double>(calls) / all)));
    return fmt::format("{} ({})", meaning, joined(shares));
  }

  void put_others(const std::vector<SyscallRow>& others) {
    if (others.empty()) return;
    std::uint64_t calls = 0;
    std::vector<std::string> named;
    std::vector<std::string> rare;
    for (const SyscallRow& row : others) {
      calls += row.calls;
      const std::string name = printable(row.name);
      if (is_worth_naming(row))
        named.push_back(
            name + " " +
            units_.front().counted(static_cast<double>(row.calls) / units_.front().divisor));
      else
        rare.push_back(name);
    }
    if (!rare.empty()) named.push_back("rarely: " + shortened(std::move(rare)));
    put_calls("others", calls, joined(named));
  }

  const JudgedRun& run_;
  std::vector<Unit> units_;
  Table table_;
};

}  // namespace

Section cost_section(const JudgedRun& run, const Detail& detail) {
  Section section;
  section.title = run.metrics.per_message ? "One message costs" : "What it took";
  section.table = CostTable(run, detail).build();
  if (run.metrics.misses_uring) section.remarks.push_back(*uring_remark(run));
  return section;
}

}  // namespace tr::report
