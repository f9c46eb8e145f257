#include <cstdint>
#include <utility>

#include "report/json_parts.h"

namespace tr::report {
namespace {

Json budget_threads(const metrics::TimeBudget& budget) {
  Json threads = Json::array();
  for (const metrics::ThreadTime& thread : budget.threads) {
    Json states = Json::object();
    for (const metrics::TimeRow& row : thread.rows)
      if (row.ns > 0) states[metrics::state_name(row)] = row.ns;
    threads.push_back({{"tid", thread.tid},
                       {"comm", thread.comm},
                       {"life_ns", thread.life_ns},
                       {"residual_ns", thread.residual_ns},
                       {"states", std::move(states)}});
  }
  return threads;
}

Json cpu_time(const std::optional<CpuTime>& time) {
  if (!time) return {};
  return {{"cpus", time->cpus},
          {"server_ns", time->server_ns},
          {"load_ns", time->load_ns},
          {"other_ns", time->other_ns},
          {"kernel_ns", time->kernel_ns},
          {"idle_ns", time->idle_ns},
          {"unknown_ns", time->unknown_ns}};
}

const char* waste_name(metrics::WasteRow::Kind kind) {
  using Kind = metrics::WasteRow::Kind;
  switch (kind) {
    case Kind::kAgain:
      return "again";
    case Kind::kEmpty:
      return "empty";
    case Kind::kInVain:
      return "in_vain";
    case Kind::kWokeNobody:
      break;
  }
  return "woke_nobody";
}

}  // namespace

Json budget_json(const metrics::Metrics& metrics) {
  if (!metrics.budget) return {};
  const metrics::TimeBudget& budget = *metrics.budget;
  const auto per_message = [&](std::uint64_t number) {
    return metrics.messages.count
               ? Json(static_cast<double>(number) / static_cast<double>(*metrics.messages.count))
               : Json();
  };
  Json states = Json::object();
  Json waits = Json::array();
  for (const metrics::TimeRow& row : budget.rows) {
    states[metrics::state_name(row)] = {{"ns", row.ns}, {"per_message_ns", per_message(row.ns)}};
    for (const Wait& wait : row.wakers)
      waits.push_back({{"call", maybe(wait.call)},
                       {"object", maybe(wait.object)},
                       {"waker", wait.waker},
                       {"idle", row.state == metrics::TimeState::kIdle},
                       {"count", wait.count},
                       {"ns", wait.ns},
                       {"per_message_ns", per_message(wait.ns)}});
  }
  return {{"life_ns", budget.life_ns},         {"residual_ns", budget.residual_ns},
          {"states", std::move(states)},       {"waits", std::move(waits)},
          {"cpu_time", cpu_time(budget.cpus)}, {"threads", budget_threads(budget)}};
}

Json waste_json(const metrics::Metrics& metrics) {
  if (!metrics.waste) return {};
  Json calls = Json::array();
  for (const metrics::WasteRow& row : metrics.waste->rows)
    calls.push_back({{"kind", waste_name(row.kind)},
                     {"call", row.call},
                     {"count", row.count},
                     {"per_message", maybe(row.per_message)},
                     {"share", row.share}});
  Json events = Json::object();
  for (const metrics::Batch& batch : metrics.waste->batches)
    events[batch.call] = batch.events;
  return {{"calls", std::move(calls)}, {"events_per_wait", std::move(events)}};
}

}  // namespace tr::report
