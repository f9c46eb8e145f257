#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "report/lock_names.h"
#include "report/sections.h"
#include "report/units.h"

namespace tr::report {
namespace {

using metrics::LockIdentity;
using metrics::LockRow;

// Rows on the one screen; all, up to so many, where everything is asked for.
constexpr std::size_t kNamed = 5;
constexpr std::size_t kMost = 100;
constexpr std::size_t kDetailed = 20;  // with all their operations

std::string mean_text(const metrics::LockTimes& times) {
  return times.count == 0 ? "" : duration_text(times.mean_ns);
}

// Per message where there are some, else in total.
std::string count_each(std::optional<double> per_message, std::uint64_t total) {
  return per_message ? number_text(*per_message) : count_text(total);
}

std::string handoffs_text(const LockRow& row) {
  std::vector<std::string> parts;
  for (const LockHandoffs& handoffs : row.handoffs)
    if (parts.size() < 3)
      parts.push_back(fmt::format("{} to {} {} times, {} {} of threads", printable(handoffs.waker),
                                  printable(handoffs.woken), count_text(handoffs.count),
                                  count_text(handoffs.pairs),
                                  handoffs.pairs == 1 ? "pair" : "pairs"));
  return joined(parts, "; ");
}

std::string operations_text(const LockRow& row) {
  std::map<std::string, std::uint64_t> operations;
  for (const Futex* futex : row.futexes)
    for (const auto& [operation, count] : futex->operations)
      operations[operation] += count;
  std::vector<std::string> parts;
  parts.reserve(operations.size() + 4);
  for (const auto& [operation, count] : operations)
    parts.push_back(fmt::format("{} {}", printable(operation), count_text(count)));
  const auto result = [&](const char* what, std::uint64_t count) {
    if (count > 0) parts.push_back(fmt::format("{} {}", count_text(count), what));
  };
  result("threads woken", row.woken);
  result("woke nobody", row.woke_nobody);
  result("found the value changed", row.changed);
  result("timed out", row.timeouts);
  return joined(parts);
}

std::string details_text(const LockRow& row) {
  const std::string handoffs = handoffs_text(row);
  return fmt::format("{}: {}{}.", lock_name(row), operations_text(row),
                     handoffs.empty() ? "" : "; handed over from " + handoffs);
}

bool is_gil(const LockRow& row) {
  return row.identity == LockIdentity::kGil || row.identity == LockIdentity::kNearGil;
}

std::string waits_text(const LockRow& row) {
  return row.waits_per_message
             ? fmt::format("{} waits per message", number_text(*row.waits_per_message))
             : fmt::format("{} waits", count_text(row.waits));
}

// What is not a convoy, but the lock that everybody asks for.
std::string gil_text(const LockRow& row) {
  std::string text = fmt::format("{}: {} of {} each", lock_name(row), waits_text(row),
                                 duration_text(row.wait.mean_ns));
  if (row.handoff.count > 0)
    text += fmt::format(", handed from thread to thread {} times, which took {} on average",
                        count_text(row.handoff.count), duration_text(row.handoff.mean_ns));
  return text + ".";
}

std::string convoy_text(const LockRow& row) {
  const metrics::Convoy& convoy = *row.convoy;
  return fmt::format(
      "{} is a convoy: {}, somebody waits for it {}{} of the time, and to hand it over takes {} on "
      "average, longer than it is held ({}, {}).",
      lock_name(row), waits_text(row), row.futexes.size() > 1 ? "at least " : "",
      percent_text(row.waited_share), duration_text(convoy.handoff_ns),
      duration_text(convoy.hold_ns),
      convoy.hold_measured ? "measured" : "estimated from those who had to wait");
}

Section futex_section(const JudgedRun& run, const Detail& detail) {
  using Align = Column::Align;
  const bool per_message = run.metrics.messages.count.has_value();
  const std::vector<LockRow>& rows = run.metrics.locks->rows;
  Table table{{{"", Align::kLeft},
               {per_message ? "waits/message" : "waits", Align::kPoint},
               {"each", Align::kPoint},
               {"hand-off", Align::kPoint},
               {"held", Align::kPoint},
               {"waiters", Align::kPoint},
               {"at most", Align::kPoint},
               {"waited", Align::kPoint}},
              {}};
  const std::size_t shown = detail.full ? kMost : kNamed;
  std::size_t left_out = 0;
  for (const LockRow& row : rows) {
    if (row.waits == 0 && !detail.full) continue;
    if (table.rows.size() >= shown) {
      ++left_out;
      continue;
    }
    table.rows.push_back(
        {{lock_name(row), count_each(row.waits_per_message, row.waits), mean_text(row.wait),
          mean_text(row.handoff), row.hold_ns ? duration_text(*row.hold_ns) : "",
          number_text(row.mean_waiters), count_text(row.most_waiters),
          percent_text(row.waited_share)}});
  }
  Section section;
  section.title = "Locks";
  if (table.rows.empty()) {
    section.remarks.emplace_back(rows.empty() ? "No futex call was made."
                                              : "No thread waited at a futex.");
    return section;
  }
  section.table = std::move(table);
  section.remarks.emplace_back(
      "Hand-off: from the wake to running, of those who slept. Held: by those who had waited, up "
      "to "
      "their next wake there" +
      std::string(run.snapshot.locks->holds ? ", or as measured below." : "."));
  if (left_out > 0)
    section.remarks.push_back(
        fmt::format("{} more with waits: --verbose shows them.", count_text(left_out)));
  for (const LockRow& row : rows) {
    if (row.futexes.size() > 1 && row.waits > 0)
      section.remarks.push_back(
          fmt::format("{} is {} futexes: \"at most\" and \"waited\" are those of the busiest.",
                      lock_name(row), count_text(row.futexes.size())));
    if (row.convoy)
      section.remarks.push_back(convoy_text(row));
    else if (is_gil(row) && row.waits > 0)
      section.remarks.push_back(gil_text(row));
  }
  if (detail.full)
    for (std::size_t i = 0; i < std::min(rows.size(), kDetailed); ++i)
      section.remarks.push_back(details_text(rows[i]));
  return section;
}

std::string kernel_lock_name(const KernelLock& lock) {
  std::string name = lock.kind;
  if (lock.mmap_lock)
    name += ", mmap_lock";
  else if (!lock.symbol.empty())
    name += ", " + printable(lock.symbol);
  else if (lock.locks > 1)
    name += fmt::format(", {} of them", count_text(lock.locks));
  else if (lock.locks == 0)
    name += ", others";
  if (lock.in_interrupt) name += ", in interrupts";
  return name;
}

Section kernel_section(const JudgedRun& run, const Detail& detail) {
  using Align = Column::Align;
  const bool per_message = run.metrics.messages.count.has_value();
  const Locks& locks = *run.snapshot.locks;
  Section section;
  section.title = "Contention in the kernel";
  if (!locks.kernel) {
    section.remarks.push_back("Not measured: " + printable(locks.kernel_unmeasured) + ".");
    return section;
  }
  if (!locks.kernel_unmeasured.empty())
    section.remarks.push_back("Not seen: " + printable(locks.kernel_unmeasured) + ".");
  if (locks.kernel->empty()) {
    section.remarks.emplace_back("No thread had to wait for a lock of the kernel.");
    return section;
  }
  Table table{{{"", Align::kLeft},
               {per_message ? "per message" : "in total", Align::kPoint},
               {"times", Align::kPoint},
               {"longest", Align::kPoint}},
              {}};
  const std::size_t shown = detail.full ? kMost : kNamed;
  for (const metrics::KernelLockRow& row : run.metrics.locks->kernel) {
    if (table.rows.size() >= shown) break;
    table.rows.push_back(
        {{kernel_lock_name(*row.lock),
          duration_text(row.ns_per_message.value_or(static_cast<double>(row.lock->ns))),
          count_text(row.lock->count), duration_text(static_cast<double>(row.lock->longest_ns))}});
  }
  section.table = std::move(table);
  section.remarks.emplace_back(
      "Inside the threads' time above, spinning on a CPU or blocked: a cut across it, nothing to "
      "be "
      "added.");
  return section;
}

Section hold_section(const JudgedRun& run, const Detail& detail) {
  using Align = Column::Align;
  const bool per_message = run.metrics.messages.count.has_value();
  const Locks& locks = *run.snapshot.locks;
  Section section;
  section.title = "Mutexes held";
  Table table{{{"", Align::kLeft},
               {per_message ? "holds per message" : "holds", Align::kPoint},
               {"each", Align::kPoint},
               {"p50", Align::kPoint},
               {"p99", Align::kPoint},
               {"longest", Align::kPoint}},
              {}};
  for (const metrics::HoldRow& row : run.metrics.locks->holds) {
    if (table.rows.size() >= (detail.full ? kMost : kNamed)) break;
    table.rows.push_back({{place_name(row.mutex->place, row.mutex->address),
                           count_each(row.holds_per_message, row.mutex->holds), mean_text(row.hold),
                           duration_text(static_cast<double>(row.hold.p50_ns)),
                           duration_text(static_cast<double>(row.hold.p99_ns)),
                           duration_text(static_cast<double>(row.mutex->longest_ns))}});
  }
  if (table.rows.empty())
    section.remarks.emplace_back("No mutex was held.");
  else
    section.table = std::move(table);
  if (!locks.holds_unmeasured.empty())
    section.remarks.push_back("Not measured " + printable(locks.holds_unmeasured) + ".");
  if (locks.trap_ns_per_pair)
    section.remarks.push_back(fmt::format(
        "The uprobes add {} to a lock and its unlock, as measured here before the program began, a "
        "part of which is inside the hold.",
        duration_text(*locks.trap_ns_per_pair)));
  return section;
}

}  // namespace

std::vector<Section> lock_sections(const JudgedRun& run, const Detail& detail) {
  std::vector<Section> sections;
  if (!run.metrics.locks) return sections;
  sections.push_back(futex_section(run, detail));
  if (run.snapshot.locks->holds) sections.push_back(hold_section(run, detail));
  sections.push_back(kernel_section(run, detail));
  return sections;
}

}  // namespace tr::report
