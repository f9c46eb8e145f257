#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "report/sections.h"
#include "report/units.h"

namespace tr::report {
namespace {

using metrics::WasteRow;

// Rarer than this per message, or without messages than this share of its calls, is not worth a
// row.
constexpr double kWorthNaming = 0.001;

std::string name_of(const WasteRow& row) {
  const std::string call = printable(row.call);
  switch (row.kind) {
    case WasteRow::Kind::kAgain:
      return call + ", EAGAIN";
    case WasteRow::Kind::kEmpty:
      return call + ", empty";
    case WasteRow::Kind::kInVain:
      return call + ", woken in vain";
    case WasteRow::Kind::kWokeNobody:
      break;
  }
  return call + ", woke nobody";
}

std::string_view meaning_of(const WasteRow& row) {
  switch (row.kind) {
    case WasteRow::Kind::kAgain:
      return row.call == "futex" ? "the lock had changed meanwhile: no wait"
                                 : "asked, and there was nothing, or no room";
    case WasteRow::Kind::kEmpty:
      return "returned without an event";
    case WasteRow::Kind::kInVain:
      return "slept, was woken, and found nothing";
    case WasteRow::Kind::kWokeNobody:
      break;
  }
  return "nobody waited";
}

// So many threads beyond the first, for each connection, are a herd.
constexpr double kHerd = 0.05;

// Empty unless connections at this port wake more threads than can have them.
std::string herd_text(const Arrivals& at, bool full) {
  const auto connections = static_cast<double>(std::max<std::uint64_t>(at.connections, 1));
  if (static_cast<double>(at.too_many) < kHerd * connections)
    return full && at.too_many == 0
               ? fmt::format("No connection at port {} woke more than one thread.", at.port)
               : "";
  return fmt::format(
      "Accept herd at port {}: a connection wakes {} threads, of which one can have it ({} of {} "
      "connections woke several, {} threads too many). EPOLLEXCLUSIVE, SO_REUSEPORT or "
      "a blocking accept avoid that.",
      at.port, number_text(static_cast<double>(at.woken) / connections), count_text(at.herds),
      count_text(at.connections), count_text(at.too_many));
}

}  // namespace

std::optional<Section> waste_section(const JudgedRun& run, const Detail& detail) {
  if (!run.metrics.waste) return std::nullopt;
  const metrics::Waste& waste = *run.metrics.waste;
  const bool per_message = run.metrics.messages.count.has_value();
  Table table{{{"", Column::Align::kLeft},
               {per_message ? "per message" : "in total", Column::Align::kPoint},
               {"of its calls", Column::Align::kPoint},
               {"", Column::Align::kLeft}},
              {}};
  for (const WasteRow& row : waste.rows)
    if (detail.full || row.per_message.value_or(row.share) >= kWorthNaming)
      table.rows.push_back(
          {{name_of(row), row.per_message ? number_text(*row.per_message) : count_text(row.count),
            percent_text(row.share), std::string(meaning_of(row))}});
  Section section;
  section.title = "Wasted work";
  for (const metrics::Batch& batch : waste.batches)
    section.remarks.push_back(fmt::format("One {} brings {} events on average.",
                                          printable(batch.call), number_text(batch.events)));
  if (run.snapshot.waits && run.snapshot.waits->arrivals)
    for (const Arrivals& at : *run.snapshot.waits->arrivals)
      if (std::string text = herd_text(at, detail.full); !text.empty())
        section.remarks.push_back(std::move(text));
  if (table.rows.empty() && section.remarks.empty()) return std::nullopt;
  if (table.rows.empty())
    section.remarks.emplace_back("No call was made for nothing.");
  else
    section.table = std::move(table);
  return section;
}

}  // namespace tr::report
