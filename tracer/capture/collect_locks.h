// What did the probes see of locks? Turns the kernel's rows into a snapshot's locks, as collect.h
// does with the records.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "records.h"
#include "snapshot/locks.h"

namespace tr::capture {

// The kernel's side, copied out of the maps.
struct RawLocks {
  std::uint64_t window_open_ns = 0;
  std::uint64_t window_close_ns = 0;
  std::vector<tr_futex> futexes;        // by row
  std::span<const tr_thread> records;   // without the unused record 0
  std::vector<tr_lock_thread> threads;  // beside `records`
  // Row, waker's and woken one's thread id.
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::uint64_t> handoffs;
  std::string contention_unmeasured;     // why the kernel's locks were not looked at
  std::uint64_t missed_contentions = 0;  // begins and ends that the kernel did not show
  std::vector<std::pair<tr_kernel_lock_key, tr_kernel_lock>> kernel;
  bool has_holds = false;
  std::vector<std::pair<tr_mutex_key, tr_mutex>> mutexes;
};

// How addresses get their names.
struct LockNames {
  std::function<DataPlace(std::int64_t pid, std::uint64_t address)> place;
  // Of the kernel's variable there; empty: none.
  std::function<std::string(std::uint64_t address)> kernel;
};

// "WAIT", "futex_waitv", by enum tr_futex_operation.
[[nodiscard]] std::string futex_call_name(std::uint32_t operation);

// Closes what is still open at the window's end, names it, sorts it.
[[nodiscard]] Locks collect_locks(RawLocks raw, const LockNames& names);

}  // namespace tr::capture
