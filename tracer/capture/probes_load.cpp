// How Probes come to be: what is asked for, less what this kernel lacks or refuses.
//
// libbpf loads an object as a whole. So all that is wanted is tried at once, as almost every kernel
// takes it; if that fails, each group is tried alone, and the whole once more without those that
// were refused.
#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <unistd.h>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "capture/load_error.h"
#include "capture/preemption.h"
#include "capture/probe_groups.h"
#include "capture/probe_programs.h"
#include "capture/probes_private.h"
#include "snapshot/calls_for_events.h"
#include "trace_run.skel.h"

namespace tr::capture {
namespace {

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

// Takes the last instruction's place, where a function must end.
void damage(bpf_program* program) {
  const bpf_insn* const own = bpf_program__insns(program);
  std::vector<bpf_insn> instructions(own, own + bpf_program__insn_cnt(program));
  instructions.back() = {
      .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0};
  (void)bpf_program__set_insns(program, instructions.data(), instructions.size());
}

std::string no_tracepoint(std::string_view program, std::string_view tracepoint) {
  const std::string_view since = exists_since(program);
  return fmt::format("this kernel has no tracepoint {}{}{}{}", tracepoint,
                     since.empty() ? "" : " (", since, since.empty() ? "" : ")");
}

// Those of the programs that are absent, and missed, by group.
std::map<std::string_view, std::string> groups_without(const std::set<std::string>& absent,
                                                       bpf_object* object,
                                                       const ProbeOptions& options) {
  std::map<std::string_view, std::string> without;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const std::string name = bpf_program__name(program);
    if (!absent.contains(name) || may_be_absent_alone(name) || !is_wanted(name, options) ||
        is_second(name))  // the first one answers for it
      continue;
    const std::string_view section = bpf_program__section_name(program);
    without.emplace(group_of(name).name,
                    no_tracepoint(name, section.substr(section.find('/') + 1)));
  }
  return without;
}

}  // namespace

// Why they do not run.
struct Probes::NotStarted {
  Error error;
  LoadFailure kind = LoadFailure::kOther;
  LeftOut not_attached;  // loaded, and their tracepoints refused
};

// ---- Opening: settings, sizes, which programs ----

// The options are what is left of what was asked for; `absent` are programs without a tracepoint.
Status Probes::open(const LeftOut& left_out, const std::set<std::string>& absent) {
  skeleton_.reset(trace_run__open());
  if (skeleton_ == nullptr) return load_error(errno, libbpf_warnings());
  trace_run& skeleton = *skeleton_;

  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton.obj) {
    const std::string name = bpf_program__name(program);
    const auto is_left_out = [&](std::string_view each) {
      return left_out.contains(group_of(each).name);
    };
    bpf_program__set_autoload(program, is_wanted(name, options_) && !absent.contains(name) &&
                                           !is_left_out(name) && !is_left_out(first_of(name)));
    if (options_.faults.refused.contains(name)) damage(program);
  }
  const std::uint32_t slots = options_.max_threads + 1;  // record 0 is nobody's
  bpf_map__set_max_entries(skeleton.maps.records, slots);
  bpf_map__set_max_entries(skeleton.maps.exited, slots);
  skeleton.rodata->record_slots = slots;
  skeleton.rodata->inspect_descriptors = options_.inspect_descriptors;
  skeleton.rodata->has_budget = options_.budget && !options_.counts_only;
  skeleton.rodata->preemptible = options_.preemptible.value_or(false);
  skeleton.rodata->rehearsed_skips = options_.rehearsed_skips;
  size_stack_maps();
  skeleton.rodata->has_messages = options_.messages;
  for (bpf_map* map : {skeleton.maps.connections, skeleton.maps.paths, skeleton.maps.turns,
                       skeleton.maps.woken_for, skeleton.maps.hop_streams, skeleton.maps.hop_ends,
                       skeleton.maps.hops, skeleton.maps.origins})
    bpf_map__set_autocreate(map, options_.messages);
  bpf_map__set_autocreate(skeleton.maps.sends_by_socket,
                          options_.messages && options_.inspect_descriptors);
  skeleton.rodata->sends_when_submitted =
      options_.messages && (options_.inspect_descriptors || !options_.hear_uring_sends);
  bpf_map__set_max_entries(skeleton.maps.turns, slots);
  bpf_map__set_max_entries(skeleton.maps.origins, TR_ORIGINS);
  bpf_map__set_max_entries(skeleton.maps.paths,
                           static_cast<__u32>(std::max(libbpf_num_possible_cpus(), 1)));
  skeleton.rodata->can_cast = kernel_is_at_least(6, 2);
  skeleton.rodata->has_locks = options_.locks;
  skeleton.rodata->can_find_vma = kernel_is_at_least(5, 17);
  skeleton.rodata->page_shift =
      static_cast<__u32>(std::countr_zero(static_cast<unsigned long>(::sysconf(_SC_PAGESIZE))));
  if (options_.locks) {
    for (bpf_map* map : {skeleton.maps.futexes, skeleton.maps.futex_rows})
      bpf_map__set_max_entries(map, TR_FUTEX_ROWS + 1);
    bpf_map__set_max_entries(skeleton.maps.lock_threads, slots);
    bpf_map__set_max_entries(skeleton.maps.handoffs, kHandoffPairs);
    bpf_map__set_max_entries(skeleton.maps.kernel_locks, kKernelLocks);
  }
  if (options_.lock_hold) bpf_map__set_max_entries(skeleton.maps.mutexes, kMutexes);
  mark_calls(kCallsWithDescriptor, skeleton.rodata->calls_with_descriptor);
  mark_calls(kCallsForEvents, skeleton.rodata->calls_for_readiness);
  prepare_waits();
  return prepare_delay();
}

