// How are these durations distributed, to a known relative precision, in bounded memory?
//
// Log-linear buckets: values below 2^sub_bits have a bucket each; above, every power of two is cut
// into 2^sub_bits equal buckets, so a bucket is at most 2^-sub_bits of its lower edge wide (3 bits:
// 12.5 %, as the kernel probes record; 10 bits: 0.1 %, as the load generator records).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tr {

// The bucket layout alone; shared by everything that speaks of bucket numbers.
struct BucketLayout {
  unsigned sub_bits;

  [[nodiscard]] std::size_t index(std::uint64_t value) const;
  // The smallest value in the bucket, and the largest.
  [[nodiscard]] std::uint64_t lower(std::size_t index) const;
  [[nodiscard]] std::uint64_t upper(std::size_t index) const;
  // How many buckets cover all of 64 bits.
  [[nodiscard]] std::size_t size() const { return (65 - sub_bits) << sub_bits; }

  friend bool operator==(const BucketLayout&, const BucketLayout&) = default;
};

inline constexpr BucketLayout kKernelBuckets{3};
inline constexpr BucketLayout kLoadBuckets{10};

class Histogram {
 public:
  struct Bucket {
    std::size_t index;
    std::uint64_t count;
    friend bool operator==(const Bucket&, const Bucket&) = default;
  };

  explicit Histogram(BucketLayout layout) : layout_(layout) {}
  // One that was taken apart into buckets(), sum() and max(). Bucket numbers outside the layout are
  // ignored.
  Histogram(BucketLayout layout, const std::vector<Bucket>& buckets, std::uint64_t sum,
            std::uint64_t max);

  // Of an empty one: takes the memory for values up to this one now, so that no record() has to
  // wait for it, some 50 us of page faults.
  void prepare(std::uint64_t value);

  void record(std::uint64_t value, std::uint64_t times = 1);
  // Adds values of which only the bucket is known: each counts as the bucket's middle in sum(),
  // as its upper edge in max(). Bucket numbers outside the layout are ignored.
  void add(std::size_t index, std::uint64_t times);
  // Adds another histogram of the same layout.
  void merge(const Histogram& other);

  [[nodiscard]] BucketLayout layout() const { return layout_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t sum() const { return sum_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  // 0 when empty.
  [[nodiscard]] double mean() const;
  // The value at or below which a share q (0..1) of the values lie: the middle of the bucket that
  // holds the value of rank ceil(q * count), never above max(). 0 when empty.
  [[nodiscard]] std::uint64_t quantile(double q) const;
  // The buckets that are not empty, ascending.
  [[nodiscard]] std::vector<Bucket> buckets() const;

  friend bool operator==(const Histogram&, const Histogram&) = default;

 private:
  [[nodiscard]] std::uint64_t middle(std::size_t index) const;
  void count_in(std::size_t index, std::uint64_t times);

  BucketLayout layout_;
  std::vector<std::uint64_t> counts_;  // as long as the highest bucket used
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace tr
