// A traced child's locks, with what holds of every futex checked.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "traced.h"

namespace tr::kernel_test {

inline const capture::ProbeOptions kLocks{.locks = true};

struct Traced {
  Outcome outcome;
  capture::RawLocks raw;
  Locks locks;

  // The one at this address in the child; empty if it was never used.
  [[nodiscard]] Futex at(const void* address) const {
    for (const Futex& futex : locks.futexes)
      if (futex.address == reinterpret_cast<std::uintptr_t>(address)) return futex;
    return {};
  }
  [[nodiscard]] std::uint32_t row_of(const void* address) const {
    for (std::uint32_t row = 1; row < raw.futexes.size(); ++row)
      if (raw.futexes[row].address == reinterpret_cast<std::uintptr_t>(address)) return row;
    return 0;
  }
};

inline std::uint64_t count_of(const BucketList& buckets) {
  std::uint64_t sum = 0;
  for (const auto& bucket : buckets)
    sum += bucket.count;
  return sum;
}

inline Traced collected(capture::Probes& probes, Outcome outcome) {
  Traced traced;
  traced.outcome = std::move(outcome);
  auto raw = probes.raw_locks();
  EXPECT_TRUE(raw.ok());
  traced.raw = *std::move(raw);
  traced.locks = capture::collect_locks(
      traced.raw, {.place = [](std::int64_t, std::uint64_t) { return DataPlace{}; },
                   .kernel = [](std::uint64_t) { return std::string(); }});
  expect_sound(traced.outcome);
  // What holds of every futex.
  for (const Futex& futex : traced.locks.futexes) {
    EXPECT_EQ(count_of(futex.wait), futex.waits);
    EXPECT_EQ(count_of(futex.handoff), futex.handoffs);
    EXPECT_LE(futex.waited_ns, traced.outcome.window_ns);
    EXPECT_LE(futex.waited_ns, futex.wait_ns);
    EXPECT_LE(futex.wait_ns, futex.most_waiters * futex.waited_ns + kMs / 10);
    std::uint64_t by_name = 0;
    for (const LockHandoffs& handoffs : futex.handoffs_by_name)
      by_name += handoffs.count;
    EXPECT_EQ(by_name, futex.handoffs);
  }
  return traced;
}

inline Traced trace_locks(capture::Probes& probes, const std::function<void()>& body) {
  return collected(probes, trace(probes, body));
}

}  // namespace tr::kernel_test
