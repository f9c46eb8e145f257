#include "snapshot/load_result.h"

#include <utility>

namespace tr {
namespace {

using nlohmann::json;

// The one list of the plain fields; both directions walk it.
template <class Load, class Field>
void each_plain_field(Load& load, Field field) {
  field("connections", load.connections);
  field("connect_failures", load.connect_failures);
  field("messages", load.messages);
  field("bytes", load.bytes);
  field("sent", load.sent);
  field("wrong_answers", load.wrong_answers);
  field("broken_connections", load.broken_connections);
  field("silent_connections", load.silent_connections);
  field("first_failure", load.first_failure);
  field("unanswered", load.unanswered);
  field("longest_unanswered_ns", load.longest_unanswered_ns);
  field("fairness_p5", load.fairness_p5);
  field("fairness_p50", load.fairness_p50);
  field("fairness_p95", load.fairness_p95);
  field("fairness_jain", load.fairness_jain);
  field("user_ns", load.user_ns);
  field("system_ns", load.system_ns);
  field("cpus", load.cpus);
  field("late_sends", load.late_sends);
  field("saturated", load.saturated);
  field("saturation", load.saturation);
}

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

}  // namespace

json load_result_to_json(const LoadResult& result) {
  json to = json::object();
  each_plain_field(result, [&](const char* name, const auto& value) { to[name] = value; });
  if (result.runqueue_ns) to["runqueue_ns"] = *result.runqueue_ns;
  to["latency"] = to_json(result.latency);
  to["service"] = to_json(result.service);
  return to;
}

Result<LoadResult> load_result_from_json(const json& from) {
  try {
    LoadResult result;
    each_plain_field(result, [&](const char* name, auto& value) { from.at(name).get_to(value); });
    if (from.contains("runqueue_ns"))
      result.runqueue_ns = from.at("runqueue_ns").get<std::uint64_t>();
    result.latency = histogram_from(from.at("latency"));
    result.service = histogram_from(from.at("service"));
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