// For a trial, which counts nothing.
void Probes::shrink_maps() {
  constexpr std::uint32_t kEnough = 64;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->obj) {
    const auto type = bpf_map__type(map);
    if (bpf_map__is_internal(map) || type == BPF_MAP_TYPE_RINGBUF) continue;
    if (bpf_map__max_entries(map) > kEnough) bpf_map__set_max_entries(map, kEnough);
  }
}

std::vector<std::string> Probes::program_names() {
  std::vector<std::string> names;
  Probes probes;
  probes.skeleton_.reset(trace_run__open());
  if (probes.skeleton_ == nullptr) return names;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, probes.skeleton_->obj)
      names.emplace_back(bpf_program__name(program));
  return names;
}

// ---- Loading and attaching ----

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

Result<std::unique_ptr<bpf_link, Probes::LinkDelete>> Probes::attach_program(
    bpf_program* program) const {
  const char* const name = bpf_program__name(program);
  std::unique_ptr<bpf_link, LinkDelete> link;
  if (options_.faults.unattached.contains(name))
    errno = EINVAL;
  else
    link.reset(bpf_program__attach(program));
  if (link == nullptr) return errno_error("attach BPF program", name);
  return link;
}

Status Probes::attach(bpf_program* program) {
  auto link = attach_program(program);
  if (!link) return std::move(link).error();
  attached_.push_back({bpf_program__name(program), program, *std::move(link)});
  return {};
}

