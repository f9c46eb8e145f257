#include "report/json_parts.h"
#include "report/names.h"

namespace tr::report {

Json uring_json(const metrics::Metrics& metrics) {
  if (!metrics.uring) return {};
  const metrics::UringUse& use = *metrics.uring;
  Json operations = Json::object();
  for (const metrics::UringRow& row : use.rows) {
    const UringOperation& counts = row.counts;
    Json errors = Json::object();
    for (const auto& [error, count] : counts.errors_by_errno)
      errors[errno_name(error)] = count;
    operations[counts.name.empty() ? "unknown" : counts.name] = {
        {"submitted", counts.submitted},
        {"by_sqpoll", counts.by_sqpoll},
        {"refused", counts.refused},
        {"silent", row.silent},
        {"completed", counts.completed},
        {"more", counts.more},
        {"per_message", maybe(row.per_message)},
        {"polled", counts.polled},
        {"to_worker", counts.to_worker},
        {"cancelled", row.cancelled},
        {"errors", row.errors},
        {"errors_by_errno", std::move(errors)},
        {"unknown_start", counts.unknown_start},
        {"outside_calls", counts.outside_calls},
        {"under_way", maybe(counts.under_way)},
        {"p50_ns", maybe(row.p50_ns)},
        {"p99_ns", maybe(row.p99_ns)}};
  }
  Json processes = Json::array();
  for (const metrics::UringProcess& process : use.processes)
    processes.push_back({{"pid", process.tgid},
                         {"submitted", process.submitted},
                         {"completed", process.completed}});
  return {{"submitted", use.submitted},
          {"by_sqpoll", use.by_sqpoll},
          {"completed", use.completed},
          {"notifications", use.notifications},
          {"overflowed", use.overflowed},
          {"enters", use.enters},
          {"submitted_per_enter", maybe(use.submitted_per_enter)},
          {"completed_per_enter", maybe(use.completed_per_enter)},
          {"operations", std::move(operations)},
          {"processes", std::move(processes)}};
}

}  // namespace tr::report
