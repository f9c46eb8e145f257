#include "sweep/manifest_file.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace tr::sweep {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "trace-run sweep";
// 2 has lists of cells; what 1 holds is a grid.
constexpr int kVersion = 2;

std::vector<std::string> words_from(const Json& json, const char* key) {
  return json.contains(key) ? json.at(key).get<std::vector<std::string>>()
                            : std::vector<std::string>();
}

PlannedCell cell_from(const Json& json) {
  return {.cell = {.server = json.at("server").get<std::string>(),
                   .connections = json.at("connections").get<std::uint64_t>(),
                   .pin = json.at("pin").get<std::string>(),
                   .size = json.at("size").get<std::uint64_t>(),
                   .pipeline = json.at("pipeline").get<std::uint64_t>(),
                   .name = json.value("name", std::string()),
                   .options = words_from(json, "options"),
                   .program = words_from(json, "program"),
                   .load = json.value("load", std::string())},
          .skipped = json.at("skipped").get<std::string>()};
}

Manifest manifest_from(const Json& json) {
  Manifest manifest;
  for (const Json& cell : json.at("cells"))
    manifest.cells.push_back(cell_from(cell));
  manifest.repeats = json.at("repeats").get<std::uint64_t>();
  manifest.order_seed = json.at("order_seed").get<std::uint64_t>();
  manifest.options = json.at("options").get<std::vector<std::string>>();
  manifest.tool_version = json.at("tool_version").get<std::string>();
  manifest.kernel = json.at("kernel").get<std::string>();
  manifest.cpus = json.at("cpus").get<std::string>();
  return manifest;
}

// The distinct values along one axis, in the order in which they come.
std::string axis(const Manifest& manifest, const std::function<std::string(const Cell&)>& value) {
  std::vector<std::string> values;
  for (const PlannedCell& planned : manifest.cells)
    if (std::string text = value(planned.cell); std::ranges::find(values, text) == values.end())
      values.push_back(std::move(text));
  return fmt::format("{}", fmt::join(values, ", "));
}

std::optional<std::string> differ(const std::string& what, const std::string& a,
                                  const std::string& b) {
  const auto shown = [](const std::string& text) { return text.empty() ? "none" : text; };
  return a == b ? std::nullopt
                : std::optional(fmt::format("{}: {} there, {} here", what, shown(a), shown(b)));
}

// Between lists of cells, or one and a grid.
std::optional<std::string> list_difference(const Manifest& there, const Manifest& here) {
  const auto line_of = [](const Cell& cell) {
    std::vector<std::string> words = cell.options;
    words.insert(words.end(), cell.program.begin(), cell.program.end());
    return fmt::format("{}", fmt::join(words, " "));
  };
  for (std::size_t i = 0; i < std::min(there.cells.size(), here.cells.size()); ++i) {
    const Cell& theirs = there.cells[i].cell;
    const Cell& ours = here.cells[i].cell;
    auto difference = differ(fmt::format("cell {}", i + 1), theirs.name, ours.name);
    if (!difference) difference = differ(ours.name, line_of(theirs), line_of(ours));
    if (difference) return difference;
  }
  const auto listed = [](const Manifest& manifest) {
    return !manifest.cells.empty() && !manifest.cells.front().cell.name.empty();
  };
  return listed(here) ? differ("cells", fmt::to_string(there.cells.size()),
                               fmt::to_string(here.cells.size()))
                      : std::nullopt;
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
  Json cells = Json::array();
  for (const PlannedCell& planned : manifest.cells) {
    const Cell& cell = planned.cell;
    Json& json = cells.emplace_back(Json{{"server", cell.server},
                                         {"connections", cell.connections},
                                         {"pin", cell.pin},
                                         {"size", cell.size},
                                         {"pipeline", cell.pipeline},
                                         {"skipped", planned.skipped}});
    if (cell.name.empty()) continue;
    json["name"] = cell.name;
    json["options"] = cell.options;
    json["program"] = cell.program;
    json["load"] = cell.load;
  }
  const Json json{{"format", kFormat},
                  {"version", kVersion},
                  {"tool_version", manifest.tool_version},
                  {"kernel", manifest.kernel},
                  {"cpus", manifest.cpus},
                  {"repeats", manifest.repeats},
                  {"order_seed", manifest.order_seed},
                  {"options", manifest.options},
                  {"cells", std::move(cells)}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
}

Result<Manifest> decode_manifest(std::string_view bytes, const std::string& name) {
  const auto damaged = [&](std::string why) {
    return Error{.failure = Failure::kUsage,
                 .operation = "read the sweep in",
                 .object = name,
                 .why = std::move(why),
                 .remedy = "name another folder"};
  };
  try {
    const Json json = Json::parse(bytes);
    if (json.at("format") != kFormat) return damaged("it holds something else");
    const int version = json.at("version").get<int>();
    if (version < 1 || version > kVersion)
      return damaged("another version of trace-run has written it");
    Manifest manifest = manifest_from(json);
    if (manifest.cells.size() > kMostCells || manifest.repeats == 0 ||
        manifest.repeats > kMostRepeats)
      return damaged("it is damaged: no sweep is of that size");
    return manifest;
  } catch (const Json::exception& error) {
    return damaged("it is damaged: no sweep is described there");
  }
}

std::optional<std::string> first_difference(const Manifest& there, const Manifest& here) {
  if (auto difference = list_difference(there, here)) return difference;
  const auto by_axis = [&](const char* what, const auto& value) {
    return differ(what, axis(there, value), axis(here, value));
  };
  const auto options = [](const Manifest& manifest) {
    return fmt::format("{}", fmt::join(manifest.options, " "));
  };
  for (const auto& difference :
       {by_axis("servers", [](const Cell& cell) { return cell.server; }),
        by_axis("connections", [](const Cell& cell) { return fmt::to_string(cell.connections); }),
        by_axis("pinning", [](const Cell& cell) { return cell.pin.empty() ? "none" : cell.pin; }),
        by_axis("size", [](const Cell& cell) { return fmt::to_string(cell.size); }),
        by_axis("pipeline", [](const Cell& cell) { return fmt::to_string(cell.pipeline); }),
        differ("repeats", fmt::to_string(there.repeats), fmt::to_string(here.repeats)),
        differ("order seed", fmt::to_string(there.order_seed), fmt::to_string(here.order_seed)),
        differ("options", options(there), options(here)),
        differ("trace-run", there.tool_version, here.tool_version),
        differ("kernel", there.kernel, here.kernel), differ("CPUs", there.cpus, here.cpus)})
    if (difference) return difference;
  const bool same =
      std::ranges::equal(there.cells, here.cells, {}, &PlannedCell::cell, &PlannedCell::cell);
  return same ? std::nullopt : std::optional<std::string>("the order of its servers or settings");
}

}  // namespace tr::sweep
