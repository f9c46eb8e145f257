#include "snapshot/load_result.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "snapshot/snapshot_fields.h"

namespace tr {
namespace {

using nlohmann::json;

json to_json(const Histogram& histogram) {
  json buckets = json::array();
  for (const auto& [index, count] : histogram.buckets())
    buckets.push_back({index, count});
  return {{"buckets", std::move(buckets)}, {"sum", histogram.sum()}, {"max", histogram.max()}};
}

Histogram histogram_from(const json& from) {
  std::vector<Histogram::Bucket> buckets;
  for (const json& bucket : from.at("buckets"))
    buckets.push_back({bucket.at(0).get<std::size_t>(), bucket.at(1).get<std::uint64_t>()});
  return {kLoadBuckets, buckets, from.at("sum").get<std::uint64_t>(),
          from.at("max").get<std::uint64_t>()};
}

// How each kind of member stands in the JSON; an absent optional has no key.
void write(json& to, const char* name, const Histogram& value) {
  to[name] = to_json(value);
}

void write(json& to, const char* name, const AnswerBins& value) {
  visit_fields(value, [&](const char* part, const auto& member) { to[name][part] = member; });
}

template <class T>
void write(json& to, const char* name, const T& value) {
  to[name] = value;
}

template <class T>
void write(json& to, const char* name, const std::optional<T>& value) {
  if (value) write(to, name, *value);
}

void read(const json& from, const char* name, Histogram& value) {
  value = histogram_from(from.at(name));
}

void read(const json& from, const char* name, AnswerBins& value) {
  const json& parts = from.at(name);
  visit_fields(value, [&](const char* part, auto& member) { parts.at(part).get_to(member); });
}

template <class T>
void read(const json& from, const char* name, T& value) {
  from.at(name).get_to(value);
}

template <class T>
void read(const json& from, const char* name, std::optional<T>& value) {
  if (from.contains(name)) read(from, name, value.emplace());
}

}  // namespace

json load_result_to_json(const LoadResult& result) {
  json to = json::object();
  visit_fields(result, [&](const char* name, const auto& value) { write(to, name, value); });
  return to;
}

Result<LoadResult> load_result_from_json(const json& from) {
  try {
    LoadResult result;
    visit_fields(result, [&](const char* name, auto& value) { read(from, name, value); });
    return result;
  } catch (const json::exception& error) {
    return Error{.failure = Failure::kRun,
                 .operation = "read",
                 .object = "a load result",
                 .code = 0,
                 .why = error.what(),
                 .remedy = {}};
  }
}

}  // namespace tr
