#include "capture/perf_events.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "util/clock.h"

namespace tr::capture {
namespace {

// A program that creates threads all the time is given so many chances to pause.
constexpr int kAttachRounds = 20;
constexpr std::uint64_t kTryNs = 20'000;

// Errors that are ours, not the event's.
bool out_of_resources(int code) {
  return code == EMFILE || code == ENFILE || code == ENOMEM;
}

std::vector<pid_t> sorted(std::vector<pid_t> tasks) {
  std::sort(tasks.begin(), tasks.end());
  return tasks;
}

std::size_t new_since(const std::vector<pid_t>& before, const std::vector<pid_t>& after) {
  std::vector<pid_t> added;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(added));
  return added.size();
}

Error no_task() {
  errno = ESRCH;
  return errno_error("count perf events of the program", {}, "it has ended");
}

}  // namespace

PerfEvents::PerfEvents(std::vector<PerfEncoding> events, PerfKernel& kernel, std::string root)
    : events_(std::move(events)), kernel_(kernel), root_(std::move(root)) {
  refusals_.resize(events_.size());
}

Result<PerfEvents::Opened> PerfEvents::open_task(pid_t task, bool at_exec) {
  return planned_ ? open_like_first(task, at_exec) : open_first(task, at_exec);
}

// perf_event_open accepts groups that never get onto the PMU: arm_pmu does not count a leader that
// is disabled, nor does anyone count the counter that x86's NMI watchdog holds. So the group is
// tried on the calling thread.
bool PerfEvents::fits(const std::vector<Slot>& group) const {
  TaskEvents fds;
  for (const Slot& slot : group) {
    auto fd = kernel_.open(part_of(slot).attr, 0, fds.empty() ? -1 : fds.front().get(), false);
    if (fd) fds.push_back(*std::move(fd));
    // What is refused altogether takes no counter.
    else if (fd.error().code == EINVAL && !fds.empty())
      return false;
  }
  if (fds.empty() || !kernel_.enable(fds.front().get())) return true;
  // The kernel has put the group on the PMU, or not, when enable() returns; its clock must move on.
  const std::uint64_t start = monotonic_ns();
  while (monotonic_ns() - start < kTryNs) {
  }
  const auto reading = kernel_.read(fds.front().get());
  return !reading || reading->enabled_ns == 0 || reading->running_ns > 0;
}

// One group for each PMU, or several where one does not fit.
std::vector<PerfEvents::Slot> PerfEvents::plan_groups() const {
  std::vector<Slot> all;
  for (std::size_t e = 0; e < events_.size(); ++e)
    for (std::size_t p = 0; p < events_[e].parts.size(); ++p)
      all.push_back({.event = e, .part = p, .leads = false});
  std::vector<std::string> pmus;
  for (const Slot& slot : all)
    if (const std::string& pmu = part_of(slot).pmu;
        std::find(pmus.begin(), pmus.end(), pmu) == pmus.end())
      pmus.push_back(pmu);

  // Among several kinds of core, this thread may be on the wrong one to try a group.
  const bool can_try = core_pmus(root_).size() < 2;
  std::vector<Slot> plan;
  for (const std::string& pmu : pmus) {
    std::vector<Slot> group;
    for (Slot slot : all) {
      if (part_of(slot).pmu != pmu) continue;
      group.push_back(slot);
      const bool may_not_fit = can_try && !events_[slot.event].software;
      slot.leads = group.size() == 1 || (may_not_fit && !fits(group));
      if (slot.leads) group = {slot};
      plan.push_back(slot);
    }
  }
  return plan;
}

// Finds out, on the first task, what the machine counts and how it groups.
Result<PerfEvents::Opened> PerfEvents::open_first(pid_t task, bool at_exec) {
  std::vector<Slot> slots;
  TaskEvents fds;
  std::vector<std::string> refusals(events_.size());
  int leader = -1;
  for (Slot slot : plan_groups()) {
    const PerfAttr& attr = part_of(slot).attr;
    if (slot.leads) leader = -1;
    slot.leads = leader < 0;
    auto fd = kernel_.open(attr, task, leader, at_exec);
    // It shares with none: a group of its own.
    if (!fd && fd.error().code == EINVAL && !slot.leads) {
      slot.leads = true;
      fd = kernel_.open(attr, task, -1, at_exec);
    }
    if (!fd) {
      const int code = fd.error().code;
      if (code == ESRCH) return Opened::kTaskGone;
      if (out_of_resources(code)) return std::move(fd).error();
      refusals[slot.event] = perf_refusal(code, events_[slot.event], attr, root_);
      continue;
    }
    if (slot.leads) leader = fd->get();
    slots.push_back(slot);
    fds.push_back(*std::move(fd));
  }
  slots_ = std::move(slots);
  refusals_ = std::move(refusals);
  tasks_.push_back(std::move(fds));
  planned_ = true;
  return Opened::kYes;
}

