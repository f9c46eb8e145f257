#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "report/names.h"
#include "report/sections.h"
#include "report/units.h"

namespace tr::report {
namespace {

using metrics::UringRow;
using metrics::UringUse;
using Align = Column::Align;

std::string unless_none(std::uint64_t count) {
  return count == 0 ? "" : count_text(count);
}

std::string time_text(const std::optional<std::uint64_t>& ns) {
  return ns ? duration_text(static_cast<double>(*ns)) : "";
}

std::string name_of(const UringRow& row) {
  return row.counts.name.empty() ? "not told apart" : printable(row.counts.name);
}

// "multishot", "EAGAIN 7", "multishot; ENOBUFS 3, EPIPE 1"
std::string remark_of(const UringRow& row) {
  const auto& by_errno = row.counts.errors_by_errno;
  std::string errors = errors_text(by_errno);
  if (by_errno.size() == 1) errors += " " + count_text(by_errno.begin()->second);
  if (row.counts.more == 0) return errors;
  return errors.empty() ? "multishot" : "multishot; " + errors;
}

// A column of the table; without a figure in any row it is left out.
struct Figure {
  const char* heading;
  std::string (*text)(const UringRow& row);
};

constexpr std::array<Figure, 8> kFigures{{
    {"submitted", [](const UringRow& row) { return count_text(row.counts.submitted); }},
    {"completed", [](const UringRow& row) { return count_text(row.counts.completed); }},
    {"silent", [](const UringRow& row) { return unless_none(row.silent); }},
    {"per message",
     [](const UringRow& row) { return row.per_message ? number_text(*row.per_message) : ""; }},
    {"p50", [](const UringRow& row) { return time_text(row.p50_ns); }},
    {"p99", [](const UringRow& row) { return time_text(row.p99_ns); }},
    {"polled", [](const UringRow& row) { return unless_none(row.counts.polled); }},
    {"workers", [](const UringRow& row) { return unless_none(row.counts.to_worker); }},
}};

Table table_of(const UringUse& use, const Detail& detail) {
  std::vector<UringRow> rows = use.rows;
  if (!detail.full)
    std::erase_if(
        rows, [](const UringRow& row) { return row.counts.submitted + row.counts.completed == 0; });
  Table table{{{"", Align::kLeft}}, {}};
  for (const UringRow& row : rows)
    table.rows.push_back({{name_of(row)}});
  for (const Figure& figure : kFigures) {
    std::vector<std::string> cells(rows.size());
    std::ranges::transform(rows, cells.begin(), figure.text);
    if (std::ranges::all_of(cells, &std::string::empty)) continue;
    table.columns.push_back({figure.heading, Align::kPoint});
    for (std::size_t i = 0; i < rows.size(); ++i)
      table.rows[i].cells.push_back(std::move(cells[i]));
  }
  table.columns.push_back({"", Align::kLeft});
  for (std::size_t i = 0; i < rows.size(); ++i)
    table.rows[i].cells.push_back(remark_of(rows[i]));
  return table;
}

void put_batches(const UringUse& use, Section& section) {
  if (use.by_sqpoll > 0)
    section.remarks.push_back(fmt::format(
        "A kernel thread (SQPOLL) submitted {} of the operations, without a system call.",
        percent_text(static_cast<double>(use.by_sqpoll) /
                     static_cast<double>(std::max<std::uint64_t>(use.submitted, 1)))));
  if (use.enters > 0)
    section.remarks.push_back(fmt::format(
        "One io_uring_enter submits {} operations and brings {} completions on average.",
        number_text(*use.submitted_per_enter), number_text(*use.completed_per_enter)));
}

void put_meanings(const UringUse& use, Section& section) {
  if (std::ranges::any_of(use.rows, [](const auto& row) { return row.counts.more > 0; }))
    section.remarks.emplace_back(
        "A multishot request is submitted once, and completes again and again.");
  section.remarks.emplace_back(
      "p50 and p99 are from submission to completion, within 6.25 %, of requests that completed"
      " once. Polled ones waited for their file to be ready, those of the workers were handed to a"
      " thread; the others were done at once, or by a timer or device.");
  if (std::ranges::any_of(use.rows, [](const auto& row) { return row.silent > 0; }))
    section.remarks.emplace_back(
        "Silent ones (IOSQE_CQE_SKIP_SUCCESS) have a completion only if they fail.");
  if (use.outside_calls > 0)
    section.remarks.push_back(fmt::format(
        "{} of the completions were made between a call's end and user code (task work): the time"
        " that this takes counts as user code.",
        percent_text(static_cast<double>(use.outside_calls) /
                     static_cast<double>(std::max<std::uint64_t>(use.completed, 1)))));
}

void put_gaps(const UringUse& use, Section& section) {
  if (use.notifications > 0)
    section.remarks.push_back(
        fmt::format("Notifications of zero-copy sends, not among the completions: {}.",
                    count_text(use.notifications)));
  if (use.overflowed > 0)
    section.remarks.push_back(
        fmt::format("{} completions found the completion queue full: their operation is not known.",
                    count_text(use.overflowed)));
  if (std::ranges::any_of(use.rows, [](const auto& row) { return row.counts.name.empty(); }))
    section.remarks.emplace_back(
        "Not told apart: completions that name no request which was seen to be submitted. Another"
        " ring has posted them, or their request is older than the tracing, or requests of several"
        " kinds share their user data.");
  if (use.unknown_start > 0)
    section.remarks.push_back(
        fmt::format("{} completions have no latency: their submission was not seen.",
                    count_text(use.unknown_start)));
}

}  // namespace

std::optional<Section> uring_section(const JudgedRun& run, const Detail& detail) {
  if (!run.metrics.uring) return std::nullopt;
  const UringUse& use = *run.metrics.uring;
  Section section;
  section.title = "io_uring operations";
  section.table = table_of(use, detail);
  put_batches(use, section);
  if (detail.full) put_meanings(use, section);
  put_gaps(use, section);
  return section;
}

std::optional<std::string> uring_remark(const JudgedRun& run) {
  if (run.metrics.uring)
    return "Not the whole truth: this program does its work through io_uring as well, see the"
           " operations there.";
  if (run.metrics.misses_uring)
    return "Not the whole truth: this program works through io_uring, and what it does there was"
           " not counted.";
  return std::nullopt;
}

}  // namespace tr::report
