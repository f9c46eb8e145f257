#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "report/sections.h"
#include "report/units.h"

namespace tr::report {
namespace {

using metrics::LegTime;
using metrics::PathFigures;
using metrics::PathTime;

struct LegText {
  std::string_view name, text, meaning;
};

// By the names in capture/collect_message_path.cpp.
constexpr std::array<LegText, 10> kLegs{{
    {"wake", "waking up", "of the sleeper"},
    {"runqueue", "run queue", "until it runs"},
    {"busy", "queued", "receiver busy"},
    {"handoff", "hand-off", "to the receiver"},
    {"handoff_wake", "receiver's wake-up", "until it runs"},
    {"receive", "receive", "until it returns"},
    {"rest", "further receives", "to the last one"},
    {"work", "work", "to the next send"},
    {"send", "send", "to the device"},
    {"unresolved", "unresolved", "cannot be seen"},
}};

std::pair<std::string, std::string> text_of(const std::string& leg) {
  const auto known = std::ranges::find(kLegs, leg, &LegText::name);
  if (known == kLegs.end()) return {printable(leg), ""};
  return {std::string(known->text), std::string(known->meaning)};
}

std::string note_text(const std::string& note, std::uint64_t count, bool turns) {
  const char* what = turns ? "turn-arounds" : "messages";
  const std::string number = count_text(count);
  if (note == "handed_off")
    return fmt::format("{} {} went through more than one thread.", number, what);
  if (note == "many_hands")
    return fmt::format(
        "Unresolved in {} receives: the thread was awake, and one of several that receive there;"
        " when it learned of the data is not known.",
        number);
  if (note == "no_receipt")
    return fmt::format("Unresolved in {} {}: received by a thread that is not traced.", number,
                       what);
  if (note == "no_send")
    return fmt::format(
        "Unresolved in {} {}: when the send was entered is not known, as of io_uring's workers"
        " before Linux 6.16, or where it went on after its call.",
        number, what);
  if (note == "disordered")
    return fmt::format("Left unresolved are {} {} whose moments are in an impossible order.",
                       number, what);
  if (note == "crowded")
    return fmt::format("Unresolved in {} {}: too many others were under way on their connection.",
                       number, what);
  if (note == "no_room")
    return fmt::format(
        "Not followed: {} messages, with too many others under way on their"
        " connection.",
        number);
  if (note == "no_memory")
    return fmt::format("Not followed: {} arrivals, for want of memory for their connection.",
                       number);
  if (note == "unanswered") return fmt::format("{} connections ended without an answer.", number);
  return fmt::format("{}: {}.", printable(note), number);
}

std::vector<std::string> cells_of(const std::string& name, const PathTime& time, double share,
                                  std::uint64_t messages) {
  return {name,
          duration_text(time.mean_ns),
          percent_text(share),
          duration_text(static_cast<double>(time.p50_ns)),
          duration_text(static_cast<double>(time.p90_ns)),
          duration_text(static_cast<double>(time.p99_ns)),
          percent_text(static_cast<double>(time.messages) / static_cast<double>(messages))};
}

// Of a difference, which may lie below 0.
std::string signed_text(double ns) {
  return ns < 0 ? "-" + duration_text(-ns) : duration_text(ns);
}

std::string range_text(const metrics::PathPart& part) {
  return fmt::format("{} to {}", duration_text(static_cast<double>(part.least_ns)),
                     duration_text(static_cast<double>(part.most_ns)));
}

// Which leg the tail's messages spend more time on than the median ones, most of all.
std::string verdict(const PathFigures& path) {
  std::size_t worst = 0;
  double most = 0;
  for (std::size_t i = 0; i < path.legs.size(); ++i)
    if (const double more = path.tail->legs_ns[i] - path.median->legs_ns[i]; more > most) {
      most = more;
      worst = i;
    }
  const double whole = path.tail->mean_ns - path.median->mean_ns;
  if (whole <= 0 || most <= 0) return "The slowest messages are as fast as the median ones.";
  return fmt::format("\"{}\" makes {} of what the slowest take longer than the median ones.",
                     text_of(path.legs[worst].name).first,
                     percent_text(std::min(1.0, most / whole)));
}

}  // namespace

std::optional<Section> message_path_section(const JudgedRun& run, const Detail& detail) {
  if (!run.metrics.message_path) return std::nullopt;
  const PathFigures& path = *run.metrics.message_path;
  const bool turns = path.message_size == 0;
  Section section;
  section.title = "The path of a message";
  using Align = Column::Align;
  Table table{{{"", Align::kLeft},
               {"mean", Align::kPoint},
               {"share", Align::kPoint},
               {"p50", Align::kPoint},
               {"p90", Align::kPoint},
               {"p99", Align::kPoint},
               {"of all", Align::kPoint},
               {"", Align::kLeft}},
              {}};
  for (const LegTime& leg : path.legs) {
    if (leg.time.messages == 0 && !detail.full) continue;
    if (path.messages == 0) continue;
    const auto [name, meaning] = text_of(leg.name);
    auto cells = cells_of(name, leg.time, leg.share, path.messages);
    cells.push_back(meaning);
    table.rows.push_back({std::move(cells)});
  }
  if (path.messages > 0)
    table.rows.push_back({cells_of("from arrival to device", path.whole, 1, path.messages)});
  if (path.outside_ns) {
    table.rows.push_back({{"client and network", signed_text(*path.outside_ns), "", "", "", "", "",
                           "the rest of it"}});
    table.rows.push_back(
        {{"round trip", duration_text(*path.round_trip_ns), "", "", "", "", "", "by the load"}});
  }
  section.remarks.push_back(
      turns ? fmt::format("{} turn-arounds: from the first data after an answer to the last packet"
                          " before the next data; a message each, unless clients pipeline.",
                          count_text(path.messages))
            : fmt::format("{} messages of {}, each followed by its last byte.",
                          count_text(path.messages),
                          bytes_text(static_cast<double>(path.message_size))));
  section.remarks.emplace_back(
      "A leg in which the thread lost its CPU to another is longer by that wait.");
  if (path.messages == 0)
    section.remarks.emplace_back("No answer to data from a client was seen.");
  else
    section.table = std::move(table);
  for (const auto& [note, count] : path.notes)
    if (count > 0) section.remarks.push_back(note_text(note, count, turns));
  return section;
}

std::optional<Section> tail_section(const JudgedRun& run, const Detail& detail) {
  if (!run.metrics.message_path || !run.metrics.message_path->tail) return std::nullopt;
  const PathFigures& path = *run.metrics.message_path;
  using Align = Column::Align;
  Table table{{{"", Align::kLeft},
               {"median", Align::kPoint},
               {"slowest", Align::kPoint},
               {"longer by", Align::kPoint}},
              {}};
  const auto row = [&](const std::string& name, double median, double tail) {
    const double more = tail - median;
    table.rows.push_back({{name, duration_text(median), duration_text(tail),
                           more < 0 ? "-" + duration_text(-more) : duration_text(more)}});
  };
  for (std::size_t i = 0; i < path.legs.size(); ++i)
    if (path.legs[i].time.messages > 0 || detail.full)
      row(text_of(path.legs[i].name).first, path.median->legs_ns[i], path.tail->legs_ns[i]);
  row("from arrival to device", path.median->mean_ns, path.tail->mean_ns);
  Section section{"What makes the tail", {}, std::move(table), {verdict(path)}};
  const auto share = [&](const metrics::PathPart& part) {
    return percent_text(static_cast<double>(part.messages) / static_cast<double>(path.messages));
  };
  section.remarks.push_back(fmt::format(
      "Means of {} of the messages around the median ({}), and of the slowest {}, from the 99th "
      "percentile on ({}).",
      share(*path.median), range_text(*path.median), share(*path.tail), range_text(*path.tail)));
  return section;
}

}  // namespace tr::report
