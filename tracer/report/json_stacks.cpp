#include "report/json_parts.h"
#include "report/stacks.h"

namespace tr::report {
namespace {

Json frames(const Stacks& stacks) {
  Json list = Json::array();
  for (const Frame& frame : stacks.frames)
    list.push_back({{"function", maybe(frame.function)},
                    {"module", maybe(frame.module)},
                    {"offset", frame.resolved() ? Json() : Json(frame.offset)},
                    {"kernel", frame.kernel}});
  return list;
}

Json quality(const metrics::StackQuality& quality) {
  return {{"unresolved_share", quality.unresolved}, {"incomplete_share", quality.incomplete}};
}

Json profile(const Snapshot& snapshot, const metrics::CpuUse& use) {
  const CpuProfile& profile = *snapshot.stacks->profile;
  Json functions = Json::array();
  for (const metrics::FunctionRow& row : use.functions)
    functions.push_back({{"frame", row.frame},
                         {"self_samples", row.self},
                         {"self_ns", use.ns_of(row.self)},
                         {"self_error", use.error_of(row.self)},
                         {"total_samples", row.total},
                         {"total_ns", use.ns_of(row.total)},
                         {"total_error", use.error_of(row.total)}});
  Json stacks = Json::array();
  for (const SampledStack& sampled : profile.stacks)
    stacks.push_back({{"thread", sampled.thread},
                      {"samples", sampled.samples},
                      {"frames", snapshot.stacks->stacks[sampled.stack].frames}});
  Json json = {{"event", profile.event},
               {"hz", profile.hz},
               {"samples", use.samples},
               {"cpu_ns", use.cpu_ns},
               {"system_ns", use.system_ns}};
  json.update(quality(use.quality));
  json["functions"] = std::move(functions);
  json["stacks"] = std::move(stacks);
  return json;
}

Json blocked(const Stacks& stacks, const metrics::OffCpu& off) {
  Json list = Json::array();
  for (const BlockedStack& blocked : stacks.blocked)
    list.push_back({{"thread", blocked.thread},
                    {"call", maybe(blocked.call)},
                    {"object", maybe(blocked.object)},
                    {"waker", blocked.waker},
                    {"idle", metrics::waits_for_work(blocked)},
                    {"count", blocked.count},
                    {"ns", blocked.ns},
                    {"frames", stacks.stacks[blocked.stack].frames}});
  Json json = {{"ns", off.ns}};
  json.update(quality(off.quality));
  json["stacks"] = std::move(list);
  return json;
}

}  // namespace

Json stacks_json(const Snapshot& snapshot, const metrics::Metrics& metrics) {
  if (!metrics.stacks) return {};
  const metrics::StackFigures& figures = *metrics.stacks;
  return {{"frames", frames(*snapshot.stacks)},
          {"profile", figures.cpu ? profile(snapshot, *figures.cpu) : Json()},
          {"blocked", figures.blocked ? blocked(*snapshot.stacks, *figures.blocked) : Json()}};
}

}  // namespace tr::report
