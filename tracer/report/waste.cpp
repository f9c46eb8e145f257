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
  if (table.rows.empty() && section.remarks.empty()) return std::nullopt;
  if (table.rows.empty())
    section.remarks.emplace_back("No call was made for nothing.");
  else
    section.table = std::move(table);
  return section;
}

}  // namespace tr::report
