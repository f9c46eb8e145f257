#include <cmath>

#include "report/comparison.h"
#include "report/json_parts.h"
#include "report/warnings.h"

namespace tr::report {
namespace {

using compare::Comparison;

const char* better_name(metrics::Better better) {
  switch (better) {
    case metrics::Better::kHigher:
      return "higher";
    case metrics::Better::kLower:
      return "lower";
    case metrics::Better::kNeither:
      break;
  }
  return "neither";
}

const char* standing_name(compare::Standing standing) {
  switch (standing) {
    case compare::Standing::kShown:
      return "shown";
    case compare::Standing::kNotShown:
      return "not_shown";
    case compare::Standing::kOneRun:
      return "one_run";
    case compare::Standing::kRare:
      break;
  }
  return "rare";
}

const char* kind_name(compare::SettingDifference::Kind kind) {
  using Kind = compare::SettingDifference::Kind;
  switch (kind) {
    case Kind::kMixed:
      return "mixed";
    case Kind::kProtocol:
      return "protocol";
    case Kind::kSize:
      return "size";
    case Kind::kKernel:
      return "kernel";
    case Kind::kProbes:
      return "probes";
    case Kind::kMachine:
      return "machine";
    case Kind::kTool:
      return "tool";
    case Kind::kConfig:
      break;
  }
  return "config";
}

Json estimate(const std::optional<statistics::Estimate>& estimate) {
  if (!estimate) return {};
  const auto& interval = estimate->interval;
  return {{"value", estimate->value},
          {"low", interval ? Json(interval->low) : Json()},
          {"high", interval ? Json(interval->high) : Json()}};
}

Json figures(const Comparison& comparison) {
  Json object = Json::object();
  for (const compare::Row& row : comparison.rows)
    object[row.name] = {{"unit", unit_name(row.unit)},
                        {"better", better_name(row.better)},
                        {"a", row.a},
                        {"b", row.b},
                        {"change", estimate(row.difference.change)},
                        {"ratio", estimate(row.difference.ratio)},
                        {"p", maybe(row.difference.p)},
                        {"adjusted_p", maybe(row.adjusted_p)},
                        {"least_seen", maybe(row.difference.least_seen)},
                        {"exact", row.difference.exact},
                        {"standing", standing_name(row.standing)}};
  return object;
}

Json budget(const Comparison& comparison) {
  if (!comparison.budget) return {};
  const compare::BudgetDifference& budget = *comparison.budget;
  const compare::Apportioning& parts = budget.apportioning;
  Json states = Json::object();
  for (const compare::StateRow& row : budget.rows)
    states[row.name] = {{"a_ns", row.a_ns},
                        {"b_ns", row.b_ns},
                        {"difference_ns", row.difference_ns()},
                        {"log_effect", row.log_effect}};
  return {{"a_ns", budget.a_ns},
          {"b_ns", budget.b_ns},
          {"difference_ns", budget.b_ns - budget.a_ns},
          {"residual_a_ns", budget.residual_a_ns},
          {"residual_b_ns", budget.residual_b_ns},
          {"states", std::move(states)},
          {"throughput",
           {{"log_ratio", parts.log_ratio},
            {"log_threads", parts.log_threads},
            {"log_states", parts.log_states},
            {"log_steady", parts.log_steady},
            {"threads_a", parts.threads_a},
            {"threads_b", parts.threads_b},
            {"log_cpus_in_use", maybe(parts.log_cpus_in_use)},
            {"log_cpu_time", maybe(parts.log_cpu_time)}}}};
}

Json calls(const Comparison& comparison) {
  Json object = Json::object();
  for (const compare::CallRow& row : comparison.calls)
    object[row.name] = {{"a_calls", row.a_calls},
                        {"b_calls", row.b_calls},
                        {"a_ns", row.a_ns},
                        {"b_ns", row.b_ns},
                        {"difference_ns", row.difference_ns()},
                        {"more_calls_ns", row.more_calls_ns},
                        {"dearer_calls_ns", row.dearer_calls_ns}};
  return object;
}

Json settings(const Comparison& comparison) {
  Json list = Json::array();
  for (const compare::SettingDifference& setting : comparison.settings)
    list.push_back({{"kind", kind_name(setting.kind)},
                    {"what", setting.what},
                    {"a", setting.a},
                    {"b", setting.b},
                    {"forbids", compare::forbids(setting.kind)}});
  return list;
}

Json unfit(const Comparison& comparison, bool used) {
  Json list = Json::array();
  for (const compare::UnfitRun& run : comparison.unfit) {
    if (run.used != used) continue;
    Json why = Json::array();
    for (const metrics::Doubt::Kind kind : run.why)
      why.push_back(warning_kind(kind));
    list.push_back({{"side", std::string(1, run.side)}, {"run", run.run}, {"why", std::move(why)}});
  }
  return list;
}

Json gates(const std::vector<compare::GateResult>& gates) {
  Json list = Json::array();
  for (const compare::GateResult& gate : gates)
    list.push_back({{"text", gate.gate.text},
                    {"figure", gate.gate.figure},
                    {"relative", gate.gate.relative},
                    {"bound", gate.gate.bound},
                    // JSON has no infinity.
                    {"change", std::isfinite(gate.change) ? Json(gate.change) : Json()},
                    {"failed", gate.failed}});
  return list;
}

}  // namespace

std::string render_json(const ComparisonReport& report) {
  const Comparison& comparison = report.comparison;
  const auto side = [](const std::string& server, std::size_t runs) {
    return Json{{"server", server}, {"runs", runs}};
  };
  Json json;
  json["schema_version"] = kComparisonSchemaVersion;
  json["a"] = side(comparison.server_a, comparison.runs_a);
  json["b"] = side(comparison.server_b, comparison.runs_b);
  json["paired"] = comparison.paired;
  json["settings"] = settings(comparison);
  json["left_out"] = unfit(comparison, false);
  json["unfit_but_used"] = unfit(comparison, true);
  json["false_share"] = compare::kFalseShare;
  json["tested"] = comparison.tested;
  json["figures"] = figures(comparison);
  json["budget"] = budget(comparison);
  json["calls"] = calls(comparison);
  json["gates"] = gates(report.gates);
  json["notes"] = report.notes;
  // Names of threads and files may be any bytes: what is no UTF-8 becomes U+FFFD.
  return json.text();
}

}  // namespace tr::report
