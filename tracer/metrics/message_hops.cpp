#include "metrics/message_hops.h"

namespace tr::metrics {
namespace {

std::optional<double> per(std::uint64_t sum, std::optional<std::uint64_t> messages) {
  if (!messages || *messages == 0) return std::nullopt;
  return static_cast<double>(sum) / static_cast<double>(*messages);
}

PathTime time_of(const HopTime& its) {
  const Histogram times = to_histogram(its.times, kKernelBuckets);
  return path_time(times, its.ns, times.count());
}

}  // namespace

std::optional<HopsFigures> hops_figures(const Snapshot& snapshot,
                                        std::optional<std::uint64_t> messages) {
  if (!snapshot.message_hops) return std::nullopt;
  HopsFigures figures;
  std::uint64_t received = 0;
  for (const MessageHop& hop : snapshot.message_hops->hops) {
    HopFigures& its = figures.hops.emplace_back();
    its.sent = hop.sent;
    its.received = hop.received;
    its.per_message = per(hop.received, messages);
    for (const HopTime& time : hop.times)
      its.times[time.name] = time_of(time);
    received += hop.received;
  }
  figures.per_message = per(received, messages);
  figures.spread = time_of(snapshot.message_hops->spread);
  figures.notes = snapshot.message_hops->notes;
  return figures;
}

}  // namespace tr::metrics
