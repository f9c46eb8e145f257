// A traced program's ring, and what was counted of it: for the tests of io_uring.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <liburing.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "snapshot/uring.h"
#include "traced.h"
#include "util/fd.h"

namespace tr::kernel_test {

inline constexpr unsigned kDeferred = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

// A ring of the traced program, which ends where anything fails that should not.
class TestRing {
 public:
  explicit TestRing(unsigned flags = 0, unsigned entries = 64) {
    io_uring_params parameters{};
    parameters.flags = flags;
    parameters.sq_thread_idle = 20;  // ms
    if (io_uring_queue_init_params(entries, &ring_, &parameters) != 0) ::_exit(3);
  }
  TestRing(const TestRing&) = delete;
  TestRing& operator=(const TestRing&) = delete;
  ~TestRing() { io_uring_queue_exit(&ring_); }

  io_uring_sqe* next(std::uint64_t tag = 0) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) ::_exit(4);
    sqe->user_data = tag;
    return sqe;
  }
  void submit(unsigned wait_for = 0) {
    if (io_uring_submit_and_wait(&ring_, wait_for) < 0) ::_exit(5);
  }
  // Takes so many completions; what they returned.
  std::vector<int> take(unsigned count) {
    std::vector<int> results;
    while (results.size() < count) {
      io_uring_cqe* cqe = nullptr;
      if (io_uring_wait_cqe(&ring_, &cqe) != 0) ::_exit(6);
      results.push_back(cqe->res);
      io_uring_cqe_seen(&ring_, cqe);
    }
    return results;
  }
  void take_expecting(int result, unsigned count = 1) {
    for (const int got : take(count))
      if (got != result) ::_exit(7);
  }
  io_uring* get() { return &ring_; }

 private:
  io_uring ring_{};
};

inline void check(bool good) {
  if (!good) ::_exit(2);
}

inline std::array<Fd, 2> socket_pair() {
  std::array<int, 2> ends{};
  check(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

inline UringOperation operation(const TaskCounts& counts, const std::string& name) {
  if (counts.uring)
    for (const UringOperation& known : counts.uring->operations)
      if (known.name == name) return known;
  return {};
}

inline UringOperation operation(const Outcome& outcome, const std::string& name) {
  return operation(outcome.counts.total, name);
}

inline std::uint64_t latencies(const UringOperation& operation) {
  std::uint64_t sum = 0;
  for (const auto& bucket : operation.latency)
    sum += bucket.count;
  return sum;
}

// Threads whose name begins so.
inline std::vector<const ThreadCounts*> threads_named(const Outcome& outcome,
                                                      const std::string& begin) {
  std::vector<const ThreadCounts*> threads;
  for (const ThreadCounts& thread : outcome.counts.threads)
    if (thread.comm.starts_with(begin)) threads.push_back(&thread);
  return threads;
}

// With the flags that it is given; skipped where the kernel's io_uring has none such.
class WithRing : public testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override {
    io_uring ring{};
    const int error = io_uring_queue_init(2, &ring, GetParam());
    if (error == -EINVAL) GTEST_SKIP() << "this kernel's io_uring has no such flags";
    if (error != 0) GTEST_SKIP() << "no io_uring here: " << std::strerror(-error);
    io_uring_queue_exit(&ring);
  }
};

}  // namespace tr::kernel_test
