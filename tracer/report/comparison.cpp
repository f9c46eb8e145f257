#include "report/comparison.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "report/comparison_tables.h"
#include "report/figure_names.h"
#include "report/units.h"
#include "report/warnings.h"

namespace tr::report {
namespace {

using compare::Comparison;
using compare::SettingDifference;
using compare::Standing;

std::string runs_text(std::size_t runs) {
  return runs == 1 ? "1 run" : count_text(runs) + " runs";
}

// "+38 % (95 %: +36 % to +40 %)", "not shown to differ (from 2.1 % on it would have been)".
std::string finding(const compare::Row& row) {
  const std::string change = change_text(row);
  if (row.standing == Standing::kShown) {
    const std::string interval = interval_text(row);
    return interval.empty() ? change : fmt::format("{} (95 %: {})", change, interval);
  }
  if (row.standing == Standing::kOneRun) return change + " in single runs";
  const std::string least = least_text(row);
  return least.empty() ? "no difference shown"
                       : fmt::format("no difference shown (from {} on it would be)", least);
}

std::string headline(const Comparison& comparison) {
  std::vector<std::string> parts;
  const auto put = [&](const char* what, const char* figure) {
    if (const compare::Row* const row = comparison.find(figure))
      parts.push_back(fmt::format("{} {}", what, finding(*row)));
  };
  put("messages/s", "throughput.messages_per_second");
  put("CPU time per message", "per_message.cpu_ns");
  if (parts.empty()) put("CPU time in user code", "cpu.user_ns");
  if (parts.empty()) put("system calls per message", "per_message.syscalls");
  return fmt::format("B against A: {}", joined(parts, "; "));
}

std::string side_text(const std::string& server, std::size_t runs) {
  return fmt::format("{}, {}", printable(server), runs_text(runs));
}

std::string unfit_run_text(const compare::UnfitRun& run) {
  const std::string why = unfit_text(metrics::Verdict{run.why});
  return fmt::format("run {} of {}: {}", run.run, run.side,
                     why.empty() ? "the run it is paired with is left out" : why);
}

Section setting_section(const Comparison& comparison) {
  Section section;
  section.title = "Setting";
  section.facts.push_back({"A", {side_text(comparison.server_a, comparison.runs_a)}});
  section.facts.push_back({"B", {side_text(comparison.server_b, comparison.runs_b)}});
  std::vector<std::string> lines;
  for (const SettingDifference& setting : comparison.settings)
    if (setting.kind == SettingDifference::Kind::kConfig && setting.what != "server")
      lines.push_back(
          fmt::format("{}: {} and {}", setting.what, printable(setting.a), printable(setting.b)));
  if (!lines.empty()) section.facts.push_back({"Differ in", std::move(lines)});
  for (const bool used : {false, true}) {
    lines.clear();
    for (const compare::UnfitRun& run : comparison.unfit)
      if (run.used == used) lines.push_back(unfit_run_text(run));
    if (!lines.empty())
      section.facts.push_back({used ? "Unfit, used" : "Left out", std::move(lines)});
  }
  return section;
}

std::string warning_of(const SettingDifference& setting) {
  const std::string what =
      fmt::format("{}: {} and {}", setting.what, printable(setting.a), printable(setting.b));
  using Kind = SettingDifference::Kind;
  switch (setting.kind) {
    case Kind::kMixed:
      return fmt::format("the runs of one side are not alike, {}", what);
    case Kind::kMachine:
      return fmt::format(
          "other machines, {}: what lies between the figures is not the servers' "
          "alone",
          what);
    case Kind::kTool:
      return fmt::format("other versions of trace-run, {}: the probes may cost more or less", what);
    case Kind::kProtocol:
    case Kind::kSize:
    case Kind::kKernel:
    case Kind::kProbes:
    case Kind::kConfig:
      break;
  }
  return fmt::format("compared by force, {}: these are different measurements", what);
}

std::vector<std::string> warnings(const ComparisonReport& report) {
  const Comparison& comparison = report.comparison;
  std::vector<std::string> texts;
  for (const compare::GateResult& gate : report.gates)
    if (gate.failed) texts.push_back("failed: " + gate_text(gate));
  for (const SettingDifference& setting : comparison.settings)
    if (setting.kind != SettingDifference::Kind::kConfig) texts.push_back(warning_of(setting));
  if (comparison.one_run())
    texts.emplace_back(
        "a side has one run: there are no intervals, and any of this may be chance; make several "
        "(--pairs, or --repeat)");
  return texts;
}

}  // namespace

Report build_report(const ComparisonReport& input, bool full) {
  const Comparison& comparison = input.comparison;
  Report report;
  report.headline = headline(comparison);
  report.sections.push_back(setting_section(comparison));
  for (Section& section : figure_sections(comparison, full))
    report.sections.push_back(std::move(section));
  if (auto budget = budget_section(comparison, full)) report.sections.push_back(*std::move(budget));
  if (auto calls = call_section(comparison, full)) report.sections.push_back(*std::move(calls));
  if (!input.gates.empty()) {
    Section section;
    section.title = "Gates";
    Fact fact{"Gates", {}};
    for (const compare::GateResult& gate : input.gates)
      fact.lines.push_back((gate.failed ? "FAILED  " : "passed  ") + gate_text(gate));
    section.facts.push_back(std::move(fact));
    report.sections.push_back(std::move(section));
  }
  report.warnings = warnings(input);
  for (const std::string& note : input.notes)
    report.notes.push_back(printable(note));
  return report;
}

}  // namespace tr::report
