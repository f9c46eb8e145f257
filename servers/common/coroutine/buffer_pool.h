// Where does a coroutine receive to? Into a buffer that it has only from a receive to the end of
// its answer. Buffers are used again, the last one first, as it is still in the cache: while no
// client is slow to take its answer there is one for all.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace servers {

class BufferPool;

// A place for a buffer: has none until something is received.
class Buffer {
 public:
  explicit Buffer(BufferPool& pool) : pool_(pool) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { give_back(); }

  inline std::span<std::byte> take();
  inline void give_back();
  // The first `bytes` of it.
  [[nodiscard]] std::span<const std::byte> first(std::size_t bytes) const {
    return {memory_.get(), bytes};
  }

 private:
  BufferPool& pool_;
  std::unique_ptr<std::byte[]> memory_;
};

class BufferPool {
 public:
  // One recv's worth: big enough that a call is cheap beside its copying, small enough for the
  // second-level cache.
  static constexpr std::size_t kBytes = 65536;

 private:
  friend Buffer;
  // Beyond these they go back to the heap.
  static constexpr std::size_t kKept = 16;

  std::vector<std::unique_ptr<std::byte[]>> free_;
};

inline std::span<std::byte> Buffer::take() {
  if (!memory_ && !pool_.free_.empty()) {
    memory_ = std::move(pool_.free_.back());
    pool_.free_.pop_back();
  }
  if (!memory_) memory_ = std::make_unique_for_overwrite<std::byte[]>(BufferPool::kBytes);
  return {memory_.get(), BufferPool::kBytes};
}

inline void Buffer::give_back() {
  if (memory_ && pool_.free_.size() < BufferPool::kKept) pool_.free_.push_back(std::move(memory_));
  memory_.reset();
}

}  // namespace servers
