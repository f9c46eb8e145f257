#include "capture/uring_probes.h"

#include <cstddef>
#include <span>
#include <sys/mman.h>

#include "records.h"

namespace tr::capture {

Result<UringUnderWay> uring_under_way(int map, std::uint64_t window_close_ns) {
  constexpr std::size_t kRows = std::size_t{1} << TR_URING_ROW_BITS;
  constexpr std::size_t kBytes = kRows * sizeof(tr_uring_row);
  void* const at = ::mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, map, 0);
  if (at == MAP_FAILED) return errno_error("map", "the probes' requests of io_uring");
  UringUnderWay under_way;
  for (const tr_uring_row& row : std::span(static_cast<const tr_uring_row*>(at), kRows))
    for (const tr_uring_request& request : row.ways)
      if (request.request != 0 && request.since_ns < window_close_ns &&
          (request.flags & TR_URING_IS_SILENT) == 0)
        ++under_way[request.operation];
  ::munmap(at, kBytes);
  return under_way;
}

}  // namespace tr::capture
