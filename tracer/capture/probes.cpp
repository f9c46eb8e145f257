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
namespace {

Result<std::unique_ptr<bpf_link, void (*)(bpf_link*)>> attach_program(bpf_program* program) {
  std::unique_ptr<bpf_link, void (*)(bpf_link*)> link(bpf_program__attach(program),
                                                      [](bpf_link* l) { bpf_link__destroy(l); });
  if (link == nullptr) return errno_error("attach BPF program", bpf_program__name(program));
  return link;
}

// What can be told apart with --locks; the rest is in rows of its own.
constexpr std::uint32_t kHandoffPairs = 1 << 16;
constexpr std::uint32_t kKernelLocks = 1 << 13;
constexpr std::uint32_t kMutexes = 1 << 12;

// The calls that block on the descriptor which is their first argument. Not io_uring_enter, whose
// first argument may be the number of a registered ring.
constexpr std::array<std::string_view, 31> kCallsWithDescriptor{
    "accept",    "accept4",  "close",    "connect",   "copy_file_range", "fallocate", "fcntl",
    "fdatasync", "flock",    "fsync",    "ftruncate", "getdents64",      "ioctl",     "pread64",
    "preadv",    "preadv2",  "pwrite64", "pwritev",   "pwritev2",        "read",      "readv",
    "recvfrom",  "recvmmsg", "recvmsg",  "sendfile",  "sendmmsg",        "sendmsg",   "sendto",
    "splice",    "write",    "writev"};

}  // namespace

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

Result<Probes> Probes::load(const ProbeOptions& options) {
  std::set<std::string> missing;
  for (;;) {
    if (Status able = can_follow_messages(options, missing); !able) return std::move(able).error();
    const bool socket_tracepoints = sockets_show_messages(options, missing);
    listen_to_libbpf();
    Probes probes;
    probes.options_ = options;
    probes.skeleton_.reset(trace_run__open());
    if (probes.skeleton_ == nullptr) return load_error(errno, libbpf_warnings());
    trace_run& skeleton = *probes.skeleton_;

    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton.obj) {
      const std::string name = bpf_program__name(program);
      bpf_program__set_autoload(program, is_wanted(name, options, socket_tracepoints) &&
                                             !missing.contains(name) &&
                                             (!missing.empty() || should_exist(name)));
    }
    const std::uint32_t slots = options.max_threads + 1;  // record 0 is nobody's
    bpf_map__set_max_entries(skeleton.maps.records, slots);
    bpf_map__set_max_entries(skeleton.maps.exited, slots);
    skeleton.rodata->record_slots = slots;
    skeleton.rodata->inspect_descriptors = !socket_tracepoints;
    skeleton.rodata->has_budget = options.budget && !options.counts_only;
    probes.size_stack_maps();
    skeleton.rodata->has_messages = options.messages;
    for (bpf_map* map : {skeleton.maps.connections, skeleton.maps.paths, skeleton.maps.turns,
                         skeleton.maps.woken_for, skeleton.maps.hop_streams, skeleton.maps.hop_ends,
                         skeleton.maps.hops, skeleton.maps.origins})
      bpf_map__set_autocreate(map, options.messages);
    bpf_map__set_autocreate(skeleton.maps.sends_by_socket, options.messages && !socket_tracepoints);
    skeleton.rodata->sends_when_submitted =
        options.messages && (!socket_tracepoints || missing.contains("on_tcp_sendmsg_locked"));
    bpf_map__set_max_entries(skeleton.maps.turns, slots);
    bpf_map__set_max_entries(skeleton.maps.origins, TR_ORIGINS);
    bpf_map__set_max_entries(skeleton.maps.paths,
                             static_cast<__u32>(std::max(libbpf_num_possible_cpus(), 1)));
    skeleton.rodata->can_cast = kernel_is_at_least(6, 2);
    skeleton.rodata->has_locks = options.locks;
    skeleton.rodata->can_find_vma = kernel_is_at_least(5, 17);
    skeleton.rodata->page_shift =
        static_cast<__u32>(std::countr_zero(static_cast<unsigned long>(::sysconf(_SC_PAGESIZE))));
    if (options.locks) {
      for (bpf_map* map : {skeleton.maps.futexes, skeleton.maps.futex_rows})
        bpf_map__set_max_entries(map, TR_FUTEX_ROWS + 1);
      bpf_map__set_max_entries(skeleton.maps.lock_threads, slots);
      bpf_map__set_max_entries(skeleton.maps.handoffs, kHandoffPairs);
      bpf_map__set_max_entries(skeleton.maps.kernel_locks, kKernelLocks);
      probes.has_contention_ = !missing.contains("on_contention_begin");
    }
    if (options.lock_hold) bpf_map__set_max_entries(skeleton.maps.mutexes, kMutexes);
    mark_calls(kCallsWithDescriptor, skeleton.rodata->calls_with_descriptor);
    mark_calls(kCallsForEvents, skeleton.rodata->calls_for_readiness);
    probes.prepare_waits();
    if (Status sound = probes.prepare_delay(); !sound) return std::move(sound).error();

    if (const int failed = trace_run__load(&skeleton); failed != 0) {
      // ESRCH: a tracepoint is not in the kernel's BTF.
      if (failed == -ESRCH && missing.empty()) {
        missing = missing_programs(skeleton.obj);
        if (!missing.empty()) continue;
      }
      return load_error(-failed, libbpf_warnings());
    }
    probes.counts_uring_ = bpf_program__autoload(skeleton.progs.on_io_uring_complete) &&
                           !missing.contains("on_io_uring_poll_arm");
    if (!socket_tracepoints && !options.counts_only)
      probes.note_ =
          "socket messages were counted by looking at file descriptors at each call's end, and at"
          " the completions of io_uring, of which silent sends have none (no tracepoints for them"
          " before Linux 6.3)";
    if (Status status = probes.number_cpus(); !status) return std::move(status).error();
    if (Status status = probes.make_lock_rows(); !status) return std::move(status).error();
    if (Status status = probes.attach(); !status) return std::move(status).error();
    if (Status status = probes.map_records(); !status) return std::move(status).error();
    return probes;
  }
}

