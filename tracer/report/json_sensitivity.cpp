#include "report/json_parts.h"
#include "report/sensitivity.h"
#include "report/warnings.h"

namespace tr::report {
namespace {

using explain::Place;

const char* place_name(Place place) {
  switch (place) {
    case Place::kBottleneck:
      return "bottleneck";
    case Place::kShared:
      return "shared";
    case Place::kSlack:
      return "slack";
    case Place::kMultiplied:
      return "multiplied";
    case Place::kNeverThere:
      return "never_there";
    case Place::kUndecided:
      break;
  }
  return "undecided";
}

// Null where nothing was fitted.
Json slope_json(const std::optional<statistics::Estimate>& slope) {
  if (!slope || slope->count == 0) return {};
  return {{"value", slope->value},
          {"low", slope->interval ? Json(slope->interval->low) : Json()},
          {"high", slope->interval ? Json(slope->interval->high) : Json()},
          {"runs", slope->count}};
}

Json stage_json(const explain::StageSensitivity& stage) {
  Json runs = Json::array();
  for (std::size_t round = 0; round < stage.rounds.size(); ++round)
    for (const explain::DelayedRun& run : stage.rounds[round])
      runs.push_back({{"round", round + 1},
                      {"asked_ns", run.asked_ns},
                      {"delay_ns", run.delay_ns},
                      {"delays", run.delays},
                      {"answer_ns", run.answer_ns},
                      {"cpu_ns", maybe(run.cpu_ns)}});
  return {{"stage", stage.stage},
          {"place", place_name(stage.place)},
          {"delays_per_message", stage.delays},
          {"answer_slope", slope_json(stage.answer)},
          {"cpu_slope", slope_json(stage.cpu)},
          {"rounds_needed", maybe(stage.rounds_needed)},
          {"runs", std::move(runs)}};
}

}  // namespace

std::string render_json(const SensitivityReport& report) {
  const explain::Sensitivity& found = report.sensitivity;
  Json unfit = Json::object();
  for (const auto& [kind, runs] : found.unfit)
    unfit[std::string(warning_kind(kind))] = runs;
  Json stages = Json::array();
  for (const explain::StageSensitivity& stage : found.stages)
    stages.push_back(stage_json(stage));
  const Json document{{"schema_version", kSensitivitySchemaVersion},
                      {"server", found.server},
                      {"rounds", found.rounds},
                      {"runs", found.runs},
                      {"answer_ns", found.answer_ns},
                      {"cpus_in_use", maybe(found.cpus_in_use)},
                      {"unfit", std::move(unfit)},
                      {"uses_unfit", found.uses_unfit},
                      {"stages", std::move(stages)},
                      {"notes", report.notes}};
  return document.text();
}

}  // namespace tr::report
