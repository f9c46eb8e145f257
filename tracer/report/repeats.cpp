#include "report/repeats.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "report/figure_names.h"
#include "report/sections.h"
#include "report/units.h"
#include "report/warnings.h"

namespace tr::report {
namespace {

using metrics::RepeatedFigure;
using Run = JudgedRepeats::Run;

// System calls, or states, with a row of their own where not everything is told; and calls that
// are too rare for one.
constexpr std::size_t kLargest = 12;
constexpr double kWorthNaming = 0.001;

std::string runs_text(std::uint64_t count) {
  return count == 1 ? "1 run" : count_text(count) + " runs";
}

}  // namespace

std::string margin_text(const metrics::RepeatedFigure& spread) {
  const auto& [value, interval, count] = spread.mean;
  if (!interval || value == 0) return {};
  const double half = std::max(interval->high - value, value - interval->low);
  return half == 0 ? "0" : percent_text(half / std::abs(value));
}

namespace {

std::string with_margin(const RepeatedFigure& spread) {
  const std::string value = figure_text(spread.figure.value, spread.figure.unit);
  const std::string margin = margin_text(spread);
  return margin.empty() ? value : fmt::format("{} +-{}", value, margin);
}

std::string headline(const JudgedRepeats& repeats) {
  const std::string name = name_of(repeats.runs.front().judged.snapshot.config);
  if (repeats.fit == 0)
    return fmt::format("{}: none of {} is fit to be compared", name,
                       runs_text(repeats.runs.size()));
  std::vector<std::string> parts;
  if (const RepeatedFigure* rate = metrics::find(repeats.spreads, "throughput.messages_per_second"))
    parts.push_back(with_margin(*rate) + " messages/s");
  if (const RepeatedFigure* cpu = metrics::find(repeats.spreads, "per_message.cpu_ns"))
    parts.push_back(with_margin(*cpu) + " of CPU time per message");
  else if (const RepeatedFigure* calls = metrics::find(repeats.spreads, "per_message.syscalls"))
    parts.push_back(with_margin(*calls) + " system calls per message");
  if (const RepeatedFigure* life = metrics::find(repeats.spreads, "window_ns"))
    parts.push_back(with_margin(*life) + " from start to end");
  return fmt::format("{}: {} ({} of {})", name, joined(parts),
                     repeats.fit == 1 ? "the result" : "means", runs_text(repeats.fit));
}

std::string measured_text(const JudgedRepeats& repeats) {
  const Snapshot& first = repeats.runs.front().judged.snapshot;
  std::string text = runs_text(repeats.runs.size());
  if (repeats.runs.size() < repeats.asked)
    text += fmt::format(" of {} asked for", count_text(repeats.asked));
  text += ", a fresh process each";
  if (first.config.duration_s > 0)
    text += fmt::format(": {}", duration_text(first.config.duration_s * 1e9));
  if (first.config.warmup_s > 0)
    text += fmt::format(" after {} of warm-up", duration_text(first.config.warmup_s * 1e9));
  return text + fmt::format("; {}, trace-run {}", printable(first.environment.date),
                            printable(first.environment.tool_version));
}

std::string steady_text(const JudgedRun& run) {
  const auto& part = run.metrics.steadiness;
  if (!part) return "not known";
  if (!part->steady) return "none";
  if (part->share == 1) return "all of it";
  return fmt::format("{} to {}", duration_text(static_cast<double>(part->begin_ns)),
                     duration_text(static_cast<double>(part->end_ns)));
}

std::string why_unused(const Run& run) {
  if (run.used()) return {};
  std::vector<std::string> reasons;
  for (const metrics::Doubt::Kind kind : run.judged.verdict.unfit)
    reasons.push_back(doubt_name(kind));
  if (reasons.empty()) reasons.emplace_back("failed");
  return "not used: " + joined(reasons);
}

Section runs_section(const JudgedRepeats& repeats) {
  using Align = Column::Align;
  const bool serves = std::ranges::any_of(repeats.runs, [](const Run& run) {
    return metrics::throughput(run.judged.metrics).has_value();
  });
  Table table{{{"", Align::kLeft}}, {}};
  if (serves)
    table.columns.insert(table.columns.end(), {{"messages/s", Align::kPoint},
                                               {"steady part", Align::kLeft},
                                               {"CPU time per message", Align::kPoint}});
  else
    table.columns.insert(table.columns.end(),
                         {{"from start to end", Align::kPoint}, {"CPU time", Align::kPoint}});
  table.columns.push_back({"", Align::kLeft});
  const auto time = [](std::optional<double> ns) { return ns ? duration_text(*ns) : ""; };
  for (std::size_t i = 0; i < repeats.runs.size(); ++i) {
    const JudgedRun& run = repeats.runs[i].judged;
    const auto rate = metrics::throughput(run.metrics);
    const auto& each = run.metrics.per_message;
    Row row{{count_text(i + 1)}, 0};
    if (serves)
      row.cells.insert(row.cells.end(), {rate ? number_text(*rate) : "none", steady_text(run),
                                         time(each ? each->cpu_ns : std::nullopt)});
    else
      row.cells.insert(row.cells.end(),
                       {time(run.metrics.window_s * 1e9), time(run.metrics.total.cpu_ns)});
    row.cells.push_back(why_unused(repeats.runs[i]));
    table.rows.push_back(std::move(row));
  }
  Section section{"Runs", {}, std::move(table), {}};
  if (serves)
    section.remarks.emplace_back(
        "Messages per second are those of the steady part, where there is one; the other figures "
        "are of the whole window.");
  return section;
}

// The spreads of one group as a table; empty without any.
class SpreadTable {
 public:
  explicit SpreadTable(std::string heading, bool one_run) : one_run_(one_run) {
    using Align = Column::Align;
    table_.columns = {{"", Align::kLeft}, {std::move(heading), Align::kPoint}};
    if (one_run_) return;
    for (const char* column : {"+-95 %", "deviation", "least", "greatest"})
      table_.columns.push_back({column, Align::kPoint});
  }

