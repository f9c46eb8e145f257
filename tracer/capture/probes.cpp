#include "capture/probes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <linux/membarrier.h>
#include <sched.h>
#include <set>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <type_traits>
#include <unistd.h>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "capture/iterate.h"
#include "capture/kernel_file.h"
#include "capture/load_error.h"
#include "capture/preemption.h"
#include "capture/probe_programs.h"
#include "capture/probes_private.h"
#include "capture/syscall_names.h"
#include "capture/uring_probes.h"
#include "snapshot/calls_for_events.h"
#include "trace_run.skel.h"
#include "util/clock.h"
#include "util/cpu_set.h"
#include "util/fd.h"
#include "util/text.h"

namespace tr::capture {

void Probes::SkeletonDelete::operator()(trace_run* skeleton) const {
  trace_run__destroy(skeleton);
}
void Probes::LinkDelete::operator()(bpf_link* link) const {
  bpf_link__destroy(link);
}
void Probes::RingDelete::operator()(ring_buffer* ring) const {
  ring_buffer__free(ring);
}

Probes::Probes() = default;
Probes::Probes(Probes&&) noexcept = default;
Probes& Probes::operator=(Probes&&) noexcept = default;
Probes::~Probes() = default;

Status Probes::mark_load(pid_t process) {
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (!pidfd) return errno_error("open", fmt::format("process {}", process));
  const int key = pidfd.get();
  const std::uint32_t member = TR_LOAD_MEMBER;
  if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.members), &key, &member, BPF_ANY) != 0)
    return errno_error("mark as the load", fmt::format("process {}", process));
  return {};
}

Status Probes::map_records() {
  auto mapped =
      map_array<const tr_thread>(bpf_map__fd(skeleton_->maps.records), options_.max_threads + 1);
  if (!mapped) return std::move(mapped).error();
  records_ = *std::move(mapped);
  return map_stacks();
}

Result<std::uint64_t> Probes::adopt(std::span<const pid_t> processes) {
  const std::uint8_t one = 1;
  for (const pid_t process : processes) {
    const auto key = static_cast<std::uint32_t>(process);
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.adopted), &key, &one, BPF_ANY) != 0)
      return errno_error("trace process", std::to_string(process));
  }
  const auto link = attach_program(skeleton_->progs.adopt_threads);
  if (!link) return link.error();

  // A thread that is created behind the iterator's back by one it has not reached yet is met by the
  // next pass; when a pass finds nobody new, all are in.
  const std::uint32_t before = skeleton_->bss->threads_adopted;
  for (;;) {
    const std::uint32_t start = skeleton_->bss->threads_adopted;
    if (Status passed = iterate(link->get(), "the threads of the traced processes"); !passed)
      return std::move(passed).error();
    if (skeleton_->bss->threads_adopted == start) return start - std::uint64_t{before};
  }
}

void Probes::refresh_cpus() {
  const auto cpus = usable_cpus();
  if (!cpus) return;
  for (const int cpu : *cpus)
    (void)pin_thread(0, {cpu});  // moving there makes that CPU switch to us, and back
  (void)pin_thread(0, *cpus);
}

namespace {

// Publishes a moment before it comes, moving it on as long as it has passed by then.
std::uint64_t publish_ahead(volatile __u64& field, std::uint64_t moment) {
  constexpr std::uint64_t kAhead = 1'000'000;
  do {
    moment = std::max(moment, monotonic_ns() + kAhead);
    publish(field, moment);
  } while (monotonic_ns() >= moment);
  return moment;
}

template <class T>
T observe(const volatile T& field) {
  return __atomic_load_n(&field, __ATOMIC_SEQ_CST);
}

}  // namespace

void Probes::serve_ports(std::uint16_t first, std::uint16_t count) {
  publish(skeleton_->bss->served_port, first);
  publish(skeleton_->bss->served_ports, count);
}

std::uint64_t Probes::open_window_at(std::uint64_t ns) {
  return publish_ahead(skeleton_->data->window_open_ns, ns);
}

std::uint64_t Probes::close_window_at(std::uint64_t ns) {
  return publish_ahead(skeleton_->data->window_close_ns, ns);
}

void Probes::count(bool on) {
  publish(skeleton_->bss->counting, on);
}