// All that belongs to loading. What the kernel does not attach is named in `refused`; an error is
// one that concerns all.
Status Probes::attach(LeftOut& refused) {
  std::vector<bpf_program*> programs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->obj) {
    if (bpf_program__autoload(program)) programs.push_back(program);
  }
  // Programs at one tracepoint run in the order in which they were attached: delay.bpf.h.
  std::ranges::stable_partition(
      programs, [this](auto* each) { return each == skeleton_->progs.delay_sys_exit; });
  for (bpf_program* const each : programs) {
    const std::string name = bpf_program__name(each);
    Status done;
    switch (attached_by(each)) {
      case AttachedBy::kLoading:
        done = attach(each);
        break;
      case AttachedBy::kSampling:
        done =
            options_.faults.unattached.contains(name)
                ? Status(Error{.operation = "attach BPF program", .object = name, .code = EINVAL})
                : start_sampling(each);
        break;
      case AttachedBy::kLibc:
        attached_.push_back({name, each, nullptr});  // its links are made by watch_mutexes()
        break;
      case AttachedBy::kIterating:
      case AttachedBy::kUringUse:
      case AttachedBy::kBare:
        break;
    }
    if (!done)
      refused.emplace(group_of(name).name,
                      fmt::format("this kernel does not attach {}: {}", name, done.error().text()));
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

std::optional<Probes::NotStarted> Probes::start() {
  bpf_program* program = nullptr;
  bool lacks_tracepoint = false;
  bpf_object__for_each_program(program, skeleton_->obj) {
    lacks_tracepoint |= bpf_program__autoload(program) &&
                        options_.faults.absent.contains(bpf_program__name(program));
  }
  const int failed = lacks_tracepoint ? -ESRCH : trace_run__load(skeleton_.get());
  if (failed != 0)
    return NotStarted{.error = load_error(-failed, libbpf_warnings()),
                      .kind = load_failure(-failed, libbpf_warnings()),
                      .not_attached = {}};
  NotStarted not_started;
  Status status = number_cpus();
  if (status) status = make_lock_rows();
  if (status) status = attach(not_started.not_attached);
  if (status && !not_started.not_attached.empty())
    status = Error{.operation = "attach the BPF probes",
                   .object = {},
                   .why = not_started.not_attached.begin()->second};
  if (status) status = map_records();
  if (status) return std::nullopt;
  not_started.error = std::move(status).error();
  return not_started;
}

// ---- One group alone ----

Status Probes::try_group(const ProbeGroup& group, const ProbeFaults& faults,
                         const std::set<std::string_view>& others) {
  listen_to_libbpf();
  Probes probes;
  probes.options_ = group.alone;
  probes.options_.faults = faults;
  if (Status opened = probes.open({}, {}); !opened) return opened;
  bpf_object* const object = probes.skeleton_->obj;
  std::set<std::string> absent = absent_programs(object);
  absent.insert(faults.absent.begin(), faults.absent.end());
  std::vector<bpf_program*> programs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const std::string name = bpf_program__name(program);
    const bool in_group = std::ranges::find(group.programs, name) != group.programs.end() &&
                          !others.contains(group_of(name).name);
    // Of a setting the others answer for what is absent.
    const bool passed_over =
        absent.contains(name) && (may_be_absent_alone(name) || group.is_setting || is_second(name));
    const bool tried = in_group && !passed_over && bpf_program__autoload(program);
    bpf_program__set_autoload(program, tried);
    if (!tried) continue;
    if (absent.contains(name)) {
      const std::string_view section = bpf_program__section_name(program);
      return Error{.operation = "load",
                   .object = std::string(group.name),
                   .why = no_tracepoint(name, section.substr(section.find('/') + 1))};
    }
    programs.push_back(program);
  }
  probes.shrink_maps();
  if (const int failed = trace_run__load(probes.skeleton_.get()); failed != 0) {
    const auto whose = std::ranges::find_if(programs, [](const bpf_program* each) {
      return libbpf_warnings().find(fmt::format("prog '{}'", bpf_program__name(each))) !=
             std::string::npos;
    });
    const std::string_view name = whose == programs.end() ? group.name : bpf_program__name(*whose);
    const LoadFailure kind = load_failure(-failed, libbpf_warnings());
    Error error = load_error(-failed, libbpf_warnings());
    if (kind != LoadFailure::kNoResources) {
      error.code = -failed;
      error.why = refusal(name, -failed, libbpf_warnings());
    }
    return error;
  }
  for (bpf_program* const each : programs) {
    const AttachedBy how = attached_by(each);
    if (how != AttachedBy::kLoading && how != AttachedBy::kBare && how != AttachedBy::kUringUse)
      continue;
    if (Status attached = probes.attach(each); !attached)
      return Error{.operation = "load",
                   .object = std::string(group.name),
                   .why = fmt::format("this kernel does not attach {}: {}", bpf_program__name(each),
                                      attached.error().text())};
  }
  return {};
}

