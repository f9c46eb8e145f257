// What went through io_uring: the operations, and what became of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/bucket_list.h"

namespace tr {

// One operation, of one thread or of a sum of threads: each event counts at the thread where it
// happens, a completion often at another than the submission.
struct UringOperation {
  // As the kernel has it: "RECV"; "OP_99" for one that is not known here. Empty: completions that
  // could not be told apart, posted by another ring, or for a request that was there before.
  std::string name;
  // Inside the window, as everything here:
  std::uint64_t submitted = 0;      // taken from the submission queue
  std::uint64_t by_sqpoll = 0;      // of them, by a kernel thread (IORING_SETUP_SQPOLL)
  std::uint64_t refused = 0;        // of them, malformed: not tried
  std::uint64_t silent = 0;         // of them, with IOSQE_CQE_SKIP_SUCCESS
  std::uint64_t polled = 0;         // of them, waited for their file to be ready
  std::uint64_t to_worker = 0;      // of them, handed to a worker thread
  std::uint64_t completed = 0;      // entries for the completion queue
  std::uint64_t more = 0;           // of them, announced more for the same request: multishot
  std::uint64_t broke_silence = 0;  // of them, for a request counted as silent
  std::uint64_t unknown_start = 0;  // of them, for a request whose start was not seen
  std::uint64_t outside_calls = 0;  // of them, made on the way back to user code
  std::map<int, std::uint64_t> errors_by_errno;  // of the completions, ECANCELED among them
  // From submission to completion, of the requests that completed once; not cut at the window's
  // opening. In kKernelBuckets.
  BucketList latency;
  // Requests under way when the window closed, silent ones left out. In a sum of all threads alone.
  std::optional<std::uint64_t> under_way;

  friend bool operator==(const UringOperation&, const UringOperation&) = default;
};

struct Uring {
  std::vector<UringOperation> operations;  // by name
  std::uint64_t notifications = 0;         // zero-copy sends' buffers became free; no completions
  std::uint64_t overflowed = 0;  // completions that found the queue full, of any operation

  friend bool operator==(const Uring&, const Uring&) = default;
};

}  // namespace tr
