#include "report/json.h"
#include "report/json_parts.h"
#include "report/repeats.h"

namespace tr::report {
namespace {

Json run_json(const JudgedRepeats::Run& run) {
  const metrics::Metrics& metrics = run.judged.metrics;
  const auto& each = metrics.per_message;
  return {{"date", run.judged.snapshot.environment.date},
          {"window_ns", run.judged.snapshot.window_ns()},
          {"interrupted", run.judged.snapshot.interrupted},
          {"used", run.used()},
          {"verdict", verdict_json(run.judged)},
          {"failure", maybe(run.failure)},
          {"warnings", warnings_json(run.judged)},
          {"messages", maybe(metrics.messages.count)},
          {"messages_per_second", maybe(metrics::throughput(metrics))},
          {"steady_part", steady_part_json(metrics)},
          {"cpu_ns_per_message", each ? maybe(each->cpu_ns) : Json()}};
}

}  // namespace

const char* unit_name(metrics::Unit unit) {
  switch (unit) {
    case metrics::Unit::kPerSecond:
      return "per_second";
    case metrics::Unit::kNs:
      return "ns";
    case metrics::Unit::kBytes:
      return "bytes";
    case metrics::Unit::kCount:
      break;
  }
  return "count";
}

Json figure_json(const metrics::RepeatedFigure& spread) {
  return {{"unit", unit_name(spread.figure.unit)},
          {"mean", spread.mean.value},
          {"interval", interval_json(spread.mean.interval)},
          {"deviation", maybe(spread.deviation)},
          {"least", spread.least},
          {"greatest", spread.greatest},
          {"runs", spread.mean.count}};
}

std::string render_json(const JudgedRepeats& repeats) {
  const Snapshot& first = repeats.runs.front().judged.snapshot;
  Json runs = Json::array();
  for (const JudgedRepeats::Run& run : repeats.runs)
    runs.push_back(run_json(run));
  Json figures = Json::object();
  for (const metrics::RepeatedFigure& spread : repeats.spreads)
    figures[spread.figure.name] = figure_json(spread);
  Json report;
  report["schema_version"] = kReportSchemaVersion;
  report["environment"] = environment_json(first.environment);
  report["config"] = config_json(first.config);
  report["repeats"] = {{"asked", repeats.asked},
                       {"made", repeats.runs.size()},
                       {"used", repeats.fit},
                       {"runs", std::move(runs)},
                       {"figures", std::move(figures)}};
  return report.text();
}

}  // namespace tr::report
