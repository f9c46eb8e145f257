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
  const auto figures_of = [&](const MessageHop& hop) {
    HopFigures its;
    its.sent = hop.sent;
    its.received = hop.received;
    its.per_message = per(hop.received, messages);
    for (const HopTime& time : hop.times)
      its.times[time.name] = time_of(time);
    return its;
  };
  figures.uncertain = figures_of(snapshot.message_hops->uncertain);
  std::uint64_t received = figures.uncertain.received;
  for (const MessageHop& hop : snapshot.message_hops->hops) {
    figures.hops.push_back(figures_of(hop));
    received += hop.received;
  }
  figures.per_message = per(received, messages);
  figures.spread = time_of(snapshot.message_hops->spread);
  figures.notes = snapshot.message_hops->notes;
  return figures;
}

}  // namespace tr::metrics
