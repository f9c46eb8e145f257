#include "report/sensitivity.h"

#include <map>
#include <optional>

#include <fmt/format.h>

#include "report/units.h"
#include "report/warnings.h"
#include "statistics/sample.h"

namespace tr::report {
namespace {

using explain::DelayedRun;
using explain::Place;
using explain::StageSensitivity;

std::string slope_text(const statistics::Estimate& slope) {
  if (!slope.interval) return fmt::format("{:.2f} (no interval)", slope.value);
  return fmt::format("{:.2f} (95 %: {:.2f} to {:.2f})", slope.value, slope.interval->low,
                     slope.interval->high);
}

std::string place_words(const StageSensitivity& stage) {
  switch (stage.place) {
    case Place::kBottleneck:
      return "on the bottleneck: what it takes longer, the next answer comes later";
    case Place::kShared:
      return fmt::format(
          "partly on the bottleneck: as if {:.1f} threads or CPUs did its work side by side, or it "
          "were the limit {} of the time",
          1 / stage.answer.value, percent_text(stage.answer.value));
    case Place::kSlack:
      return "off the bottleneck: there is slack, and making it faster gains no throughput";
    case Place::kMultiplied:
      return "on the bottleneck, and more than once: others wait while it is delayed";
    case Place::kNeverThere:
      return "the server was never there: nothing was delayed";
    case Place::kUndecided:
      break;
  }
  if (!stage.answer.interval) return "undecided: too few runs";
  return stage.rounds_needed ? fmt::format(
                                   "undecided: the runs differ too much; about {} rounds "
                                   "would tell (--pairs)",
                                   count_text(*stage.rounds_needed))
                             : "undecided: the runs differ too much";
}

// How far CPU time may be from the delay that was put in.
constexpr double kFaithful = 0.2;

std::string cpu_words(const StageSensitivity& stage) {
  if (!stage.cpu) return "CPU time per message was not measured";
  std::string text =
      fmt::format("CPU time per message: {} ns more for each ns of delay", slope_text(*stage.cpu));
  const auto& interval = stage.cpu->interval;
  if (interval && interval->low > 1 + kFaithful)
    text +=
        ": the delay costs more than itself, as where who waits for it now falls asleep and has to "
        "be woken";
  else if (interval && interval->high < 1 - kFaithful)
    text += ": a part of the delay is saved elsewhere, as by fewer and larger batches";
  return text;
}

Fact stage_fact(const StageSensitivity& stage) {
  Fact fact{stage.stage, {place_words(stage)}};
  if (stage.place == Place::kNeverThere) return fact;
  fact.lines.push_back(fmt::format("time between answers: {} ns more for each ns of delay",
                                   slope_text(stage.answer)));
  fact.lines.push_back(cpu_words(stage));
  fact.lines.push_back(fmt::format("{} delays per message", number_text(stage.delays)));
  return fact;
}

// The means of the runs with the same delay.
Section runs_section(const std::vector<StageSensitivity>& stages) {
  Section section;
  section.title = "By delay";
  Table table;
  table.columns = {{"Stage"},
                   {"Asked", Column::Align::kPoint},
                   {"Runs", Column::Align::kPoint},
                   {"Delay/message", Column::Align::kPoint},
                   {"Between answers", Column::Align::kPoint},
                   {"CPU/message", Column::Align::kPoint}};
  for (const StageSensitivity& stage : stages) {
    std::map<std::uint64_t, std::vector<DelayedRun>> by_asked;
    for (const auto& round : stage.rounds)
      for (const DelayedRun& run : round)
        by_asked[run.asked_ns].push_back(run);
    for (const auto& [asked, runs] : by_asked) {
      std::vector<double> delay;
      std::vector<double> answer;
      std::vector<double> cpu;
      for (const DelayedRun& run : runs) {
        delay.push_back(run.delay_ns);
        answer.push_back(run.answer_ns);
        if (run.cpu_ns) cpu.push_back(*run.cpu_ns);
      }
      table.rows.push_back({{stage.stage, fmt::format("{} ns", asked), count_text(runs.size()),
                             fmt::format("{:.0f} ns", statistics::mean(delay)),
                             fmt::format("{:.0f} ns", statistics::mean(answer)),
                             cpu.empty() ? "" : fmt::format("{:.0f} ns", statistics::mean(cpu))}});
    }
  }
  section.table = std::move(table);
  return section;
}

std::string headline(const explain::Sensitivity& found) {
  std::string text = printable(found.server) + ": ";
  text += found.answer_ns > 0 ? "an answer every " + duration_text(found.answer_ns)
                              : "no run without a delay can be used";
  if (found.cpus_in_use)
    text += fmt::format(", on {} CPUs on average", number_text(*found.cpus_in_use));
  std::vector<std::string> on;
  for (const StageSensitivity& stage : found.stages)
    if (stage.place == Place::kBottleneck || stage.place == Place::kMultiplied)
      on.push_back(stage.stage);
  if (!on.empty()) text += fmt::format("; on its bottleneck: {}", joined(on));
  return text;
}

}  // namespace

Report build_report(const SensitivityReport& input, bool full) {
  const explain::Sensitivity& found = input.sensitivity;
  Report report;
  report.headline = headline(found);
  Section section;
  section.title = "How throughput answers to a delay at one stage";
  for (const StageSensitivity& stage : found.stages)
    section.facts.push_back(stage_fact(stage));
  section.remarks.emplace_back(
      "A slope of 1: the stage is on the one thread that limits the server; 1/n: n threads or CPUs "
      "do its work side by side; 0: there is slack. The delay is what the kernel's clock measured, "
      "on the server's own threads.");
  section.remarks.push_back(
      fmt::format("From {} runs in {} rounds; runs of a round are held "
                  "against each other only.",
                  count_text(found.runs), count_text(found.rounds)));
  report.sections.push_back(std::move(section));
  if (full) report.sections.push_back(runs_section(found.stages));
  for (const auto& [kind, runs] : found.unfit)
    report.warnings.push_back(
        fmt::format("unfit to be compared, and {}: {} ({}){}",
                    found.uses_unfit ? "used all the same" : "left out",
                    runs == 1 ? "1 run" : count_text(runs) + " runs", doubt_name(kind),
                    kind == metrics::Doubt::Kind::kLoadSaturated
                        ? "; where the load is the limit, no stage of the server is: give it more "
                          "CPUs"
                        : ""));
  for (const std::string& note : input.notes)
    report.notes.push_back(printable(note));
  return report;
}

}  // namespace tr::report
