#include "capture/watch_locks.h"

#include <algorithm>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "capture/kernel_file.h"
#include "capture/lock_hold.h"
#include "util/text.h"

namespace tr::capture {
namespace {

// A pair has three: at the lock's entry and return, and at the unlock's entry.
constexpr double kRunsPerPair = 3;

symbols::Process process_of(std::int64_t pid) {
  return {.pid = static_cast<pid_t>(pid), .image = 0};
}

}  // namespace

DataPlace data_place(symbols::Symbols& symbols, std::int64_t pid, std::uint64_t address) {
  symbols::Place place = symbols.data(process_of(pid), address);
  return {std::move(place.name), std::move(place.module), place.offset};
}

void WatchLocks::prepare() {
  if (!holds_) return;
  const Status watched = watch_own_libc();
  if (watched) return;
  holds_ = false;
  refused_ = watched.error().text();
}

Status WatchLocks::watch_own_libc() {
  const double without = lock_pair_ns();
  const auto own = libc_of(kernel_text("", "/proc/self/maps").value_or(""));
  for (const std::string& libc : own)
    if (Status watched = watch(::getpid(), libc); !watched) return watched;
  if (own.empty()) return {};
  pair_ns_ = std::max(0.0, lock_pair_ns() - without);
  return {};
}

std::optional<double> WatchLocks::trap_ns_per_run() const {
  return pair_ns_ ? std::optional(*pair_ns_ / kRunsPerPair) : std::nullopt;
}

Status WatchLocks::watch(pid_t process, const std::string& libc) {
  // As the process sees it: it may have another root.
  const std::string path = fmt::format("/proc/{}/root{}", process, libc);
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return errno_error("find", path);
  if (!watched_.insert({file.st_dev, file.st_ino}).second) return {};
  return probes_.watch_mutexes(path);
}

void WatchLocks::learn(std::span<const pid_t> processes) {
  for (const pid_t process : processes) {
    symbols_.learn(process_of(process));
    if (holds_) look_for_libc(process);
  }
}

void WatchLocks::look_for_libc(pid_t process) {
  const auto maps = read_file(fmt::format("/proc/{}/maps", process));
  if (!maps || maps->empty() || with_libc_.contains(process)) return;
  const auto found = libc_of(*maps);
  if (found.empty()) {
    without_libc_.insert(process);
    return;
  }
  without_libc_.erase(process);
  with_libc_.insert(process);
  const std::size_t known = watched_.size();
  for (const std::string& libc : found) {
    const Status watched = watch(process, libc);
    if (!watched)
      late_ = fmt::format("of {}: {}", libc, watched.error().text());
    else if (watched_.size() > known)
      late_ = fmt::format("of {}: only since it was seen to be used", libc);
  }
}

Result<Locks> WatchLocks::take() {
  auto raw = probes_.raw_locks();
  if (!raw) return std::move(raw).error();
  const LockNames names{
      .place = [this](std::int64_t pid,
                      std::uint64_t address) { return data_place(symbols_, pid, address); },
      .kernel = [this](std::uint64_t address) { return symbols_.kernel_data(address); }};
  Locks locks = collect_locks(*std::move(raw), names);
  locks.trap_ns_per_pair = pair_ns_;
  if (!refused_.empty()) {
    locks.holds.reset();
    locks.holds_unmeasured = refused_;
    return locks;
  }
  locks.holds_unmeasured = late_;
  if (!without_libc_.empty()) {
    if (!late_.empty()) locks.holds_unmeasured += "; ";
    locks.holds_unmeasured += fmt::format(
        "of {} {}: no libc is mapped there (statically linked, or not C), so there is nothing to "
        "put"
        " uprobes on",
        without_libc_.size(), without_libc_.size() == 1 ? "process" : "processes");
  }
  return locks;
}

}  // namespace tr::capture
