#include "report/explanation.h"
#include "report/json_parts.h"

namespace tr::report {
namespace {

using explain::Doubt;
using explain::Explanation;
using explain::Finding;

const char* change_name(explain::Change change) {
  switch (change) {
    case explain::Change::kOneCpu:
      return "one_cpu";
    case explain::Change::kWorkersAsCpus:
      return "workers_as_cpus";
    case explain::Change::kOneWorker:
      return "one_worker";
    case explain::Change::kDeeperPipeline:
      return "deeper_pipeline";
    case explain::Change::kFewerConnections:
      return "fewer_connections";
    case explain::Change::kConnectionsAsCpus:
      return "connections_as_cpus";
    case explain::Change::kKeepConnections:
      return "keep_connections";
    case explain::Change::kMallocKeeps:
      break;
  }
  return "malloc_keeps";
}

const char* kind_name(explain::Cause::Kind kind) {
  switch (kind) {
    case explain::Cause::Kind::kCost:
      return "cost";
    case explain::Cause::Kind::kLimit:
      return "limit";
    case explain::Cause::Kind::kAccount:
      return "account";
    case explain::Cause::Kind::kTracing:
      break;
  }
  return "tracing";
}

const char* doubt_name(Doubt doubt) {
  switch (doubt) {
    case Doubt::kFigureStayed:
      return "figure_stayed";
    case Doubt::kNoise:
      return "noise";
    case Doubt::kOtherSize:
      return "other_size";
    case Doubt::kPartStayed:
      return "part_stayed";
    case Doubt::kNone:
      break;
  }
  return "none";
}

const char* limit_name(explain::CpuUse::Limit limit) {
  using Limit = explain::CpuUse::Limit;
  switch (limit) {
    case Limit::kCpus:
      return "cpus";
    case Limit::kOneThread:
      return "one_thread";
    case Limit::kLocks:
      return "locks";
    case Limit::kSleeps:
      return "sleeps";
    case Limit::kOther:
      return "other";
    case Limit::kWork:
      break;
  }
  return "work";
}

Json estimate(const statistics::Estimate& estimate) {
  return {{"value", estimate.value}, {"interval", interval_json(estimate.interval)}};
}

Json trial(const explain::Trial& trial) {
  return {{"change", change_name(trial.experiment.change)},
          {"figure", trial.experiment.figure},
          {"figure_before", trial.figure_before},
          {"figure_after", trial.figure_after},
          {"predicted_fall_ns", {trial.experiment.least_ns, trial.experiment.most_ns}},
          {"cpu_ns", estimate(trial.cpu_ns.change)},
          {"part_ns", estimate(trial.part_ns.change)},
          {"throughput_ratio", maybe(trial.throughput)},
          {"doubt", doubt_name(trial.doubt)},
          {"pairs_needed", maybe(trial.repeats_needed)}};
}

Json finding(const Finding& finding) {
  return {{"cause", finding.cause->name()},
          {"claim", finding.cause->claim()},
          {"kind", kind_name(finding.cause->kind())},
          {"standing", standing_name(finding.standing)},
          {"part_a_ns", finding.a_ns},
          {"part_b_ns", finding.b_ns},
          {"part_ns", estimate(finding.part.change)},
          {"share", finding.share},
          {"adjusted_p", maybe(finding.adjusted_p)},
          {"figure", finding.cause->figure()},
          {"figure_a", finding.figure_a},
          {"figure_b", finding.figure_b},
          {"guess_ns", finding.guess_ns},
          {"experiment", finding.trial ? trial(*finding.trial) : Json()}};
}

Json use(const explain::CpuUse& use) {
  return {{"in_use", use.in_use}, {"cpus", use.cpus}, {"limit", limit_name(use.limit)}};
}

Json changes(const std::vector<explain::Change>& changes) {
  Json names = Json::array();
  for (const explain::Change change : changes)
    names.push_back(change_name(change));
  return names;
}

Json factorial(const explain::Factorial& factorial) {
  Json settings = Json::array();
  for (const explain::Setting& setting : factorial.settings)
    settings.push_back({{"changes", changes(setting.changes)},
                        {"runs", setting.runs},
                        {"cpu_ns", setting.cpu_ns},
                        {"messages_per_second", setting.per_second}});
  Json effects = Json::array();
  for (const explain::Effect& effect : factorial.effects)
    effects.push_back(
        {{"changes", changes(effect.of)},
         {"cpu_ns", estimate(effect.cpu_ns)},
         {"log_throughput_ratio", effect.log_ratio ? estimate(*effect.log_ratio) : Json()},
         {"shown", effect.shown()}});
  return {{"side", factorial.on_b ? "B" : "A"},
          {"settings", std::move(settings)},
          {"effects", std::move(effects)}};
}

}  // namespace

std::string render_json(const ExplanationReport& report) {
  const Explanation& explanation = report.explanation;
  Json findings = Json::array();
  for (const Finding& each : explanation.findings)
    findings.push_back(finding(each));
  const bool two = !explanation.alone;
  Json json = {
      {"schema_version", kExplanationSchemaVersion},
      {"server_a", two ? Json(explanation.server_a) : Json()},
      {"server_b", explanation.server_b},
      {"runs_a", explanation.runs_a},
      {"runs_b", explanation.runs_b},
      {"cpu_a_ns", two ? Json(explanation.cpu_a_ns) : Json()},
      {"cpu_b_ns", explanation.cpu_b_ns},
      {"cpu_ns", estimate(explanation.cpu.change)},
      {"bare_cpu_ns", explanation.bare_cpu ? estimate(explanation.bare_cpu->change) : Json()},
      {"throughput",
       {{"log_ratio", maybe(explanation.log_throughput)},
        {"log_cpus_in_use", maybe(explanation.log_cpus_in_use)},
        {"log_cpu_time", maybe(explanation.log_cpu_time)}}},
      {"use_a", two ? use(explanation.use_a) : Json()},
      {"use_b", use(explanation.use_b)},
      {"findings", std::move(findings)},
      {"factorial", report.factorial ? factorial(*report.factorial) : Json()},
      {"unexplained_ns", explanation.unexplained_ns},
      {"unexplained_share", explanation.unexplained_share},
      {"notes", report.notes}};
  return json.text();
}

}  // namespace tr::report