void Probes::open_window_at_exec_of(pid_t process) {
  publish(skeleton_->bss->window_closes_with_tree, true);
  publish(skeleton_->bss->window_opens_at_exec_of, static_cast<__u32>(process));
}

std::uint64_t Probes::window_open_ns() const {
  return observe(skeleton_->data->window_open_ns);
}
std::uint64_t Probes::window_close_ns() const {
  return observe(skeleton_->data->window_close_ns);
}

int Probes::news_fd() const {
  return ring_buffer__epoll_fd(ring_.get());
}

std::vector<tr_news> Probes::read_news() {
  ring_buffer__consume(ring_.get());
  bpf_program* const sends = skeleton_->progs.on_tcp_sendmsg_locked;
  for (const tr_news& item : *news_)
    if (item.kind == TR_NEWS_URING && bpf_program__autoload(sends))
      if (Status attached = attach(sends); !attached)
        unmeasured_.emplace(Figures::kUringSends, attached.error().text());
  return std::exchange(*news_, {});
}

std::vector<tr_cpu> Probes::read_cpus() const {
  const int possible = libbpf_num_possible_cpus();
  std::vector<tr_cpu> cpus(static_cast<std::size_t>(std::max(possible, 0)));
  const std::uint32_t key = 0;
  if (cpus.empty() ||
      bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.cpus), &key, cpus.data()) != 0)
    return {};
  return cpus;
}

std::vector<ProgramRuns> Probes::runs() const {
  std::vector<ProgramRuns> sums;
  sums.reserve(kProgramNames.size());
  for (const char* name : kProgramNames)
    sums.push_back({name, 0, 0});
  for (const tr_cpu& cpu : read_cpus())
    for (std::size_t i = 0; i < sums.size(); ++i) {
      sums[i].traced += cpu.traced[i];
      sums[i].untraced += cpu.untraced[i];
    }
  return sums;
}

std::vector<ProgramStatistics> Probes::statistics() const {
  std::vector<ProgramStatistics> all;
  for (const Attached& attached : attached_) {
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(attached.program), &info, &length) != 0) continue;
    const std::string name = counted_as(attached.name);
    auto sums = std::ranges::find(all, name, &ProgramStatistics::program);
    if (sums == all.end()) sums = all.insert(sums, {name});
    sums->run_time_ns += info.run_time_ns;
    if (is_second(attached.name)) {
      sums->second_misses = sums->second_misses.value_or(0) + info.recursion_misses;
      continue;
    }
    // A new thread that is missed there is taken in when it is first woken.
    if (attached.program == skeleton_->progs.on_task_newtask &&
        options_.preemptible.value_or(false))
      sums->second_misses = 0;
    sums->run_count += info.run_cnt;
    sums->recursion_misses += info.recursion_misses;
  }
  for (ProgramStatistics& sums : all) {
    const auto* const name = std::ranges::find(kProgramNames, sums.program);
    if (name == kProgramNames.end()) continue;
    const auto number = name - kProgramNames.begin();
    sums.seen_by_first = skeleton_->bss->seen_by_first[number];
    sums.seen_by_second = skeleton_->bss->seen_by_second[number];
  }
  return all;
}

void Probes::detach() {
  if (const std::uint64_t close = window_close_ns(); close != UINT64_MAX)
    while (monotonic_ns() < close)
      sleep_until_ns(close);
  publish(skeleton_->bss->closed, true);
  // Detached one by one, the programs miss what happens meanwhile.
  skipped_events_ = skipped_events(statistics(), unseen());
  samplers_.clear();
  for (Attached& attached : attached_)
    attached.link.reset();
  uprobes_.clear();
  wait_for_running_programs();
}

void wait_for_running_programs() {
  if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0)
    sleep_until_ns(monotonic_ns() + kNsPerSecond / 20);  // no such barrier with nohz_full CPUs
}

std::span<const tr_thread> Probes::used_records() const {
  const std::size_t used =
      std::min<std::size_t>(skeleton_->bss->records_asked_for, options_.max_threads);
  return std::span(records_->first + 1, used);
}

