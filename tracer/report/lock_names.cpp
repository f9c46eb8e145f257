#include "report/lock_names.h"

#include <fmt/format.h>

#include "report/units.h"

namespace tr::report {

using metrics::LockIdentity;

std::string place_name(const DataPlace& place, std::uint64_t address) {
  if (place.name == "[heap]") return fmt::format("{:#x} in the heap", address);
  if (place.name == "[stack]") return fmt::format("{:#x} in the first thread's stack", address);
  if (place.name == "[anonymous]") return fmt::format("{:#x} in a mapping", address);
  if (place.name.empty())
    return address == 0 ? std::string("others") : fmt::format("{:#x}", address);
  const std::string offset = place.offset == 0 ? "" : fmt::format("+{:#x}", place.offset);
  const std::string module = place.module.substr(place.module.rfind('/') + 1);
  return printable(place.name + offset) + (module.empty() ? "" : " in " + printable(module));
}

std::string lock_name(const metrics::LockRow& row) {
  const Futex& first = *row.futexes.front();
  const std::string place = place_name(first.place, first.address);
  switch (row.identity) {
    case LockIdentity::kGil:
      return "Python's GIL";
    case LockIdentity::kNearGil:
      return "in _PyRuntime (holds Python's GIL)";
    case LockIdentity::kMallocArena:
      return "malloc's main arena";
    case LockIdentity::kStdio:
      return "stdio, " + place;
    case LockIdentity::kThreadEnd:
      return "a thread's end (pthread_join)";
    case LockIdentity::kOthers:
      return "others, not told apart";
    case LockIdentity::kPlain:
      break;
  }
  if (first.kind == "process") return place + ", shared (one process's part)";
  return first.kind == "shared" ? place + ", shared" : place;
}

const char* identity_name(LockIdentity identity) {
  switch (identity) {
    case LockIdentity::kGil:
      return "gil";
    case LockIdentity::kNearGil:
      return "near_gil";
    case LockIdentity::kMallocArena:
      return "malloc_arena";
    case LockIdentity::kStdio:
      return "stdio";
    case LockIdentity::kThreadEnd:
      return "thread_end";
    case LockIdentity::kOthers:
      return "others";
    case LockIdentity::kPlain:
      break;
  }
  return "plain";
}

}  // namespace tr::report
