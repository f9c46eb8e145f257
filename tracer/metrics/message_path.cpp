#include "metrics/message_path.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace tr::metrics {
namespace {

constexpr double kSame = 0.01;  // counts of messages that differ by less are of the same messages

double per(std::uint64_t sum, std::uint64_t count) {
  return count == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(count);
}

std::uint64_t ns_of(const PathBucket& bucket, const std::string& leg) {
  const auto its = bucket.legs_ns.find(leg);
  return its == bucket.legs_ns.end() ? 0 : its->second;
}

std::uint64_t messages_in(std::span<const PathBucket> buckets) {
  std::uint64_t messages = 0;
  for (const PathBucket& bucket : buckets)
    messages += bucket.messages;
  return messages;
}

std::uint64_t ns_of(std::span<const PathBucket> buckets, const std::string& leg) {
  std::uint64_t ns = 0;
  for (const PathBucket& bucket : buckets)
    ns += ns_of(bucket, leg);
  return ns;
}

PathPart part_of(const PathFigures& figures, std::span<const PathBucket> buckets) {
  PathPart part;
  part.messages = messages_in(buckets);
  part.least_ns = kKernelBuckets.lower(buckets.front().bucket);
  part.most_ns = kKernelBuckets.upper(buckets.back().bucket);
  for (const LegTime& leg : figures.legs) {
    part.legs_ns.push_back(per(ns_of(buckets, leg.name), part.messages));
    part.mean_ns += part.legs_ns.back();
  }
  return part;
}

// Which of the buckets holds the value of this rank; they are not all empty.
std::size_t bucket_of(std::span<const PathBucket> buckets, double quantile) {
  const auto rank =
      static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(messages_in(buckets))));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i + 1 < buckets.size(); ++i) {
    below += buckets[i].messages;
    if (below >= rank) return i;
  }
  return buckets.size() - 1;
}

void compare_with_load(PathFigures& figures, const Snapshot& snapshot) {
  if (!snapshot.load || snapshot.load->messages == 0) return;
  const LoadResult& load = *snapshot.load;
  const auto by_load = static_cast<double>(load.messages);
  if (std::abs(static_cast<double>(figures.messages) - by_load) > kSame * by_load) return;
  const Histogram& latency = load.service.count() > 0 ? load.service : load.latency;
  figures.round_trip_ns = latency.mean();
  figures.outside_ns = latency.mean() - figures.whole.mean_ns;
}

}  // namespace

PathTime path_time(Histogram histogram, std::uint64_t total_ns, std::uint64_t messages) {
  PathTime time;
  time.total_ns = total_ns;
  time.mean_ns = per(total_ns, messages);
  time.messages = histogram.count();
  if (messages > histogram.count()) histogram.record(0, messages - histogram.count());
  time.p50_ns = histogram.quantile(0.5);
  time.p90_ns = histogram.quantile(0.9);
  time.p99_ns = histogram.quantile(0.99);
  return time;
}

std::optional<PathFigures> path_figures(const Snapshot& snapshot) {
  if (!snapshot.message_path) return std::nullopt;
  const MessagePath& path = *snapshot.message_path;
  // A file may hold anything.
  std::vector<PathBucket> buckets;
  for (const PathBucket& bucket : path.buckets)
    if (bucket.bucket < kKernelBuckets.size() && bucket.messages > 0 &&
        bucket.messages <= BucketList::kMaxCount / kKernelBuckets.size())
      buckets.push_back(bucket);
  std::ranges::sort(buckets, {}, &PathBucket::bucket);

  PathFigures figures;
  figures.message_size = path.message_size;
  figures.messages = messages_in(buckets);
  figures.notes = path.notes;
  std::uint64_t whole_ns = 0;
  for (const PathLeg& leg : path.legs)
    whole_ns += ns_of(buckets, leg.name);
  Histogram whole(kKernelBuckets);
  for (const PathBucket& bucket : buckets)
    whole.add(bucket.bucket, bucket.messages);
  figures.whole = path_time(std::move(whole), whole_ns, figures.messages);
  for (const PathLeg& leg : path.legs) {
    LegTime its;
    its.name = leg.name;
    its.time = path_time(to_histogram(leg.times, kKernelBuckets), ns_of(buckets, leg.name),
                         figures.messages);
    its.share = per(its.time.total_ns, whole_ns);
    figures.legs.push_back(std::move(its));
  }
  if (!buckets.empty()) {
    const std::span<const PathBucket> all(buckets);
    figures.median = part_of(figures, all.subspan(bucket_of(all, 0.5), 1));
    figures.tail = part_of(figures, all.subspan(bucket_of(all, 0.99)));
  }
  compare_with_load(figures, snapshot);
  return figures;
}

}  // namespace tr::metrics