  void put(const RepeatedFigure& spread, std::string name, unsigned depth) {
    const metrics::Unit unit = spread.figure.unit;
    const double like = std::max(std::abs(spread.greatest), std::abs(spread.figure.value));
    const auto text = [&](double value) { return figure_text(value, unit, like); };
    Row row{{std::move(name), text(spread.figure.value)}, depth};
    if (!one_run_) {
      row.cells.push_back(margin_text(spread));
      row.cells.push_back(spread.deviation ? percent_text(*spread.deviation) : "");
      row.cells.push_back(text(spread.least));
      row.cells.push_back(text(spread.greatest));
    }
    table_.rows.push_back(std::move(row));
  }

  std::optional<Section> section(std::string title) {
    if (table_.rows.empty()) return std::nullopt;
    return Section{std::move(title), {}, std::move(table_), {}};
  }

 private:
  bool one_run_;
  Table table_;
};

// Those of a kind in the figures' order, and of the many only the largest.
std::vector<std::pair<const RepeatedFigure*, FigureName>> of_group(const JudgedRepeats& repeats,
                                                                   FigureName::Group group,
                                                                   const Detail& detail) {
  std::vector<std::pair<const RepeatedFigure*, FigureName>> found;
  std::vector<double> many;
  const bool all = detail.full || (detail.syscalls && group == FigureName::Group::kCost);
  for (const RepeatedFigure& spread : repeats.spreads) {
    FigureName name = figure_name(spread.figure.name);
    if (name.group != group || (name.minor && !detail.full)) continue;
    if (name.one_of_many && !all && spread.greatest < kWorthNaming) continue;
    if (name.one_of_many) many.push_back(spread.figure.value);
    found.emplace_back(&spread, std::move(name));
  }
  std::ranges::stable_partition(found, [](const auto& each) { return !each.second.of_calls; });
  if (all || many.size() <= kLargest) return found;
  std::ranges::nth_element(many, many.begin() + kLargest - 1, std::greater<>());
  std::erase_if(found, [least = many[kLargest - 1]](const auto& figure) {
    return figure.second.one_of_many && figure.first->figure.value < least;
  });
  return found;
}

std::vector<Section> mean_sections(const JudgedRepeats& repeats, const Detail& detail) {
  using Group = FigureName::Group;
  constexpr std::array<std::pair<Group, const char*>, 4> kTitles{
      {{Group::kResult, "Result"},
       {Group::kCost, "One message costs"},
       {Group::kTime, "Where a message's time goes"},
       {Group::kOther, "Further figures"}}};
  std::vector<Section> sections;
  for (const auto& [group, title] : kTitles) {
    SpreadTable table(repeats.fit == 1 ? "one run" : "mean", repeats.fit == 1);
    for (auto& [spread, name] : of_group(repeats, group, detail))
      table.put(*spread, std::move(name.text), name.depth);
    if (auto section = table.section(title)) sections.push_back(*std::move(section));
  }
  if (sections.empty()) return sections;
  sections.back().remarks.emplace_back(
      repeats.fit == 1
          ? "Of one run there is no interval: nothing is known of how far runs differ."
          : fmt::format("+-95 %: in 95 of 100 such measurements the true mean lies within this "
                        "share of the mean ({}). Deviation: the standard deviation over the {}.",
                        repeats.fit < 10 ? "Student's t" : "bootstrap", runs_text(repeats.fit)));
  return sections;
}

// Unfit runs one by one; what only warns once for all runs.
std::vector<std::string> warnings(const JudgedRepeats& repeats) {
  std::vector<std::string> texts;
  std::map<metrics::Doubt::Kind, std::pair<std::string, std::uint64_t>> common;
  for (std::size_t i = 0; i < repeats.runs.size(); ++i) {
    const Run& run = repeats.runs[i];
    const auto& unfit = run.judged.verdict.unfit;
    if (!run.failure.empty())
      texts.push_back(fmt::format("run {} is not used: {}", i + 1, printable(run.failure)));
    for (const metrics::Doubt& doubt : run.judged.doubts) {
      std::string text = warning_text(doubt, run.judged);
      if (std::ranges::find(unfit, doubt.kind) != unfit.end())
        texts.push_back(fmt::format("run {} is not used: {}", i + 1, text));
      else
        ++common.try_emplace(doubt.kind, std::move(text), 0).first->second.second;
    }
  }
  for (const auto& [kind, told] : common)
    texts.push_back(repeats.runs.size() == 1
                        ? told.first
                        : fmt::format("in {} of {}: {}", told.second,
                                      runs_text(repeats.runs.size()), told.first));
  return texts;
}

}  // namespace

Report build_report(const JudgedRepeats& repeats, const Detail& detail) {
  Report report;
  report.headline = headline(repeats);
  report.sections.push_back(
      shared_setting_section(repeats.runs.front().judged, measured_text(repeats)));
  report.sections.push_back(runs_section(repeats));
  for (Section& section : mean_sections(repeats, detail))
    report.sections.push_back(std::move(section));
  report.warnings = warnings(repeats);
  for (const Run& run : repeats.runs)
    for (const std::string& note : run.judged.snapshot.notes)
      if (std::ranges::find(report.notes, printable(note)) == report.notes.end())
        report.notes.push_back(printable(note));
  return report;
}

}  // namespace tr::report
