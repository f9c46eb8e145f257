#include "snapshot/bucket_list.h"

#include <cassert>

namespace tr {
namespace {

void append_number(std::string& bytes, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7)
    bytes.push_back(static_cast<char>(number | 0x80));
  bytes.push_back(static_cast<char>(number));
}

// Moves `at` behind the number; nullopt when it is cut short or longer than 64 bits.
std::optional<std::uint64_t> read_number(const char*& at, const char* end) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; at != end && shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at++);
    const std::uint64_t bits = byte & 0x7f;
    if (shift == 63 && bits > 1) return std::nullopt;
    number |= bits << shift;
    if (byte < 0x80) return number;
  }
  return std::nullopt;
}

}  // namespace

void BucketList::const_iterator::read() {
  at_ = nullptr;
  if (next_ == end_) return;
  const char* const start = next_;
  const auto gap = read_number(next_, end_);
  const auto count = read_number(next_, end_);
  // Only whole lists are ever held: see push_back() and from_bytes().
  assert(gap && count);
  bucket_ = {next_index_ + *gap, *count};
  next_index_ = bucket_.index + 1;
  at_ = start;
}

BucketList::BucketList(const std::vector<Histogram::Bucket>& buckets) {
  for (const Histogram::Bucket& bucket : buckets)
    push_back(bucket);
}

void BucketList::push_back(const Histogram::Bucket& bucket) {
  assert(bucket.index >= next_index_);
  if (bucket.count == 0) return;
  append_number(bytes_, bucket.index - next_index_);
  append_number(bytes_, bucket.count);
  next_index_ = bucket.index + 1;
}

std::optional<BucketList> BucketList::from_bytes(std::string_view bytes, BucketLayout layout) {
  BucketList list;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  std::uint64_t total = 0;
  while (at != end) {
    const auto gap = read_number(at, end);
    if (!gap || *gap >= layout.size() - list.next_index_) return std::nullopt;
    const auto count = read_number(at, end);
    if (!count || *count == 0 || *count > kMaxCount - total) return std::nullopt;
    total += *count;
    list.next_index_ += *gap + 1;
  }
  list.bytes_ = bytes;
  return list;
}

Histogram to_histogram(const BucketList& buckets, BucketLayout layout) {
  Histogram histogram(layout);
  for (const Histogram::Bucket& bucket : buckets)
    histogram.add(bucket.index, bucket.count);
  return histogram;
}

}  // namespace tr
