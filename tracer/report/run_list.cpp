#include "report/run_list.h"

#include <algorithm>

#include <fmt/format.h>

#include "report/json_value.h"
#include "report/units.h"

namespace tr::report {
namespace {

// "2026-11-21T10:32:00Z" -> "2026-11-21 10:32".
std::string date_text(const std::string& date) {
  constexpr std::size_t kDay = 10;
  constexpr std::size_t kMinute = 16;
  std::string text = printable(date).substr(0, kMinute);
  if (text.size() == kMinute) text[kDay] = ' ';
  return text;
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

}  // namespace

std::string configuration_text(const RunConfig& config) {
  std::vector<std::string> parts;
  if (config.attached_pid != 0) parts.emplace_back("attached");
  parts.push_back(config.load == "none" ? "no load" : printable(config.load));
  if (config.connections > 0)
    parts.push_back(fmt::format("{} connection{}", count_text(config.connections),
                                config.connections == 1 ? "" : "s"));
  if (config.path)
    parts.push_back(printable(*config.path));
  else if (config.size > 0)
    parts.push_back(bytes_text(static_cast<double>(config.size)));
  if (config.rate > 0) parts.push_back(number_text(config.rate) + "/s");
  if (config.pipeline > 1) parts.push_back(fmt::format("pipeline {}", count_text(config.pipeline)));
  if (config.close.value_or(false)) parts.emplace_back("close");
  if (!config.pin.empty()) parts.push_back("CPU " + printable(config.pin));
  if (config.mode == "count") parts.emplace_back("counts only");
  return joined(parts);
}

std::string run_numbers_text(const std::vector<RunRecord>& runs) {
  std::string text;
  for (std::size_t first = 0; first < runs.size();) {
    std::size_t last = first;
    while (last + 1 < runs.size() && runs[last + 1].id == runs[last].id + 1)
      ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", runs[first].id);
    if (last > first) text += fmt::format("-{}", runs[last].id);
    first = last + 1;
  }
  return text;
}

Report run_list(const std::vector<RunRecord>& runs, std::size_t count, std::string_view store) {
  Report report;
  report.headline = count == 0 ? fmt::format("No runs in {}", printable(store))
                               : fmt::format("{} run{} in {}", count_text(count),
                                             count == 1 ? "" : "s", printable(store));
  if (runs.empty()) return report;
  using enum Column::Align;
  // Where nothing was repeated, each run is a group.
  const bool groups =
      std::ranges::any_of(runs, [](const RunRecord& run) { return run.group != run.id; });
  Section& section = report.sections.emplace_back();
  section.title = "Run";
  Table& table = section.table.emplace();
  table.columns = {{"", kLeft},       {"group", kLeft},        {"measured (UTC)", kLeft},
                   {"server", kLeft}, {"messages/s", kPoint},  {"CPU each", kPoint},
                   {"tags", kLeft},   {"configuration", kLeft}};
  for (const RunRecord& run : runs) {
    std::string configuration = printable(run.configuration);
    if (run.verdict) configuration += "; not fit: " + printable(*run.verdict);
    table.rows.push_back({{std::to_string(run.id), fmt::format("@{}", run.group),
                           date_text(run.date), printable(run.server),
                           run.messages_per_second ? number_text(*run.messages_per_second) : "-",
                           run.cpu_ns_per_message ? duration_text(*run.cpu_ns_per_message) : "-",
                           printable(joined(run.tags, " ")), std::move(configuration)},
                          0});
  }
  if (!groups) {
    constexpr int kGroup = 1;
    table.columns.erase(table.columns.begin() + kGroup);
    for (Row& row : table.rows)
      row.cells.erase(row.cells.begin() + kGroup);
  }
  if (runs.size() < count)
    section.remarks.push_back(
        fmt::format("{} older: trace-run runs -n 0 shows all", count_text(count - runs.size())));
  return report;
}

std::string render_run_list_json(const std::vector<RunRecord>& runs, std::string_view store) {
  Json list = Json::array();
  for (const RunRecord& run : runs)
    list.push_back({{"id", run.id},
                    {"group", run.group},
                    {"date", run.date},
                    {"server", run.server},
                    {"configuration", run.configuration},
                    {"tool_version", run.tool_version},
                    {"kernel", run.kernel},
                    {"messages_per_second", or_null(run.messages_per_second)},
                    {"cpu_ns_per_message", or_null(run.cpu_ns_per_message)},
                    {"verdict", or_null(run.verdict)},
                    {"tags", run.tags},
                    {"stored_bytes", run.stored_bytes}});
  // Names may hold bytes that are no UTF-8, which JSON cannot: those alone are replaced.
  return Json{{"store", store}, {"runs", std::move(list)}}.text();
}

}  // namespace tr::report