// Of the groups that are wanted, those that fail alone. An error where one fails without which
// nothing can be traced, or for want of resources: it is not the group's.
Result<Probes::LeftOut> Probes::refused_groups(const ProbeOptions& options, const LeftOut& known) {
  LeftOut refused;
  std::set<std::string_view> names;
  for (const auto& [name, reason] : known)
    names.insert(name);
  // Settings last: they are not to blame for a program that fails without them.
  for (const bool settings : {false, true})
    for (const ProbeGroup& group : probe_groups()) {
      if (group.is_setting != settings || !group.wanted(options) || names.contains(group.name))
        continue;
      Status tried = try_group(group, options.faults, names);
      if (tried) continue;
      const int code = tried.error().code;
      if (group.is_required() || load_failure(code, {}) == LoadFailure::kNoResources)
        return std::move(tried).error();
      refused.emplace(group.name, tried.error().why);
      names.insert(group.name);
    }
  return refused;
}

// ---- All of it ----

void Probes::note_descriptors(const LeftOut& left_out) {
  if (!options_.inspect_descriptors || options_.counts_only) return;
  note_ =
      "socket messages were counted by looking at file descriptors at each call's end, and at the"
      " completions of io_uring, of which silent sends have none";
  if (const auto reason = left_out.find("sockets"); reason != left_out.end())
    note_ += fmt::format(" ({})", reason->second);
}

// What is left of the options without these groups. An error where that is nothing.
Status Probes::leave_out(const LeftOut& groups) {
  for (const ProbeGroup& group : probe_groups()) {
    const auto reason = groups.find(group.name);
    if (reason == groups.end() || !group.wanted(options_)) continue;
    if (group.is_required())
      return Error{.operation = "load the BPF probes", .object = {}, .why = reason->second};
    group.leave_out(options_, reason->second, unmeasured_);
  }
  return {};
}

// The programs that are to be loaded, and whose tracepoints should not be there, by the kernel's
// release.
std::set<std::string> Probes::unlikely_programs() const {
  std::set<std::string> unlikely;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->obj) {
    const std::string name = bpf_program__name(program);
    if (bpf_program__autoload(program) && !should_exist(name)) unlikely.insert(name);
  }
  return unlikely;
}

Result<Probes> Probes::load(const ProbeOptions& options) {
  ProbeOptions asked = options;
  if (!asked.preemptible) asked.preemptible = preempts_programs();
  LeftOut left_out;
  std::set<std::string> absent;
  const auto look_at_tracepoints = [&](const Probes& probes) {
    absent = absent_programs(probes.skeleton_->obj);
    absent.insert(asked.faults.absent.begin(), asked.faults.absent.end());
    left_out.merge(groups_without(absent, probes.skeleton_->obj, asked));
  };
  // Once as it should be, once without what was refused, once without what was not attached.
  constexpr int kAttempts = 3;
  for (int attempt = 1;; ++attempt) {
    listen_to_libbpf();
    Probes probes;
    probes.options_ = asked;
    Status ready = probes.open(left_out, absent);
    if (ready && attempt == 1) {
      absent = probes.unlikely_programs();
      // The kernel's types are read, 15 ms, only where something is likely to be missed.
      if (!std::ranges::all_of(absent, may_be_absent_alone)) look_at_tracepoints(probes);
    }
    if (ready) ready = probes.leave_out(left_out);
    if (ready) ready = probes.open(left_out, absent);
    if (!ready) return std::move(ready).error();
    std::optional<NotStarted> not_started = probes.start();
    if (!not_started) {
      probes.note_descriptors(left_out);
      return probes;
    }
    if (attempt == kAttempts || not_started->kind == LoadFailure::kNoResources)
      return std::move(not_started->error);
    const std::size_t known = left_out.size();
    left_out.merge(not_started->not_attached);
    if (left_out.size() > known) continue;
    look_at_tracepoints(probes);
    auto refused = refused_groups(asked, left_out);
    if (!refused) return std::move(refused).error();
    left_out.merge(*refused);
    if (left_out.size() == known) return std::move(not_started->error);
  }
}

}  // namespace tr::capture
