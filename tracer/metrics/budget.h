// Where did the threads' time go? Each nanosecond of their lives inside the window, in one state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/snapshot.h"

namespace tr::metrics {

enum class TimeState {
  kUser,       // on a CPU, in the program's own code
  kSystem,     // on a CPU, inside a syscall
  kDelivery,   // on a CPU, in softirq NET_RX inside a syscall of its own
  kInterrupt,  // on a CPU, in interrupts and the softirqs that follow them
  kWaking,     // its wake-up was under way
  kWoken,      // waited for a CPU after a wake-up
  kPreempted,  // waited for a CPU after another thread had got its own
  kBlocked,    // asleep in the middle of work
  kIdle,       // asleep, waiting for work: none was pending at what it waited for
};

// A line of the budget.
struct TimeRow {
  TimeState state = TimeState::kUser;
  std::string call;          // of kSystem, kBlocked and kIdle; empty: calls that are not known
  std::string object;        // of kBlocked and kIdle: as Wait::object
  std::uint64_t ns = 0;      // summed over the threads
  std::uint64_t times = 0;   // of kBlocked and kIdle: waits
  std::vector<Wait> wakers;  // of kBlocked and kIdle: its waits by waker, longest first
};

// "user", "system:sendto", "runqueue:woken", "blocked:futex", "idle:recvfrom:client": in files and
// figures, never changed.
std::string state_name(const TimeRow& row);

struct ThreadTime {
  std::int64_t tid = 0;
  std::string comm;
  std::uint64_t life_ns = 0;
  std::int64_t residual_ns = 0;
  std::vector<TimeRow> rows;
};

struct TimeBudget {
  std::uint64_t life_ns = 0;  // of all threads, those not kept one by one included
  // life_ns less the sum of the rows, added up over the threads as magnitudes: 0, or there is a
  // bug.
  std::uint64_t residual_ns = 0;
  std::vector<TimeRow> rows;  // by state; each state but kSystem, kBlocked and kIdle once
  std::vector<ThreadTime> threads;
  std::optional<CpuTime> cpus;

  [[nodiscard]] std::uint64_t sum(TimeState state) const;
};

// Whether a thread that blocks so waits for work: in a call that waits for events or connections,
// or on a client's connection.
bool waits_for_work(const Wait& wait);

// Absent where the snapshot holds no budget.
std::optional<TimeBudget> time_budget(const Snapshot& snapshot);

}  // namespace tr::metrics
