#include "report/json_parts.h"

namespace tr::report {
namespace {

using metrics::PathFigures;
using metrics::PathPart;
using metrics::PathTime;

Json part_json(const PathFigures& path, const std::optional<PathPart>& part) {
  if (!part) return {};
  Json legs = Json::object();
  for (std::size_t i = 0; i < path.legs.size(); ++i)
    legs[path.legs[i].name] = part->legs_ns[i];
  return {{"messages", part->messages},
          {"least_ns", part->least_ns},
          {"most_ns", part->most_ns},
          {"mean_ns", part->mean_ns},
          {"legs_ns", std::move(legs)}};
}

}  // namespace

Json path_time_json(const PathTime& time) {
  return {{"total_ns", time.total_ns}, {"mean_ns", time.mean_ns}, {"p50_ns", time.p50_ns},
          {"p90_ns", time.p90_ns},     {"p99_ns", time.p99_ns},   {"messages", time.messages}};
}

Json message_path_json(const metrics::Metrics& metrics) {
  if (!metrics.message_path) return {};
  const PathFigures& path = *metrics.message_path;
  Json legs = Json::object();
  for (const metrics::LegTime& leg : path.legs) {
    legs[leg.name] = path_time_json(leg.time);
    legs[leg.name]["share"] = leg.share;
  }
  return {{"matched_by", path.message_size == 0 ? "turn_around" : "byte_offset"},
          {"message_size", unless_zero(path.message_size)},
          {"messages", path.messages},
          {"whole", path_time_json(path.whole)},
          {"legs", std::move(legs)},
          {"median", part_json(path, path.median)},
          {"tail", part_json(path, path.tail)},
          {"round_trip_ns", maybe(path.round_trip_ns)},
          {"outside_ns", maybe(path.outside_ns)},
          {"notes", path.notes}};
}

}  // namespace tr::report
