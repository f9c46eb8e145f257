#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "report/lock_names.h"
#include "report/names.h"
#include "report/sections.h"
#include "report/units.h"

namespace tr::report {
namespace {

using metrics::HandoffRow;
using metrics::Spread;
using metrics::WaitFigures;
using metrics::WaitGroup;

// With rows of their own: blocked or idle groups, wakers of a group, pairs of names, histograms.
constexpr std::size_t kGroups = 5;
constexpr std::size_t kWakers = 3;
constexpr std::size_t kPairs = 10;
constexpr std::size_t kHistograms = 5;

// "port 5432 at the far end"
std::string ports_text(std::uint64_t own, std::uint64_t far) {
  if (far == 0) return fmt::format("port {}", own);
  if (own == 0) return fmt::format("to port {}", far);
  return fmt::format("port {} to {}", own, far);
}

std::string place_text(const WaitGroup& group) {
  const WaitCause& at = group.at;
  if (at.place == "address") {
    const DataPlace place = at.lies_in.value_or(DataPlace{});
    const std::string name = place_name(place, at.which);
    return metrics::identify(place) == metrics::LockIdentity::kGil
               ? fmt::format("Python's GIL ({})", name)
               : name;
  }
  if (at.place == "ports") return ports_text(at.which, at.far_port);
  if (at.place == "inode") return fmt::format("inode {}", at.which);
  if (at.place == "descriptor") return fmt::format("descriptor {}", at.which);
  if (at.place != "count") return {};
  if (at.call == "select" || at.call == "pselect6")
    return fmt::format("descriptors below {}", at.which);
  return fmt::format("{} {}", at.which, at.which == 1 ? "descriptor" : "descriptors");
}

// "futex, 0x7f0012345678", "recvfrom, a client's connection, port 8080"
std::string name_of(const WaitGroup& group) {
  std::string name = wait_name(group.at.call, group.at.object);
  if (const std::string place = place_text(group); !place.empty()) name += ", " + place;
  return name;
}

// "woken by the load", "woken by worker", "woken by nginx, another program"
std::string waker_text(const WaitCause& cause) {
  if (cause.waker == "nobody") return "not woken yet";
  const std::string who(waker_name(cause.waker));
  if (cause.waker_name.empty()) return "woken by " + who;
  const std::string name = printable(cause.waker_name);
  return cause.waker == "server" ? "woken by " + name : fmt::format("woken by {}, {}", name, who);
}

// Counts and times, per message where there are messages.
class Unit {
 public:
  explicit Unit(const JudgedRun& run)
      : divisor_(static_cast<double>(run.metrics.messages.count.value_or(1))),
        per_message_(run.metrics.messages.count.has_value()) {}

  [[nodiscard]] const char* heading() const { return per_message_ ? "per message" : "in total"; }
  [[nodiscard]] std::string time(std::uint64_t ns) const {
    return duration_text(static_cast<double>(ns) / divisor_);
  }
  [[nodiscard]] std::string times(std::uint64_t count) const {
    return per_message_ ? number_text(static_cast<double>(count) / divisor_) : count_text(count);
  }

 private:
  double divisor_;
  bool per_message_;
};

std::string time_text(const std::optional<std::uint64_t>& ns) {
  return ns ? duration_text(static_cast<double>(*ns)) : "";
}

class WaitTable {
 public:
  WaitTable(const JudgedRun& run, const Detail& detail)
      : waits_(*run.snapshot.waits), figures_(*run.metrics.waits), detail_(detail), unit_(run) {
    const auto number = [&](const char* heading) {
      table_.columns.push_back({heading, Column::Align::kPoint});
    };
    table_.columns.push_back({"", Column::Align::kLeft});
    number(unit_.heading());
    number("times");
    number("p50");
    if (detail.full) number("p90");
    number("p99");
    number("max");
    number("to run: p50");
    if (detail.full) number("p90");
    number("p99");
    if (detail.full) number("max");
  }

  Table build() {
    put_state("blocked", false);
    put_state("idle", true);
    if (waits_.other_waits.count + waits_.other_run_queue.count > 0)
      put(0, "not told apart", waits_.other_waits, waits_.other_run_queue);
    return std::move(table_);
  }

 private:
  void put(unsigned depth, std::string name, const Durations& waits, const Durations& runs) {
    const Spread wait = metrics::spread_of(waits), run = metrics::spread_of(runs);
    Row row{{std::move(name), unit_.time(wait.ns), unit_.times(wait.count)}, depth};
    const auto add = [&](std::string text) { row.cells.push_back(std::move(text)); };
    const auto longest = [](const Spread& spread) {
      return spread.count > 0 ? time_text(spread.max_ns) : std::string();
    };
    add(time_text(wait.p50_ns));
    if (detail_.full) add(time_text(wait.p90_ns));
    add(time_text(wait.p99_ns));
    add(longest(wait));
    add(time_text(run.p50_ns));
    if (detail_.full) add(time_text(run.p90_ns));
    add(time_text(run.p99_ns));
    if (detail_.full) add(longest(run));
    table_.rows.push_back(std::move(row));
  }

  void put_sum(unsigned depth, std::string name, std::uint64_t ns, std::uint64_t times) {
    table_.rows.push_back({{std::move(name), unit_.time(ns), unit_.times(times)}, depth});
  }