Result<RawCounts> Probes::raw_counts() const {
  RawCounts raw;
  raw.window_open_ns = window_open_ns();
  raw.window_close_ns = window_close_ns();
  raw.counts_only = options_.counts_only;
  raw.budget = options_.budget && !options_.counts_only;
  raw.cpus = read_cpus();
  const auto online =
      parse_cpu_list(kernel_text("", "/sys/devices/system/cpu/online").value_or(""));
  if (online)
    std::erase_if(raw.cpus, [&](const tr_cpu& cpu) {
      return !std::ranges::binary_search(*online, static_cast<int>(cpu.id) - 1);
    });
  raw.folded = skeleton_->bss->folded;
  raw.records = used_records();

  if (skeleton_->bss->uring_is_used != 0) {
    auto under_way =
        uring_under_way(bpf_map__fd(skeleton_->maps.uring_requests), raw.window_close_ns);
    if (!under_way) return std::move(under_way).error();
    raw.uring_under_way = *std::move(under_way);
  }

  const int spilled = bpf_map__fd(skeleton_->maps.spilled);
  tr_spill_key key{};
  const tr_spill_key* previous = nullptr;
  while (bpf_map_get_next_key(spilled, previous, &key) == 0) {
    std::uint64_t count = 0;
    if (bpf_map_lookup_elem(spilled, &key, &count) != 0)
      return errno_error("read the probes' map", "spilled");
    raw.spilled[{key.serial, key.cell}] = count;
    previous = &key;
  }
  if (!options_.messages) return raw;
  auto paths = raw_paths();
  if (!paths) return std::move(paths).error();
  raw.paths = *std::move(paths);
  auto hops = raw_hops();
  if (!hops) return std::move(hops).error();
  raw.hops = *std::move(hops);
  return raw;
}

std::map<std::string, std::uint64_t> Probes::lost() const {
  std::map<std::string, std::uint64_t> lost;
  lost["threads without memory for their membership"] = skeleton_->bss->lost[TR_LOST_NO_STORAGE];
  lost["threads beyond --max-threads"] = skeleton_->bss->lost[TR_LOST_NO_RECORD];
  lost["counts without room in the spill map"] = skeleton_->bss->lost[TR_LOST_SPILL_FULL];
  if (options_.waits)
    lost["connections at ports beyond the table of --waits"] = skeleton_->bss->arrivals_uncounted;
  if (options_.stacks) {
    lost["stacks beyond the table of stacks"] = skeleton_->bss->stacks_lost[TR_LOST_STACKS_FULL];
    lost["waits and samples beyond the table of sums by stack"] =
        skeleton_->bss->stacks_lost[TR_LOST_SUMS_FULL];
  }
  if (options_.locks) {
    const auto& reasons = skeleton_->bss->lost;
    lost["futexes of a futex_waitv beyond the first 8"] = reasons[TR_LOST_WAITV];
    lost["hand-offs between more pairs of threads than kept"] = reasons[TR_LOST_HANDOFF];
    lost["contentions of kernel locks without room"] = reasons[TR_LOST_KERNEL_LOCK];
  }
  if (options_.lock_hold)
    lost["holds of more mutexes at once than kept track of"] = skeleton_->bss->lost[TR_LOST_MUTEX];
  lost["io_uring requests without room for their start"] =
      skeleton_->bss->lost[TR_LOST_URING_REQUEST];
  lost["io_uring events of a form that is not known"] = skeleton_->bss->lost[TR_LOST_URING_FORM];
  lost["events inside another run of the same probe"] = skipped_events_;
  return lost;
}

UnseenEvents Probes::unseen() const {
  return {.switches = skeleton_->bss->lost[TR_UNSEEN_SWITCH],
          .wakeups = skeleton_->bss->lost[TR_UNSEEN_WAKEUP],
          .call_starts = skeleton_->bss->lost[TR_UNSEEN_CALL_START],
          .call_ends = skeleton_->bss->lost[TR_UNSEEN_CALL_END]};
}

std::vector<std::string> Probes::notes() const {
  std::vector<std::string> notes;
  if (!note_.empty()) notes.push_back(note_);
  const UnseenEvents events = unseen();
  if (events.call_starts + events.call_ends > 0)
    notes.push_back(fmt::format(
        "the kernel did not show {} starts and {} ends of system calls: they are counted, but the"
        " times of these calls are inexact",
        events.call_starts, events.call_ends));
  return notes;
}

}  // namespace tr::capture
