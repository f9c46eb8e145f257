#include "snapshot/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tr {

std::size_t BucketLayout::index(std::uint64_t value) const {
  if (value >> sub_bits == 0) return value;
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - sub_bits;
  // (value >> shift) lies in [2^sub_bits, 2^(sub_bits+1)): its leading one moves on by octave.
  return (static_cast<std::size_t>(shift) << sub_bits) + (value >> shift);
}

std::uint64_t BucketLayout::lower(std::size_t index) const {
  const std::uint64_t per_octave = std::uint64_t{1} << sub_bits;
  if (index < 2 * per_octave) return index;
  const unsigned shift = static_cast<unsigned>(index >> sub_bits) - 1;
  return ((index & (per_octave - 1)) + per_octave) << shift;
}

std::uint64_t BucketLayout::upper(std::size_t index) const {
  return index + 1 >= size() ? UINT64_MAX : lower(index + 1) - 1;
}

Histogram::Histogram(BucketLayout layout, const std::vector<Bucket>& buckets, std::uint64_t sum,
                     std::uint64_t max)
    : layout_(layout) {
  for (const Bucket& bucket : buckets)
    add(bucket.index, bucket.count);
  sum_ = sum;
  max_ = max;
}

void Histogram::prepare(std::uint64_t value) {
  counts_.resize(layout_.index(value) + 1);
  counts_.clear();  // keeps it
}

void Histogram::record(std::uint64_t value, std::uint64_t times) {
  if (times == 0) return;
  count_in(layout_.index(value), times);
  sum_ += value * times;
  max_ = std::max(max_, value);
}

void Histogram::add(std::size_t index, std::uint64_t times) {
  if (times == 0 || index >= layout_.size()) return;
  count_in(index, times);
  sum_ += middle(index) * times;
  max_ = std::max(max_, layout_.upper(index));
}

void Histogram::merge(const Histogram& other) {
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t i = 0; i < other.counts_.size(); ++i)
    counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

double Histogram::mean() const {
  return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::uint64_t Histogram::quantile(double q) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(middle(i), max_);
  }
  return max_;
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
  std::vector<Bucket> used;
  for (std::size_t i = 0; i < counts_.size(); ++i)
    if (counts_[i] != 0) used.push_back({i, counts_[i]});
  return used;
}

std::uint64_t Histogram::middle(std::size_t index) const {
  const std::uint64_t lower = layout_.lower(index);
  return lower + (layout_.upper(index) - lower) / 2;
}

void Histogram::count_in(std::size_t index, std::uint64_t times) {
  if (index >= counts_.size()) counts_.resize(index + 1);
  counts_[index] += times;
  count_ += times;
}

}  // namespace tr
