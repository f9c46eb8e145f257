// What does io_uring do here, and what not? The ring, its receive buffers, and the differences
// between kernels.
//
// Best is a kernel from 6.1 on. SINGLE_ISSUER and DEFER_TASKRUN leave the work of a ready socket
// until this thread asks for completions, in one batch and without interrupting it; multishot
// accept and receive (5.19, 6.0) complete again and again without being asked again; the buffers
// they receive to lie in a ring shared with the kernel (5.19): giving one back is a store.
// Multishot receive is used only with DEFER_TASKRUN: without it the kernel receives from a client
// that sends fast, within one system call, until all buffers are full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <liburing.h>
#include <span>
#include <string>

namespace servers {

class Ring {
 public:
  // What io_uring could do in that release of Linux, as far as it matters here.
  enum class Level : std::uint8_t { kLinux5_15, kLinux5_19, kLinux6_1 };

  // As much as the kernel can, at most `level`; what is missing is told on stderr. Throws Failure
  // where io_uring cannot be used.
  explicit Ring(Level level);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  // Requests: submitted with the next wait(). `tag` comes back with each completion.
  void accept(int listener, std::uint64_t tag);
  // To a buffer of the kernel's choice.
  void receive(int fd, std::uint64_t tag);
  // kWait: completes when all bytes are on their way. kNow: at once, when it is submitted, with
  // -EAGAIN or some of the bytes if the socket takes no more. kNowOrTell: the same, but has a
  // completion only if not all bytes are on their way; only if can_be_silent().
  enum class Send : std::uint8_t { kWait, kNow, kNowOrTell };
  void send(int fd, std::span<const std::byte> bytes, Send how, std::uint64_t tag);
  // Before Linux 6.1 a send that fails half-way may not tell how far it came.
  [[nodiscard]] bool can_be_silent() const { return level_ >= Level::kLinux6_1; }
  void wait_for_input(int fd, std::uint64_t tag);
  void close(int fd, std::uint64_t tag);
  // The request that has this tag.
  void cancel(std::uint64_t cancelled, std::uint64_t tag);

  // Whether accept and receive go on after a completion that says so.
  [[nodiscard]] static bool goes_on(const io_uring_cqe& completion) {
    return (completion.flags & IORING_CQE_F_MORE) != 0;
  }

  // Submits, and waits for a completion, for so long at most (-1: for ever), and hands over all
  // there are; before that it calls submitted(), when peek() shows whatever silent sends have to
  // tell. Throws Failure.
  template <class Submitted, class Completed>
  void wait(int timeout_ms, Submitted&& submitted, Completed&& completed) {
    enter(timeout_ms);
    if (io_uring_sq_ready(&ring_) == 0 && !io_uring_cq_has_overflow(&ring_)) submitted();
    io_uring_cq_advance(&ring_, peek(completed));
  }
  // Shows the completions that are there, and says how many.
  template <class Completed>
  unsigned peek(Completed&& completed) {
    io_uring_cqe* completion = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&ring_, head, completion) {
      ++count;
      completed(*completion);
    }
    return count;
  }

  // The buffer that a completed receive (with a result above 0) has filled; ours until given back.
  using BufferId = std::uint16_t;
  [[nodiscard]] BufferId take_buffer(const io_uring_cqe& completion) {
    ++buffers_out_;
    return static_cast<BufferId>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
  }
  [[nodiscard]] std::span<const std::byte> bytes(BufferId id, std::size_t count) const {
    return {buffer(id), count};
  }
  void give_back(BufferId id);
  // Whether these bytes lie in that buffer.
  [[nodiscard]] bool holds(BufferId id, std::span<const std::byte> bytes) const {
    const std::less<> before;  // also of pointers that have nothing to do with each other
    return !before(bytes.data(), buffer(id)) && before(bytes.data(), buffer(id) + kBufferBytes);
  }
  // Whether the kernel has one; without it a receive fails with ENOBUFS.
  [[nodiscard]] bool has_buffers() const { return buffers_out_ < kBuffers; }

 private:
  // A buffer is held from its receive to the send of its answer, a round or two of wait(): so many
  // clients can have sent something within one (newer kernels do the work of some 20 in a round).
  // They are as big as the other models' so that a big message is one receive and one send, not
  // several of each; what small ones do not reach of it never becomes memory.
  static constexpr unsigned kBuffers = 256;
  static constexpr std::size_t kBufferBytes = 65536;
  static constexpr int kGroup = 0;

  // Unsubmitted requests; when they are full they are submitted early.
  static constexpr unsigned kRequests = 256;
  // Completions that were not yet handed over; more are kept by the kernel (IORING_FEAT_NODROP).
  static constexpr unsigned kCompletions = 4096;

  int set_up();
  void provide_buffers();
  void enter(int timeout_ms);
  [[nodiscard]] io_uring_sqe& request(std::uint64_t tag);
  [[nodiscard]] std::byte* buffer(BufferId id) const { return buffers_ + id * kBufferBytes; }
  [[nodiscard]] std::size_t buffer_ring_bytes() const { return kBuffers * sizeof(io_uring_buf); }

  Level level_;
  io_uring ring_{};
  std::byte* buffers_ = nullptr;
  io_uring_buf_ring* buffer_ring_ = nullptr;  // none before Linux 5.19
  unsigned buffers_out_ = 0;
};

}  // namespace servers