Status Probes::mark_load(pid_t process) {
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (!pidfd) return errno_error("open", fmt::format("process {}", process));
  const int key = pidfd.get();
  const std::uint32_t member = TR_LOAD_MEMBER;
  if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.members), &key, &member, BPF_ANY) != 0)
    return errno_error("mark as the load", fmt::format("process {}", process));
  return {};
}

Status Probes::number_cpus() {
  const int possible = libbpf_num_possible_cpus();
  if (possible <= 0) return errno_error("count", "the CPUs");
  std::vector<tr_cpu> cpus(static_cast<std::size_t>(possible));
  for (std::size_t i = 0; i < cpus.size(); ++i)
    cpus[i].id = static_cast<__u32>(i) + 1;
  const std::uint32_t key = 0;
  if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.cpus), &key, cpus.data(), BPF_ANY) != 0)
    return errno_error("write the probes' map", "cpus");
  return {};
}

Status Probes::attach() {
  // Programs at one tracepoint run in the order in which they were attached: delay.bpf.h.
  bpf_program* const first = skeleton_->progs.delay_sys_exit;
  if (bpf_program__autoload(first))
    if (Status done = attach(first); !done) return done;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->obj) {
    const std::string name = bpf_program__name(program);
    if (!bpf_program__autoload(program) || program == first || name == kAdopt || name == kEndTurns)
      continue;
    if (name == kSample) {
      if (Status started = start_sampling(program); !started) return started;
      continue;
    }
    if (is_uprobe(name)) {
      attached_.push_back({name, program, nullptr});  // its links are made by watch_mutexes()
      continue;
    }
    if (program == skeleton_->progs.on_tcp_sendmsg_locked) continue;  // read_news()
    if (is_bare(name)) continue;                                      // attach_bare()
    if (Status done = attach(program); !done) return done;
  }
  news_ = std::make_unique<std::vector<tr_news>>();
  const auto keep = [](void* into, void* item, std::size_t size) {
    if (size == sizeof(tr_news))
      static_cast<std::vector<tr_news>*>(into)->push_back(*static_cast<const tr_news*>(item));
    return 0;
  };
  ring_.reset(ring_buffer__new(bpf_map__fd(skeleton_->maps.news), keep, news_.get(), nullptr));
  if (ring_ == nullptr) return errno_error("open the BPF ring buffer of", "the probes");
  return {};
}

Status Probes::attach(bpf_program* program) {
  auto link = attach_program(program);
  if (!link) return std::move(link).error();
  attached_.push_back({bpf_program__name(program), program, nullptr});
  attached_.back().link.reset((*link).release());
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
  auto link = attach_program(skeleton_->progs.adopt_threads);
  if (!link) return std::move(link).error();

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
      (void)attach(sends);  // without it, where these sends begin stays unresolved
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
    sums->run_count += info.run_cnt;
    sums->run_time_ns += info.run_time_ns;
    sums->recursion_misses += info.recursion_misses;
  }
  return all;
}

void Probes::detach() {
  if (const std::uint64_t close = window_close_ns(); close != UINT64_MAX)
    while (monotonic_ns() < close)
      sleep_until_ns(close);
  publish(skeleton_->bss->closed, true);
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
  std::uint64_t misses = 0;
  // inet_sock_set_state is passed in interrupts too, hundreds of times in one that comes during a
  // run; but what is looked for there, a listen(2) of the tree, is in none, and cannot be missed.
  // Contentions that are missed are told with the others: raw_locks().
  for (const ProgramStatistics& program : statistics())
    if (program.program != "inet_sock_set_state" && program.program != kContention)
      misses += program.recursion_misses;
  lost["events inside another run of the same probe"] = misses;
  return lost;
}

UnseenEvents Probes::unseen() const {
  return {.switches = skeleton_->bss->lost[TR_UNSEEN_SWITCH],
          .wakeups = skeleton_->bss->lost[TR_UNSEEN_WAKEUP]};
}

}  // namespace tr::capture
