#include "report/json_parts.h"

namespace tr::report {

namespace {

Json hop_json(const metrics::HopFigures& hop) {
  Json times = Json::object();
  for (const auto& [name, time] : hop.times)
    times[name] = path_time_json(time);
  return {{"sent", hop.sent},
          {"received", hop.received},
          {"per_message", maybe(hop.per_message)},
          {"times", std::move(times)}};
}

}  // namespace

Json message_hops_json(const metrics::Metrics& metrics) {
  if (!metrics.message_hops) return {};
  const metrics::HopsFigures& figures = *metrics.message_hops;
  Json hops = Json::array();
  for (const metrics::HopFigures& hop : figures.hops)
    hops.push_back(hop_json(hop));
  return {{"hops", std::move(hops)},
          {"uncertain", hop_json(figures.uncertain)},
          {"per_message", maybe(figures.per_message)},
          {"spread", path_time_json(figures.spread)},
          {"notes", figures.notes}};
}

}  // namespace tr::report
