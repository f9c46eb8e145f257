// The part of Probes that is about stacks: the maps' sizes, the sampling events, what was kept.
#include <algorithm>
#include <cerrno>
#include <linux/perf_event.h>
#include <set>
#include <sys/syscall.h>
#include <tuple>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "capture/perf_encoding.h"
#include "capture/probes.h"
#include "capture/probes_private.h"
#include "trace_run.skel.h"
#include "util/cpu_set.h"

namespace tr::capture {
namespace {

constexpr std::uint32_t kStacks = 8192;
constexpr std::uint32_t kSums = 32768;

// Samples whatever runs on this CPU.
Result<Fd> open_sampler(int cpu, std::uint32_t type, std::uint64_t config, std::uint32_t hz) {
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = type;
  attr.config = config;
  attr.freq = 1;
  attr.sample_freq = hz;
  Fd fd(static_cast<int>(::syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
  if (fd) return fd;
  return errno_error(
      "sample at", fmt::format("{} Hz", hz),
      errno == EINVAL ? "kernel.perf_event_max_sample_rate is the most allowed" : "");
}

}  // namespace

void Probes::size_stack_maps() {
  if (!options_.stacks) return;
  skeleton_->rodata->has_stacks = 1;
  bpf_map__set_max_entries(skeleton_->maps.stacks, kStacks);
  bpf_map__set_max_entries(skeleton_->maps.stack_sums, kSums);
  bpf_map__set_max_entries(skeleton_->maps.stack_notes, options_.max_threads + 1);
  bpf_map__set_max_entries(skeleton_->maps.unwind_rows, TR_UNWIND_ROWS);
  bpf_map__set_max_entries(skeleton_->maps.unwind_spaces, TR_UNWIND_SPACES);
}

// The CPU's cycles, where they can be counted; else the kernel's own clock.
Status Probes::start_sampling(bpf_program* program) {
  const auto cpus = usable_cpus();
  if (!cpus) return cpus.error();
  struct Event {
    std::string name;
    std::uint32_t type;
    std::uint64_t config;
  };
  std::vector<Event> events;
  if (!core_pmus().empty())
    events.push_back({"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES});
  events.push_back({"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK});
  for (const Event& event : events) {
    std::vector<Fd> fds;
    Status opened;
    for (const int cpu : *cpus) {
      auto fd = open_sampler(cpu, event.type, event.config, options_.sample_hz);
      if (!fd) {
        opened = std::move(fd).error();
        break;
      }
      fds.push_back(*std::move(fd));
    }
    if (!opened) {
      if (&event == &events.back()) return opened;
      continue;
    }
    for (Fd& fd : fds) {
      bpf_link* link = bpf_program__attach_perf_event(program, fd.get());
      if (link == nullptr) return errno_error("attach BPF program", bpf_program__name(program));
      (void)fd.release();  // the link's now
      samplers_.emplace_back(link);
    }
    attached_.push_back({bpf_program__name(program), program, nullptr});
    sampled_event_ = event.name;
    return {};
  }
  return {};
}

Status Probes::map_stacks() {
  if (!options_.stacks) return {};
  auto notes = map_array<const tr_stack_note>(bpf_map__fd(skeleton_->maps.stack_notes),
                                              options_.max_threads + 1);
  if (!notes) return std::move(notes).error();
  stack_notes_ = *std::move(notes);
  auto rows = map_array<tr_unwind_row>(bpf_map__fd(skeleton_->maps.unwind_rows), TR_UNWIND_ROWS);
  if (!rows) return std::move(rows).error();
  unwind_rows_ = *std::move(rows);
  unwind_tables_ = std::make_unique<UnwindTables>(std::span(unwind_rows_->first, TR_UNWIND_ROWS),
                                                  bpf_map__fd(skeleton_->maps.unwind_spaces),
                                                  bpf_map__fd(skeleton_->maps.space_of_process));
  return {};
}

void Probes::unwind(const symbols::Process& process, symbols::Symbols& symbols) {
  if (unwind_tables_ != nullptr) unwind_tables_->add(process, symbols);
}

RawStacks Probes::raw_stacks() const {
  RawStacks raw;
  if (!options_.stacks) return raw;
  for (const auto& [hash, stack] : entries_of<std::uint64_t, tr_stack>(skeleton_->maps.stacks))
    raw.stacks.emplace(hash, stack);
  raw.sums = entries_of<tr_stack_key, tr_stack_sum>(skeleton_->maps.stack_sums);
  raw.notes = std::span(stack_notes_->first, options_.max_threads + 1);
  raw.event = sampled_event_;
  raw.hz = options_.sample_hz;
  return raw;
}

std::vector<symbols::Process> Probes::living_processes() const {
  std::vector<symbols::Process> processes;
  if (!options_.stacks) return processes;
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
  for (const tr_thread& record : used_records()) {
    if (record.serial == 0 || record.died_ns != 0) continue;
    const tr_stack_note& note = stack_notes_->first[record.slot];
    if (note.process != 0 && seen.emplace(note.process, note.image).second)
      processes.push_back({.pid = static_cast<pid_t>(note.process), .image = note.image});
  }
  return processes;
}

}  // namespace tr::capture
