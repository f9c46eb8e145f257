// Which buckets of a histogram hold something, and how much, in a few bytes?
//
// A thread that makes a dozen different calls has a dozen histograms, and 10,000 threads have
// 120,000: two or three bytes per used bucket instead of sixteen decide whether they fit in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/histogram.h"

namespace tr {

// An ascending list of used buckets. Packed as bytes, the same in memory and in a snapshot's file:
// per bucket two unsigned LEB128 numbers, how many unused buckets lie between it and the one before
// (the first: before it), then its count.
class BucketList {
 public:
  using value_type = Histogram::Bucket;

  class const_iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Histogram::Bucket;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = const value_type&;

    const_iterator() = default;
    reference operator*() const { return bucket_; }
    pointer operator->() const { return &bucket_; }
    const_iterator& operator++() {
      read();
      return *this;
    }
    const_iterator operator++(int) {
      const_iterator before = *this;
      read();
      return before;
    }
    friend bool operator==(const const_iterator& a, const const_iterator& b) {
      return a.at_ == b.at_;
    }

   private:
    friend class BucketList;
    const_iterator(const char* at, const char* end) : next_(at), end_(end) { read(); }
    void read();

    const char* at_ = nullptr;  // of this bucket; null past the last one
    const char* next_ = nullptr;
    const char* end_ = nullptr;
    std::size_t next_index_ = 0;
    Histogram::Bucket bucket_{};
  };
  using iterator = const_iterator;

  BucketList() = default;
  // As Histogram::buckets() gives them: ascending.
  BucketList(const std::vector<Histogram::Bucket>& buckets);

  // The bucket's index lies above all before it. An empty bucket is left out.
  void push_back(const Histogram::Bucket& bucket);

  // Takes packed bytes from outside; nullopt unless they are a whole list within the layout and
  // count at most kMaxCount values.
  static std::optional<BucketList> from_bytes(std::string_view bytes, BucketLayout layout);
  static constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 62;

  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] const_iterator begin() const {
    return {bytes_.data(), bytes_.data() + bytes_.size()};
  }
  [[nodiscard]] const_iterator end() const { return {}; }

  friend bool operator==(const BucketList&, const BucketList&) = default;

 private:
  std::string bytes_;
  std::size_t next_index_ = 0;  // the lowest index that may follow
};

// The histogram of this layout that the buckets describe; sum and max as by Histogram::add.
Histogram to_histogram(const BucketList& buckets, BucketLayout layout);

}  // namespace tr