  void put_state(const char* name, bool idle) {
    std::uint64_t ns = 0, times = 0;
    for (const WaitGroup& group : figures_.groups)
      if (group.idle == idle) {
        ns += group.waits.ns;
        times += group.waits.count;
      }
    if (times == 0) return;
    put_sum(0, name, ns, times);
    std::size_t shown = 0, rest = 0;
    std::uint64_t rest_ns = 0, rest_times = 0;
    for (const WaitGroup& group : figures_.groups) {
      if (group.idle != idle) continue;
      if (detail_.full || shown < kGroups) {
        put_group(group);
        ++shown;
      } else {
        ++rest;
        rest_ns += group.waits.ns;
        rest_times += group.waits.count;
      }
    }
    if (rest > 0) put_sum(1, fmt::format("{} others", count_text(rest)), rest_ns, rest_times);
  }

  void put_group(const WaitGroup& group) {
    std::string name = name_of(group);
    if (group.processes > 1) name += fmt::format(", in {} processes", count_text(group.processes));
    put(1, std::move(name), group.waits, group.run_queue);
    if (group.wakers.size() == 1) {  // its figures are those of the group
      table_.rows.push_back({{waker_text(group.wakers.front())}, 2});
      return;
    }
    const std::size_t shown =
        detail_.full ? group.wakers.size() : std::min(kWakers, group.wakers.size());
    for (std::size_t i = 0; i < shown; ++i)
      put(2, waker_text(group.wakers[i]), group.wakers[i].waits, group.wakers[i].run_queue);
    std::uint64_t rest_ns = 0, rest_times = 0;
    for (std::size_t i = shown; i < group.wakers.size(); ++i) {
      rest_ns += group.wakers[i].waits.ns;
      rest_times += group.wakers[i].waits.count;
    }
    if (rest_times > 0)
      put_sum(2, fmt::format("by {} others", count_text(group.wakers.size() - shown)), rest_ns,
              rest_times);
  }

  const Waits& waits_;
  const WaitFigures& figures_;
  const Detail& detail_;
  Unit unit_;
  Table table_;
};

Section handoff_section(const JudgedRun& run, const Detail& detail) {
  const Unit unit(run);
  const std::vector<HandoffRow>& rows = run.metrics.waits->handoffs;
  Table table{{{"", Column::Align::kLeft},
               {unit.heading(), Column::Align::kPoint},
               {"pairs of threads", Column::Align::kPoint}},
              {}};
  const std::size_t shown = detail.full ? rows.size() : std::min(kPairs, rows.size());
  for (std::size_t i = 0; i < shown; ++i)
    table.rows.push_back(
        {{fmt::format("{} -> {}", printable(rows[i].waker), printable(rows[i].sleeper)),
          unit.times(rows[i].count), count_text(rows[i].pairs)}});
  std::uint64_t rest = run.snapshot.waits->other_handoffs;
  std::uint64_t rest_pairs = 0;
  for (std::size_t i = shown; i < rows.size(); ++i) {
    rest += rows[i].count;
    rest_pairs += rows[i].pairs;
  }
  if (rest > 0)
    table.rows.push_back(
        {{"others", unit.times(rest), rest_pairs > 0 ? count_text(rest_pairs) : ""}});
  return {"Who wakes whom in the program", {}, std::move(table), {}};
}

// One row for each power of two; a mark for each 2 % of the waits.
void put_histogram(const Durations& waits, Table& table) {
  std::array<std::uint64_t, 65> octaves{};
  std::uint64_t all = 0;
  for (const Histogram::Bucket& bucket : waits.buckets) {
    octaves.at(std::bit_width(kKernelBuckets.lower(bucket.index))) += bucket.count;
    all += bucket.count;
  }
  const auto used = [](std::uint64_t count) { return count > 0; };
  const auto first = std::ranges::find_if(octaves, used);
  if (first == octaves.end()) return;
  const auto last = std::find_if(octaves.rbegin(), octaves.rend(), used).base();
  for (auto octave = first; octave != last; ++octave) {
    const auto bits = static_cast<unsigned>(octave - octaves.begin());
    const double from = bits == 0 ? 0 : static_cast<double>(std::uint64_t{1} << (bits - 1));
    const double share = static_cast<double>(*octave) / static_cast<double>(all);
    table.rows.push_back({{"from " + duration_text(from), count_text(*octave),
                           std::string(static_cast<std::size_t>(std::lround(share * 50)), '#')},
                          1});
  }
}

Section histogram_section(const WaitFigures& figures) {
  Table table{{{"", Column::Align::kLeft},
               {"waits", Column::Align::kPoint},
               {"a mark for each 2 %", Column::Align::kLeft}},
              {}};
  for (std::size_t i = 0; i < std::min(kHistograms, figures.groups.size()); ++i) {
    const WaitGroup& group = figures.groups[i];
    table.rows.push_back({{name_of(group), count_text(group.waits.count), ""}});
    put_histogram(group.waits, table);
  }
  return {"How long the longest waits take", {}, std::move(table), {}};
}

}  // namespace

std::vector<Section> wait_sections(const JudgedRun& run, const Detail& detail) {
  if (!run.metrics.waits || run.metrics.waits->groups.empty()) return {};
  std::vector<Section> sections;
  Section causes{"What it waits for", {}, WaitTable(run, detail).build(), {}};
  causes.remarks.emplace_back(
      "\"To run\" is the run queue: from the wake-up that ended the wait until the thread had a "
      "CPU.");
  sections.push_back(std::move(causes));
  if (!run.metrics.waits->handoffs.empty()) sections.push_back(handoff_section(run, detail));
  if (auto stacks = wait_stacks_section(run, detail)) sections.push_back(*std::move(stacks));
  if (detail.full) sections.push_back(histogram_section(*run.metrics.waits));
  return sections;
}

}  // namespace tr::report
