// A sweep for programs: JSON and CSV.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "report/json.h"
#include "report/json_parts.h"
#include "report/sweep.h"
#include "report/sweep_parts.h"
#include "report/warnings.h"

namespace tr::report {
namespace {

using sweep::CellResult;
using sweep::Results;

Json load_json(const sweep::Cell& cell) {
  return {{"load", maybe(cell.load)},
          {"connections", cell.connections},
          {"pin", maybe(cell.pin)},
          {"size", unless_zero(cell.size)},
          {"pipeline", cell.pipeline}};
}

Json name_json(const sweep::Cell& cell) {
  return {{"name", maybe(cell.name)}, {"server", cell.server}};
}

Json cell_json(const CellResult& cell) {
  Json json = name_json(cell.cell);
  json["options"] = cell.cell.options;
  json["program"] = cell.cell.program;
  json.update(load_json(cell.cell));
  Json unfit = Json::object();
  for (const auto& [kind, runs] : cell.unfit)
    unfit[std::string(warning_kind(kind))] = runs;
  Json figures = Json::object();
  for (const metrics::RepeatedFigure& figure : cell.figures)
    figures[figure.figure.name] = figure_json(figure);
  json["skipped"] = maybe(cell.skipped);
  json["failures"] = cell.failures;
  json["made"] = cell.runs;
  json["used"] = cell.fit;
  json["unfit"] = std::move(unfit);
  json["figures"] = std::move(figures);
  return json;
}

Json ranking_json(const Results& results, const sweep::Ranking& ranking) {
  Json json = load_json(results.cells[ranking.front().cell].cell);
  Json places = Json::array();
  for (const sweep::Place& place : ranking) {
    Json& each = places.emplace_back(name_json(results.cells[place.cell].cell));
    each["first"] = place.first;
    each["last"] = place.last;
  }
  json["places"] = std::move(places);
  return json;
}

Json scaling_json(const Results& results, const sweep::Scaling& scaling) {
  const sweep::Cell& cell = results.cells[scaling.cell].cell;
  Json json{{"server", cell.server}, {"program", cell.program}};
  json.update(load_json(cell));
  json.erase("connections");
  json["points"] = scaling.points;
  json["lambda"] = scaling.law.lambda;
  json["sigma"] = scaling.law.sigma;
  json["kappa"] = scaling.law.kappa;
  json["r_squared"] = scaling.law.r_squared;
  json["peak_connections"] = maybe(scaling.law.peak);
  return json;
}

// RFC 4180.
std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text)
    quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

// All figures that any cell has. What only a later one has stands where it stands there.
std::vector<std::string> figures_of(const Results& results) {
  std::vector<std::string> names;
  for (const CellResult& cell : results.cells) {
    auto place = names.begin();
    for (const metrics::RepeatedFigure& figure : cell.figures) {
      const auto known = std::ranges::find(names, figure.figure.name);
      place = (known == names.end() ? names.insert(place, figure.figure.name) : known) + 1;
    }
  }
  return names;
}

}  // namespace

std::string render_json(const Results& results) {
  Json cells = Json::array();
  for (const CellResult& cell : results.cells)
    cells.push_back(cell_json(cell));
  Json rankings = Json::array();
  for (const sweep::Ranking& ranking : results.rankings)
    rankings.push_back(ranking_json(results, ranking));
  Json scalings = Json::array();
  for (const sweep::Scaling& scaling : results.scalings)
    scalings.push_back(scaling_json(results, scaling));
  Json report;
  report["schema_version"] = kReportSchemaVersion;
  report["environment"] = environment_json(results.environment);
  report["config"] = config_json(results.config);
  report["sweep"] = {{"repeats", results.repeats},
                     {"cells", std::move(cells)},
                     {"rankings", std::move(rankings)},
                     {"scalability", std::move(scalings)}};
  return report.text();
}

std::string render_csv(const Results& results) {
  const std::vector<std::string> names = figures_of(results);
  const bool list = is_list(results);
  std::vector<std::string> line{"server", "connections", "pin", "size", "pipeline", "made", "used"};
  if (list) line.insert(line.begin(), {"name", "load"});
  for (const std::string& name : names)
    for (const char* part : {"", ".low", ".high"})
      line.push_back(csv_text(name + part));
  std::string csv = fmt::format("{}\r\n", fmt::join(line, ","));
  for (const CellResult& cell : results.cells) {
    line = {csv_text(cell.cell.server),
            fmt::to_string(cell.cell.connections),
            csv_text(cell.cell.pin),
            cell.cell.size == 0 ? "" : fmt::to_string(cell.cell.size),
            fmt::to_string(cell.cell.pipeline),
            fmt::to_string(cell.runs),
            fmt::to_string(cell.fit)};
    if (list) line.insert(line.begin(), {csv_text(cell.cell.name), csv_text(cell.cell.load)});
    for (const std::string& name : names) {
      const metrics::RepeatedFigure* const figure = cell.find(name);
      const auto* interval =
          figure != nullptr && figure->mean.interval ? &*figure->mean.interval : nullptr;
      line.push_back(figure == nullptr ? "" : fmt::format("{}", figure->figure.value));
      line.push_back(interval == nullptr ? "" : fmt::format("{}", interval->low));
      line.push_back(interval == nullptr ? "" : fmt::format("{}", interval->high));
    }
    csv += fmt::format("{}\r\n", fmt::join(line, ","));
  }
  return csv;
}

}  // namespace tr::report
