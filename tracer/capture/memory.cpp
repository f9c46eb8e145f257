#include "capture/memory.h"

#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <limits>
#include <optional>
#include <string_view>
#include <unistd.h>

#include <fmt/format.h>

#include "capture/kernel_file.h"
#include "util/fd.h"
#include "util/text.h"

namespace tr::capture {
namespace {

// "KEY:   123 kB", as /proc/PID/status and smaps_rollup have it (proc(5)); in bytes.
std::optional<std::uint64_t> kilobytes(std::string_view content, std::string_view key) {
  constexpr std::string_view kUnit = " kB";
  auto value = field_of(content, key);
  if (!value || !value->ends_with(kUnit)) return std::nullopt;
  value->remove_suffix(kUnit.size());
  const auto number = parse_u64(trim(*value));
  if (!number || *number > std::numeric_limits<std::uint64_t>::max() / 1024) return std::nullopt;
  return *number * 1024;
}

std::optional<std::uint64_t> count(std::string_view content, std::string_view key) {
  const auto value = field_of(content, key);
  return value ? parse_u64(*value) : std::nullopt;
}

// Not there any more, or a zombie: that has given its memory back.
bool is_gone(const Error& error) {
  return error.code == ENOENT || error.code == ESRCH;
}

Error unreadable(Error error) {
  if (error.code == EACCES || error.code == EPERM)
    error.remedy = "it runs as another user: needs CAP_SYS_PTRACE";
  return error;
}

Error lacks(const std::string& path, std::string_view keys) {
  return Error{.operation = "read the memory in",
               .object = path,
               .why = fmt::format("it has no {} as expected", keys)};
}

// What one process holds; nullopt when it is gone.
Result<std::optional<MemoryReading>> memory_of(const std::string& proc, pid_t pid) {
  using None = std::optional<MemoryReading>;
  const std::string status_path = fmt::format("{}/{}/status", proc, pid);
  const auto status = read_file(status_path);
  if (!status) return is_gone(status.error()) ? Result(None()) : unreadable(status.error());
  const std::string rollup_path = fmt::format("{}/{}/smaps_rollup", proc, pid);
  const auto rollup = read_file(rollup_path);
  if (!rollup) return is_gone(rollup.error()) ? Result(None()) : unreadable(rollup.error());
  // A zombie by the time its status was read.
  if (!field_of(*status, "VmPTE") || trim(*rollup).empty()) return None();
  const auto tables = kilobytes(*status, "VmPTE");
  const auto threads = count(*status, "Threads");
  if (!tables || !threads) return lacks(status_path, "VmPTE and Threads");
  const auto pss = kilobytes(*rollup, "Pss");
  if (!pss) return lacks(rollup_path, "Pss");
  MemoryReading reading{.pss_bytes = *pss,
                        .page_table_bytes = *tables,
                        .processes = 1,
                        .threads = *threads,
                        .anonymous_bytes = {}};
  const auto anonymous = kilobytes(*rollup, "Pss_Anon");
  const auto shared = kilobytes(*rollup, "Pss_Shmem");
  if (anonymous && shared) reading.anonymous_bytes = *anonymous + *shared;
  return std::optional(reading);
}

}  // namespace

Result<MemoryReading> read_memory(const std::string& proc, std::span<const pid_t> processes) {
  MemoryReading sum;
  sum.anonymous_bytes = 0;
  for (const pid_t pid : processes) {
    const auto one = memory_of(proc, pid);
    if (!one) return one.error();
    if (!*one) continue;
    sum.pss_bytes += (*one)->pss_bytes;
    sum.page_table_bytes += (*one)->page_table_bytes;
    sum.processes += 1;
    if (sum.anonymous_bytes && (*one)->anonymous_bytes)
      *sum.anonymous_bytes += *(*one)->anonymous_bytes;
    else
      sum.anonymous_bytes.reset();
    sum.threads += (*one)->threads;
  }
  if (sum.processes == 0)
    return Error{.operation = "read", .object = "its memory", .why = "none of its processes runs"};
  return sum;
}

std::optional<std::uint64_t> own_peak(const std::string& proc) {
  const auto status = read_file(proc + "/self/status");
  return status ? kilobytes(*status, "VmHWM") : std::nullopt;
}

bool forget_own_peak(const std::string& proc) {
  const Fd file(::open((proc + "/self/clear_refs").c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), "5", 1) == 1;  // proc(5): resets VmHWM
}

}  // namespace tr::capture
