#include <cstdint>
#include <utility>

#include "report/json_parts.h"

namespace tr::report {
namespace {

Json durations(const Durations& durations) {
  const metrics::Spread spread = metrics::spread_of(durations);
  Json buckets = Json::array();
  for (const Histogram::Bucket& bucket : durations.buckets)
    buckets.push_back({kKernelBuckets.lower(bucket.index), bucket.count});
  return {{"count", spread.count},          {"ns", spread.ns},
          {"p50_ns", maybe(spread.p50_ns)}, {"p90_ns", maybe(spread.p90_ns)},
          {"p99_ns", maybe(spread.p99_ns)}, {"max_ns", spread.max_ns},
          {"histogram", std::move(buckets)}};
}

Json causes(const Snapshot& snapshot) {
  Json list = Json::array();
  for (const WaitCause& cause : snapshot.waits->causes) {
    Wait wait;
    wait.call = cause.call;
    wait.object = cause.object;
    const bool told = !cause.place.empty();
    list.push_back({{"call", maybe(cause.call)},
                    {"object", maybe(cause.object)},
                    {"place", maybe(cause.place)},
                    {"which", told ? Json(cause.which) : Json()},
                    {"far_port", cause.place == "ports" ? Json(cause.far_port) : Json()},
                    {"pid", unless_zero(cause.tgid)},
                    {"lies_in", cause.lies_in ? place_json(*cause.lies_in) : Json()},
                    {"waker", cause.waker},
                    {"waker_name", maybe(cause.waker_name)},
                    {"waker_tid", unless_zero(cause.waker_tid)},
                    {"idle", metrics::waits_for_work(wait)},
                    {"waits", durations(cause.waits)},
                    {"run_queue", durations(cause.run_queue)}});
  }
  return list;
}

Json handoffs(const Waits& waits) {
  Json list = Json::array();
  for (const Handoff& handoff : waits.handoffs)
    list.push_back({{"waker", handoff.waker},
                    {"waker_tid", handoff.waker_tid},
                    {"sleeper", handoff.sleeper},
                    {"sleeper_tid", handoff.sleeper_tid},
                    {"count", handoff.count}});
  return list;
}

Json arrivals(const Waits& waits) {
  if (!waits.arrivals) return {};
  Json list = Json::array();
  for (const Arrivals& at : *waits.arrivals)
    list.push_back({{"port", at.port},
                    {"connections", at.connections},
                    {"woken", at.woken},
                    {"herds", at.herds},
                    {"too_many", at.too_many}});
  return list;
}

}  // namespace

Json waits_json(const JudgedRun& run) {
  if (!run.snapshot.waits) return {};
  const Waits& waits = *run.snapshot.waits;
  return {
      {"causes", causes(run.snapshot)},
      {"others",
       {{"waits", durations(waits.other_waits)}, {"run_queue", durations(waits.other_run_queue)}}},
      {"handoffs", handoffs(waits)},
      {"other_handoffs", waits.other_handoffs},
      {"arrivals", arrivals(waits)}};
}

}  // namespace tr::report
