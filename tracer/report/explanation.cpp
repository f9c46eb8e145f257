#include "report/explanation.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "report/explanation_words.h"
#include "report/figure_names.h"
#include "report/units.h"

namespace tr::report {
namespace {

using explain::Cause;
using explain::CpuUse;
using explain::Doubt;
using explain::Explanation;
using explain::Finding;
using explain::Trial;

// Of the difference, or of the CPU time: less is not worth a sentence.
constexpr double kWorthASentence = 0.02;

// "; without tracing 5.2 us": the whole, or the difference.
std::string bare_words(const Explanation& explanation, double like) {
  if (!explanation.bare_cpu) return {};
  const statistics::Estimate& bare = explanation.bare_cpu->change;
  return explanation.alone
             ? fmt::format("; without tracing {}{}", duration_text(bare.value, like),
                           range_words(bare.interval, like))
             : fmt::format("; without tracing {}{}", signed_duration(bare.value, like),
                           interval_words(bare.interval, like));
}

std::string headline(const Explanation& explanation) {
  if (explanation.alone)
    return fmt::format("{}: {} of CPU time per message{}{}", printable(explanation.server_b),
                       duration_text(explanation.cpu_b_ns),
                       range_words(explanation.cpu.change.interval, explanation.cpu_b_ns),
                       bare_words(explanation, explanation.cpu_b_ns));
  const double whole = explanation.cpu_b_ns - explanation.cpu_a_ns;
  const bool b_dearer = whole > 0;
  const double dear = b_dearer ? explanation.cpu_b_ns : explanation.cpu_a_ns;
  const double cheap = b_dearer ? explanation.cpu_a_ns : explanation.cpu_b_ns;
  std::string text = fmt::format("{} takes {} of CPU time per message, {} what {} takes: {}{}",
                                 side_name(explanation, b_dearer), duration_text(dear),
                                 times_text(cheap > 0 ? dear / cheap : 0),
                                 side_name(explanation, !b_dearer), signed_duration(whole, dear),
                                 interval_words(explanation.cpu.change.interval, dear)) +
                     bare_words(explanation, dear);
  if (explanation.log_throughput)
    text += fmt::format("; B's throughput is {} A's",
                        times_text(std::exp(*explanation.log_throughput)));
  return text;
}

bool is_share(std::string_view figure) {
  return figure.ends_with("_share") || figure == "connections.left_out";
}

std::string figure_words(std::string_view figure, double value) {
  if (figure.ends_with("_ns")) return duration_text(value);
  if (is_share(figure)) return percent_text(value);
  return number_text(value);
}

std::string name_of_figure(std::string_view figure) {
  if (figure == "calls.map_memory") return "calls that map memory";
  if (figure == "calls.make_tasks") return "calls that make threads or processes";
  if (figure == "connections") return "connections";
  if (figure == "connections.left_out")
    return "connections as good as not served (1 - Jain's index)";
  if (figure == "load.busy_share") return "CPUs of the load generator in use";
  if (figure == "cpus.awake_share") return "of the CPU time it could get it ran or waited to run";
  if (figure == "per_message.voluntary_switches") return "voluntary context switches";
  if (figure == "per_message.involuntary_switches") return "involuntary context switches";
  if (figure == "waste.again") return "calls that find nothing (EAGAIN)";
  if (figure == "waste.again.accept4") return "accepts that find nothing";
  return figure_name(figure).text;
}

// "futex calls 0.001 and 2.31 per message".
std::string evidence(const Explanation& explanation, const Finding& finding) {
  const std::string_view figure = finding.cause->figure();
  if (figure.empty()) return {};
  const std::string per = figure == "connections" || is_share(figure) ? "" : " per message";
  if (explanation.alone)
    return fmt::format("{}: {}{}", name_of_figure(figure), figure_words(figure, finding.figure_b),
                       per);
  return fmt::format("{}: {} of A, {} of B{}", name_of_figure(figure),
                     figure_words(figure, finding.figure_a), figure_words(figure, finding.figure_b),
                     per);
}

std::string part_words(const Explanation& explanation, const Finding& finding) {
  const double ns = finding.b_ns - finding.a_ns;
  const double like = std::max(explanation.cpu_a_ns, explanation.cpu_b_ns);
  if (ns == 0)
    return "its part of the time cannot be told from the figures alone" +
           (finding.guess_ns == 0
                ? std::string()
                : fmt::format("; a guess, by which it is ranked: {}",
                              explanation.alone ? duration_text(finding.guess_ns, like)
                                                : signed_duration(finding.guess_ns, like)));
  if (explanation.alone)
    return fmt::format("{} of the {} are in it, {}{}", percent_text(finding.share),
                       duration_text(explanation.cpu_b_ns), duration_text(ns, like),
                       range_words(finding.part.change.interval, like));
  std::string text = fmt::format("{} per message{}", signed_duration(ns, like),
                                 interval_words(finding.part.change.interval, like));
  return finding.share > 0
             ? text + fmt::format(", {} of the difference", percent_text(finding.share))
             : text + ", against the difference";
}

std::string doubt_words(const Trial& trial) {
  switch (trial.doubt) {
    case Doubt::kFigureStayed:
      return "the change did not take it away";
    case Doubt::kNoise:
      return trial.repeats_needed
                 ? fmt::format("the runs differ too much; about {} pairs would tell",
                               count_text(*trial.repeats_needed))
                 : "too few runs to tell";
    case Doubt::kOtherSize:
      return fmt::format("predicted were {} to {} less: something else went with it, or stayed",
                         duration_text(trial.experiment.least_ns),
                         duration_text(trial.experiment.most_ns));
    case Doubt::kPartStayed:
      return "but not in the states that it was held for";
    case Doubt::kNone:
      break;
  }
  return fmt::format("predicted were {} to {} less", duration_text(trial.experiment.least_ns),
                     duration_text(trial.experiment.most_ns));
}

std::string trial_words(const Finding& finding) {
  const Trial& trial = *finding.trial;
  const double like = std::max(std::abs(trial.cpu_ns.change.value), 1.0);
  std::string text = fmt::format(
      "{}: {}: {} from {} to {}; CPU time {} per message{}; {}", standing_name(finding.standing),
      change_words(trial.experiment.change), name_of_figure(trial.experiment.figure),
      figure_words(trial.experiment.figure, trial.figure_before),
      figure_words(trial.experiment.figure, trial.figure_after),
      signed_duration(trial.cpu_ns.change.value, like),
      interval_words(trial.cpu_ns.change.interval, like), doubt_words(trial));
  if (trial.throughput) text += fmt::format("; throughput {}", times_text(*trial.throughput));
  return text;
}

bool is_worth_it(const Explanation& explanation, const Finding& finding) {
  const double whole = std::abs(explanation.cpu_b_ns - explanation.cpu_a_ns);
  return finding.trial || std::abs(finding.share) >= kWorthASentence ||
         std::abs(finding.guess_ns) > kWorthASentence * whole;
}

// The side that has more of it.
bool is_of_b(const Explanation& explanation, const Finding& finding) {
  if (explanation.alone) return true;
  if (finding.b_ns != finding.a_ns) return finding.b_ns > finding.a_ns;
  if (finding.guess_ns != 0) return finding.guess_ns > 0;
  return finding.figure_b > finding.figure_a;
}

Section cause_section(const Explanation& explanation, bool full) {
  Section section;
  section.title =
      explanation.alone ? "Where the CPU time goes, and why" : "What makes the difference";
  std::size_t number = 0;
  for (const Finding& finding : explanation.findings) {
    if (finding.cause->kind() == Cause::Kind::kLimit) continue;
    if (!full && !is_worth_it(explanation, finding)) continue;
    Fact fact{fmt::format("{}.", ++number), {}};
    fact.lines.push_back(fmt::format("{} {}", side_name(explanation, is_of_b(explanation, finding)),
                                     finding.cause->claim()));
    fact.lines.push_back(part_words(explanation, finding));
    if (std::string shown = evidence(explanation, finding); !shown.empty())
      fact.lines.push_back(std::move(shown));
    if (finding.trial)
      fact.lines.push_back(trial_words(finding));
    else if (finding.cause->kind() == Cause::Kind::kCost)
      fact.lines.emplace_back("associated: no experiment was made");
    section.facts.push_back(std::move(fact));
  }
  if (number == 0) section.remarks.emplace_back("No cause has a part in it that could be shown.");
  section.remarks.push_back(
      explanation.alone
          ? fmt::format(
                "{} of the CPU time ({} per message) is in no cause that is known here: the "
                "program's own code, calls that are its work, interrupts.",
                percent_text(explanation.unexplained_share),
                duration_text(explanation.unexplained_ns))
          : fmt::format(
                "Unexplained: {} of the difference ({} per message): calls that take longer "
                "without being more, and interrupts.",
                percent_text(std::abs(explanation.unexplained_share)),
                signed_duration(explanation.unexplained_ns, explanation.cpu_b_ns)));
  return section;
}

std::string limit_words(CpuUse::Limit limit) {
  switch (limit) {
    case CpuUse::Limit::kCpus:
      return "all that it could get";
    case CpuUse::Limit::kOneThread:
      return "its one thread runs all the time";
    case CpuUse::Limit::kLocks:
      return "its threads wait for each other at locks";
    case CpuUse::Limit::kSleeps:
      return "it sleeps in the middle of its work";
    case CpuUse::Limit::kOther:
      return "it waits for something in the middle of its work";
    case CpuUse::Limit::kWork:
      break;
  }
  return "otherwise it waits for messages";
}

std::string use_words(const CpuUse& use) {
  return fmt::format("{} of {} CPUs in use; {}", number_text(use.in_use), number_text(use.cpus),
                     limit_words(use.limit));
}

// What the throughput is worth.
void add_limits(const Explanation& explanation, Section& section) {
  for (const Finding& finding : explanation.findings) {
    if (finding.cause->kind() != Cause::Kind::kLimit) continue;
    const std::string who =
        finding.on_a && finding.on_b ? "either server" : side_name(explanation, finding.on_b);
    section.facts.push_back(
        {"Limit",
         {fmt::format("{} {}", who, finding.cause->claim()), evidence(explanation, finding)}});
  }
}

Section throughput_section(const Explanation& explanation) {
  Section section;
  section.title = "Throughput";
  if (explanation.alone) {
    section.facts.push_back({"CPUs", {use_words(explanation.use_b)}});
    add_limits(explanation, section);
    return section;
  }
  section.facts.push_back({"A", {use_words(explanation.use_a)}});
  section.facts.push_back({"B", {use_words(explanation.use_b)}});
  if (explanation.log_throughput && explanation.log_cpus_in_use && explanation.log_cpu_time)
    section.facts.push_back(
        {"B/A",
         {fmt::format("{:.3f} = {:.3f} by the CPUs in use x {:.3f} by the CPU time per message",
                      std::exp(*explanation.log_cpus_in_use + *explanation.log_cpu_time),
                      std::exp(*explanation.log_cpus_in_use),
                      std::exp(*explanation.log_cpu_time))}});
  add_limits(explanation, section);
  return section;
}

}  // namespace

std::string signed_duration(double ns, double like_ns) {
  return (ns < 0 ? "-" : "+") + duration_text(std::abs(ns), std::abs(like_ns));
}

std::string interval_words(const std::optional<statistics::Interval>& interval, double like_ns) {
  if (!interval) return {};
  return fmt::format(" (95 %: {} to {})", signed_duration(interval->low, like_ns),
                     signed_duration(interval->high, like_ns));
}

std::string range_words(const std::optional<statistics::Interval>& interval, double like_ns) {
  if (!interval) return {};
  return fmt::format(" (95 %: {} to {})", duration_text(std::max(interval->low, 0.0), like_ns),
                     duration_text(interval->high, like_ns));
}

std::string side_name(const explain::Explanation& explanation, bool b) {
  const std::string& server = b ? explanation.server_b : explanation.server_a;
  if (explanation.alone) return printable(server);
  const std::string letter = b ? "B" : "A";
  return explanation.server_a == explanation.server_b
             ? letter
             : fmt::format("{} ({})", letter, printable(server));
}

std::string times_text(double ratio) {
  return fmt::format("{:.2f} times", ratio);
}

std::string changes_words(const std::vector<explain::Change>& changes) {
  std::vector<std::string> words;
  words.reserve(changes.size());
  for (const explain::Change change : changes)
    words.push_back(change_words(change));
  return joined(words);
}

std::string_view standing_name(explain::Standing standing) {
  switch (standing) {
    case explain::Standing::kAssociated:
      return "associated";
    case explain::Standing::kConfirmed:
      return "confirmed";
    case explain::Standing::kRefuted:
      return "refuted";
    case explain::Standing::kUndecided:
      break;
  }
  return "undecided";
}

std::string change_words(explain::Change change) {
  switch (change) {
    case explain::Change::kOneCpu:
      return "on one CPU";
    case explain::Change::kWorkersAsCpus:
      return "with as many workers as CPUs";
    case explain::Change::kOneWorker:
      return "with one worker";
    case explain::Change::kDeeperPipeline:
      return "with 8 messages under way per connection";
    case explain::Change::kFewerConnections:
      return "with half of the connections";
    case explain::Change::kConnectionsAsCpus:
      return "with as many connections as CPUs";
    case explain::Change::kKeepConnections:
      return "with connections that stay open";
    case explain::Change::kMallocKeeps:
      break;
  }
  return "with a malloc that keeps its memory";
}

Report build_report(const ExplanationReport& input, bool full) {
  const Explanation& explanation = input.explanation;
  Report report;
  report.headline = headline(explanation);
  report.sections.push_back(cause_section(explanation, full));
  report.sections.push_back(throughput_section(explanation));
  if (input.factorial) report.sections.push_back(factorial_section(explanation, *input.factorial));
  if (explanation.runs_b < 2 || (!explanation.alone && explanation.runs_a < 2))
    report.warnings.emplace_back(
        "there is one run only: no intervals, and any of this may be chance");
  for (const std::string& note : input.notes)
    report.notes.push_back(printable(note));
  return report;
}

}  // namespace tr::report
