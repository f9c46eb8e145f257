// The part of Probes that is about locks: what the maps hold of them, and uprobes on mutexes.
#include <algorithm>
#include <cerrno>
#include <memory>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/lock_hold.h"
#include "capture/probes.h"
#include "trace_run.skel.h"

namespace tr::capture {
namespace {

// All entries of a hash map.
template <class Key, class Value>
Result<std::vector<std::pair<Key, Value>>> entries_of(const bpf_map* map) {
  std::vector<std::pair<Key, Value>> entries;
  const int fd = bpf_map__fd(map);
  Key key{};
  const Key* previous = nullptr;
  while (bpf_map_get_next_key(fd, previous, &key) == 0) {
    auto& [its_key, its_value] = entries.emplace_back(key, Value{});
    if (bpf_map_lookup_elem(fd, &key, &its_value) != 0)
      return errno_error("read the probes' map", bpf_map__name(map));
    previous = &its_key;
    key = its_key;
  }
  return entries;
}

// The first entries of an array.
template <class Value>
Result<std::vector<Value>> first_of(const bpf_map* map, std::size_t first, std::size_t count) {
  std::vector<Value> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto key = static_cast<std::uint32_t>(first + i);
    if (bpf_map_lookup_elem(bpf_map__fd(map), &key, &values[i]) != 0)
      return errno_error("read the probes' map", bpf_map__name(map));
  }
  return values;
}

}  // namespace

// The rows for what finds none of its own: made here, so that there always are some.
Status Probes::make_lock_rows() {
  const auto fill = [](const bpf_map* map, const auto& key, const auto& value) {
    return bpf_map_update_elem(bpf_map__fd(map), &key, &value, BPF_ANY) == 0
               ? Status()
               : Status(errno_error("write the probes' map", bpf_map__name(map)));
  };
  Status status;
  if (options_.locks)
    for (std::uint64_t flags = 0; flags < TR_LOCK_KINDS && status.ok(); ++flags)
      status = fill(skeleton_->maps.kernel_locks, tr_kernel_lock_key{0, flags}, tr_kernel_lock{});
  if (options_.lock_hold && status.ok())
    status = fill(skeleton_->maps.mutexes, tr_mutex_key{}, tr_mutex{});
  return status;
}

Status Probes::watch_mutexes(const std::string& libc) {
  const auto probes = mutex_probes(libc);
  if (!probes) return probes.error();
  for (const MutexProbe& probe : *probes) {
    if (options_.faults.unattached.contains(probe.program))
      return Error{
          .operation = "attach BPF program", .object = std::string(probe.program), .code = EINVAL};
    const auto program =
        std::ranges::find(attached_, probe.program, [](const Attached& a) { return a.name; });
    if (program == attached_.end()) return Status();
    bpf_uprobe_opts options{};
    options.sz = sizeof(options);
    options.retprobe = probe.at_return;
    constexpr pid_t kEveryProcess = -1;
    bpf_link* const link = bpf_program__attach_uprobe_opts(program->program, kEveryProcess,
                                                           libc.c_str(), probe.offset, &options);
    if (link == nullptr) return errno_error("put a uprobe on " + probe.function + " of", libc);
    uprobes_.emplace_back(link);
  }
  return {};
}

Result<RawLocks> Probes::raw_locks() const {
  const auto counts = raw_counts();
  if (!counts) return counts.error();
  RawLocks raw;
  raw.window_open_ns = counts->window_open_ns;
  raw.window_close_ns = counts->window_close_ns;
  raw.records = counts->records;
  if (const auto reason = unmeasured_.find(Figures::kKernelLocks); reason != unmeasured_.end())
    raw.contention_unmeasured = reason->second;
  raw.has_holds = options_.lock_hold;
  for (const ProgramStatistics& program : statistics())
    if (program.program == kContention) raw.missed_contentions = program.recursion_misses;

  const std::size_t rows = std::min<std::size_t>(skeleton_->bss->futexes_asked_for, TR_FUTEX_ROWS);
  auto futexes = first_of<tr_futex>(skeleton_->maps.futexes, 0, rows + 1);
  if (!futexes) return std::move(futexes).error();
  raw.futexes = *std::move(futexes);
  auto threads = first_of<tr_lock_thread>(skeleton_->maps.lock_threads, 1, raw.records.size());
  if (!threads) return std::move(threads).error();
  raw.threads = *std::move(threads);
  const auto handoffs = entries_of<tr_handoff_key, std::uint64_t>(skeleton_->maps.handoffs);
  if (!handoffs) return handoffs.error();
  for (const auto& [key, count] : *handoffs)
    raw.handoffs[{key.row, key.waker, key.woken}] = count;
  auto kernel = entries_of<tr_kernel_lock_key, tr_kernel_lock>(skeleton_->maps.kernel_locks);
  if (!kernel) return std::move(kernel).error();
  raw.kernel = *std::move(kernel);
  if (!options_.lock_hold) return raw;
  auto mutexes = entries_of<tr_mutex_key, tr_mutex>(skeleton_->maps.mutexes);
  if (!mutexes) return std::move(mutexes).error();
  raw.mutexes = *std::move(mutexes);
  return raw;
}

}  // namespace tr::capture