Result<PerfEvents::Opened> PerfEvents::open_like_first(pid_t task, bool at_exec) {
  TaskEvents fds;
  int leader = -1;
  for (const Slot& slot : slots_) {
    auto fd = kernel_.open(part_of(slot).attr, task, slot.leads ? -1 : leader, at_exec);
    if (!fd && fd.error().code == ESRCH) return Opened::kTaskGone;
    if (!fd) {
      Error error = std::move(fd).error();
      error.object = fmt::format("{} on thread {}", events_[slot.event].name, task);
      return error;
    }
    if (slot.leads) leader = fd->get();
    fds.push_back(*std::move(fd));
  }
  tasks_.push_back(std::move(fds));
  return Opened::kYes;
}

Status PerfEvents::watch_child(pid_t child, Start start) {
  const auto opened = open_task(child, start == Start::kAtExec);
  if (!opened) return opened.error();
  return *opened == Opened::kYes ? Status() : no_task();
}

Status PerfEvents::open_all(const std::vector<pid_t>& tasks) {
  tasks_.clear();
  bool room_made = false;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    // The first task tells how many files each of the others takes.
    if (planned_ && !std::exchange(room_made, true))
      if (Status room = kernel_.make_room((tasks.size() - i) * slots_.size()); !room) {
        tasks_.clear();
        return room;
      }
    if (const auto opened = open_task(tasks[i], false); !opened) return opened.error();
  }
  return tasks_.empty() ? no_task() : Status();
}

Status PerfEvents::attach(const TaskLister& tasks) {
  for (int round = 0; round < kAttachRounds; ++round) {
    const auto before = tasks();
    if (!before) return before.error();
    const std::vector<pid_t> opened = sorted(*before);
    if (Status status = open_all(opened); !status) return status;
    const auto after = tasks();
    if (!after) return after.error();
    missed_threads_ = new_since(opened, sorted(*after));
    if (missed_threads_ == 0) break;
  }
  return {};
}

Status PerfEvents::for_each_group(Status (PerfKernel::*change)(int)) {
  for (const TaskEvents& fds : tasks_)
    for (std::size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].leads)
        if (Status status = (kernel_.*change)(fds[i].get()); !status) return status;
  return {};
}

Status PerfEvents::enable() {
  return for_each_group(&PerfKernel::enable);
}

Status PerfEvents::disable() {
  return for_each_group(&PerfKernel::disable);
}

PerfCount PerfEvents::count_of(std::size_t event) const {
  PerfCount count;
  count.event = events_[event].name;
  bool opened = false;
  std::uint64_t enabled_on_last_pmu = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].event != event) continue;
    opened = true;
    enabled_on_last_pmu = 0;
    for (const TaskEvents& fds : tasks_) {
      const auto reading = kernel_.read(fds[i].get());
      if (!reading) {
        PerfCount unread;
        unread.event = count.event;
        unread.unsupported = reading.error().text();
        return unread;
      }
      count.value += reading->value;
      count.running_ns += reading->running_ns;
      enabled_on_last_pmu += reading->enabled_ns;
    }
    // Each kind of core's event is enabled all the time, but runs only on its own cores.
    count.enabled_ns = std::max(count.enabled_ns, enabled_on_last_pmu);
  }
  if (!opened) {
    count.unsupported =
        events_[event].unsupported.empty() ? refusals_[event] : events_[event].unsupported;
    if (count.unsupported.empty()) count.unsupported = "not opened";
  } else if (count.enabled_ns == 0) {
    count.unsupported =
        "the program did not run while it was counted, or gained privileges when executed, which "
        "ends counting";
  } else if (count.running_ns == 0) {
    count.unsupported = "it never got a hardware counter: too many events at once";
  }
  return count;
}

std::vector<PerfCount> PerfEvents::read() const {
  std::vector<PerfCount> counts;
  for (std::size_t event = 0; event < events_.size(); ++event)
    counts.push_back(count_of(event));
  return counts;
}

std::vector<std::string> PerfEvents::notes() const {
  std::vector<std::string> notes;
  for (std::size_t e = 0; e < events_.size(); ++e) {
    if (events_[e].parts.size() < 2) continue;
    std::vector<std::string> counted;
    for (const Slot& slot : slots_)
      if (slot.event == e) counted.push_back(part_of(slot).pmu);
    if (counted.size() == events_[e].parts.size())
      notes.push_back(fmt::format("{} is the sum over the core types {}.", events_[e].name,
                                  fmt::join(counted, " and ")));
    else if (!counted.empty())
      notes.push_back(fmt::format("{} was counted on {} only, not on the other core types ({}).",
                                  events_[e].name, fmt::join(counted, " and "), refusals_[e]));
  }
  if (missed_threads_ > 0)
    notes.push_back(fmt::format(
        "perf events: {} threads appeared while the running ones were being attached to; perf's "
        "counts may lack theirs.",
        missed_threads_));
  return notes;
}

}  // namespace tr::capture
