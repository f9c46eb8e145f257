// What went through io_uring? Adds the probes' counts of it up.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "records.h"
#include "snapshot/uring.h"

namespace tr::capture {

// Requests under way, by operation.
using UringUnderWay = std::map<std::uint32_t, std::uint64_t>;

class UringSum {
 public:
  // A cell of one of the kinds TR_CELL_URING and following; false: of another kind.
  bool add_cell(std::uint32_t key, std::uint64_t count);
  void add(const UringSum& other);
  // Absent if nothing was counted. Only the sum of all threads knows what is under way.
  [[nodiscard]] std::optional<Uring> result(const UringUnderWay* under_way = nullptr) const;

 private:
  struct Operation {
    std::map<std::uint32_t, std::uint64_t> counts;  // by enum tr_uring_count
    std::map<int, std::uint64_t> errors_by_errno;
    std::map<std::size_t, std::uint64_t> latency;  // by bucket
  };
  std::map<std::uint32_t, Operation> operations_;
};

}  // namespace tr::capture
