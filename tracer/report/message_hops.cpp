#include <fmt/format.h>

#include "report/sections.h"
#include "report/units.h"

namespace tr::report {
namespace {

using metrics::HopFigures;
using metrics::HopsFigures;
using metrics::PathTime;

// By the names in capture/collect_message_hops.cpp.
std::string note_text(const std::string& note, std::uint64_t count) {
  const std::string number = count_text(count);
  if (note == "for_nobody")
    return fmt::format("{} more were sent by threads that were at work for no client's message.",
                       number);
  if (note == "doubtful")
    return fmt::format(
        "\"To the last one\" leaves out {} client messages of which it is not certain.", number);
  if (note == "no_room")
    return fmt::format("Not followed: {} sends, with too many others unread on their connection.",
                       number);
  if (note == "no_memory")
    return fmt::format("Not followed: {} sends, for want of memory for their connection.", number);
  if (note == "no_send")
    return fmt::format(
        "Of {} received ones it is not known when they were sent, or came to the socket.", number);
  if (note == "unknown")
    return fmt::format("{} receives took bytes whose send was not followed.", number);
  if (note == "late")
    return fmt::format("{} were received too late to count for \"to the last one\".", number);
  return fmt::format("{}: {}.", printable(note), number);
}

std::vector<std::string> times_of(const PathTime& time) {
  if (time.messages == 0) return {"", "", ""};
  return {duration_text(static_cast<double>(time.p50_ns)),
          duration_text(static_cast<double>(time.p90_ns)),
          duration_text(static_cast<double>(time.p99_ns))};
}

void add(std::vector<std::string>& cells, std::vector<std::string> more) {
  cells.insert(cells.end(), more.begin(), more.end());
}

PathTime time_named(const HopFigures& hop, const std::string& name) {
  const auto its = hop.times.find(name);
  return its == hop.times.end() ? PathTime() : its->second;
}

}  // namespace

std::optional<Section> message_hops_section(const JudgedRun& run, const Detail& detail) {
  if (!run.metrics.message_hops) return std::nullopt;
  const HopsFigures& figures = *run.metrics.message_hops;
  const bool rates = figures.per_message.has_value();
  Section section;
  section.title = "Between servers";
  using Align = Column::Align;
  Table table{{{"", Align::kLeft},
               {rates ? "per message" : "received", Align::kPoint},
               {"p50", Align::kPoint},
               {"p90", Align::kPoint},
               {"p99", Align::kPoint},
               {"since p50", Align::kPoint},
               {"p90", Align::kPoint},
               {"p99", Align::kPoint}},
              {}};
  const auto add_row = [&](const std::string& name, const HopFigures& hop) {
    std::vector<std::string> cells{
        name, rates ? number_text(hop.per_message.value_or(0)) : count_text(hop.received)};
    add(cells, times_of(time_named(hop, "whole")));
    add(cells, times_of(time_named(hop, "since_client")));
    table.rows.push_back({std::move(cells)});
    if (!detail.full) return;
    for (const auto& [part, text] : {std::pair{"transit", "  to the socket"},
                                     std::pair{"unread", "  to the receive's return"}}) {
      std::vector<std::string> part_cells{text, ""};
      add(part_cells, times_of(time_named(hop, part)));
      add(part_cells, {"", "", ""});
      table.rows.push_back({std::move(part_cells)});
    }
  };
  for (std::size_t i = 0; i < figures.hops.size(); ++i)
    add_row(fmt::format("hop {}", i + 1), figures.hops[i]);
  if (figures.uncertain.received > 0) add_row("not told apart", figures.uncertain);
  if (figures.spread.messages > 0) {
    std::vector<std::string> cells{"to the last one", "", "", "", ""};
    add(cells, times_of(figures.spread));
    table.rows.push_back({std::move(cells)});
  }
  if (table.rows.empty()) {
    section.remarks.emplace_back("Nothing was received because of a client's message.");
  } else {
    section.table = std::move(table);
    section.remarks.emplace_back(
        "From the send to the end of the receive, and since the client's data came to the first"
        " server; each hop is one connection further.");
  }
  if (figures.uncertain.received > 0)
    section.remarks.emplace_back(
        "Not told apart: sent by a thread that had received several messages by then, for one of"
        " them; and what followed from that.");
  for (const auto& [note, count] : figures.notes)
    if (count > 0) section.remarks.push_back(note_text(note, count));
  return section;
}

}  // namespace tr::report
