#include "metrics/locks.h"

#include <gmock/gmock.h>

namespace tr::metrics {
namespace {

constexpr std::uint64_t kMessages = 1'000;
constexpr std::uint64_t kWindow = 1'000'000'000;

// A lock that is a convoy in every respect; each test spoils one.
Futex convoy() {
  Futex futex;
  futex.kind = "private";
  futex.pid = 7;
  futex.address = 0x1000;
  futex.place = {"lock", "/bin/server", 0};
  futex.operations = {{"WAIT", 600}, {"WAKE", 600}};
  futex.waits = 600;
  futex.wait_ns = 1'800'000'000;
  futex.handoffs = 600;
  futex.handoff_ns = 600 * 40'000;
  futex.holds = 600;
  futex.hold_ns = 600 * 2'000;
  futex.most_waiters = 3;
  futex.waited_ns = 900'000'000;
  Histogram wait(kKernelBuckets);
  wait.record(3'000'000, 600);
  futex.wait = wait.buckets();
  Histogram handoff(kKernelBuckets);
  handoff.record(40'000, 600);
  futex.handoff = handoff.buckets();
  futex.handoffs_by_name = {{"worker", "worker", 600, 12}};
  return futex;
}

LockMetrics judged(const std::vector<Futex>& futexes, std::optional<std::uint64_t> messages,
                   std::vector<MutexHold> holds, Snapshot& snapshot) {
  snapshot.window_close_ns = kWindow;
  Locks locks;
  locks.futexes = futexes;
  if (!holds.empty()) locks.holds = std::move(holds);
  snapshot.locks = std::move(locks);
  return lock_metrics(snapshot, messages).value();
}

bool is_convoy(const Futex& futex, std::optional<std::uint64_t> messages = kMessages,
               std::vector<MutexHold> holds = {}) {
  Snapshot snapshot;
  return judged({futex}, messages, std::move(holds), snapshot).rows.at(0).convoy.has_value();
}

TEST(Locks, AbsentWhereTheyWereNotFollowed) {
  EXPECT_FALSE(lock_metrics(Snapshot{}, kMessages).has_value());
}

TEST(Locks, FiguresOfALock) {
  Snapshot snapshot;
  const LockMetrics metrics = judged({convoy()}, kMessages, {}, snapshot);
  const LockRow& row = metrics.rows.at(0);
  EXPECT_EQ(row.calls, 1'200U);
  EXPECT_DOUBLE_EQ(*row.waits_per_message, 0.6);
  EXPECT_DOUBLE_EQ(*row.wait_ns_per_message, 1'800'000);
  EXPECT_DOUBLE_EQ(row.wait.mean_ns, 3'000'000);
  EXPECT_DOUBLE_EQ(row.handoff.mean_ns, 40'000);
  EXPECT_NEAR(static_cast<double>(row.handoff.p50_ns), 40'000, 40'000 * 0.0625);
  EXPECT_DOUBLE_EQ(row.mean_waiters, 1.8);
  EXPECT_DOUBLE_EQ(row.waited_share, 0.9);
  EXPECT_DOUBLE_EQ(*row.hold_ns, 2'000);
  EXPECT_FALSE(row.hold_measured);
  ASSERT_TRUE(row.convoy.has_value());
  EXPECT_DOUBLE_EQ(row.convoy->handoff_ns, 40'000);
  EXPECT_DOUBLE_EQ(row.convoy->hold_ns, 2'000);
}

TEST(Locks, AConvoyNeedsAllItsSigns) {
  EXPECT_TRUE(is_convoy(convoy()));
  Futex rare = convoy();
  rare.waits = 499;
  EXPECT_FALSE(is_convoy(rare));
  Futex idle = convoy();
  idle.waited_ns = kWindow / 2;
  EXPECT_FALSE(is_convoy(idle));
  Futex long_held = convoy();
  long_held.hold_ns = 600 * 40'001;
  EXPECT_FALSE(is_convoy(long_held));
  // Its waiters wake nobody there: a queue's condition, not a lock.
  Futex condition = convoy();
  condition.holds = 299;
  EXPECT_FALSE(is_convoy(condition));
  Futex others = convoy();
  others.kind = "others";
  EXPECT_FALSE(is_convoy(others));
}

TEST(Locks, WithoutMessagesAConvoyIsOfSoManyWaitsPerSecond) {
  Futex futex = convoy();
  futex.waits = 100;
  EXPECT_TRUE(is_convoy(futex, std::nullopt));
  futex.waits = 99;
  EXPECT_FALSE(is_convoy(futex, std::nullopt));
}

TEST(Locks, WhatWasMeasuredGoesBeforeWhatIsEstimated) {
  const MutexHold held{7, 0x1000, {}, 10, 10 * 50'000, 60'000, {}};
  const MutexHold elsewhere{8, 0x1000, {}, 10, 10, 60'000, {}};
  EXPECT_FALSE(is_convoy(convoy(), kMessages, {held}));
  EXPECT_TRUE(is_convoy(convoy(), kMessages, {elsewhere}));
  Snapshot snapshot;
  const LockMetrics metrics = judged({convoy()}, kMessages, {held}, snapshot);
  EXPECT_TRUE(metrics.rows.at(0).hold_measured);
  EXPECT_DOUBLE_EQ(*metrics.rows.at(0).hold_ns, 50'000);
  EXPECT_DOUBLE_EQ(*metrics.holds.at(0).holds_per_message, 0.01);
}

Futex at(DataPlace place) {
  Futex futex = convoy();
  futex.place = std::move(place);
  return futex;
}

TEST(Locks, PythonsGilIsWhatLiesInItsRuntime) {
  const auto in_runtime = [](std::string module) {
    return identify(at({"_PyRuntime", std::move(module), 8}));
  };
  EXPECT_EQ(in_runtime("/usr/bin/python3.11"), LockIdentity::kGil);
  EXPECT_EQ(in_runtime("/usr/lib/libpython3.9.so.1.0"), LockIdentity::kGil);
  EXPECT_EQ(in_runtime("/usr/bin/python3.12"), LockIdentity::kGil);
  EXPECT_EQ(in_runtime("/usr/bin/python3.13"), LockIdentity::kNearGil);
  EXPECT_EQ(in_runtime("/usr/bin/python3.6"), LockIdentity::kNearGil);
  EXPECT_EQ(in_runtime("/usr/bin/embedded"), LockIdentity::kNearGil);
  EXPECT_EQ(identify(at({"runtime", "/usr/bin/python3.11", 8})), LockIdentity::kPlain);
}

TEST(Locks, TheGilsFutexesAreOneLockPerProcess) {
  const DataPlace place{"_PyRuntime", "/usr/bin/python3.11", 8};
  Futex first = at(place);
  Futex second = at(place);
  second.address += 4;
  second.most_waiters = 9;
  Futex other_process = at(place);
  other_process.pid = 8;
  other_process.wait_ns = 1;
  Snapshot snapshot;
  const LockMetrics metrics = judged({first, second, other_process}, kMessages, {}, snapshot);
  ASSERT_EQ(metrics.rows.size(), 2U);
  EXPECT_EQ(metrics.rows[0].waits, 1'200U);
  EXPECT_EQ(metrics.rows[0].most_waiters, 9U);
  EXPECT_EQ(metrics.rows[0].handoff.count, 1'200U);
  EXPECT_EQ(metrics.rows[0].handoffs.at(0).count, 1'200U);
  EXPECT_EQ(metrics.rows[1].waits, 600U);
}

TEST(Locks, OthersThatAreKnownByTheirPlace) {
  EXPECT_EQ(identify(at({"main_arena", "/lib/libc.so.6", 0})), LockIdentity::kMallocArena);
  EXPECT_EQ(identify(at({"_IO_stdfile_1_lock", "/lib/libc.so.6", 0})), LockIdentity::kStdio);
  Futex end = at({"[anonymous]", "", 0x910});
  EXPECT_EQ(identify(end), LockIdentity::kPlain);
  end.operations = {{"WAIT_BITSET", 1}};
  end.woken = 0;
  EXPECT_EQ(identify(end), LockIdentity::kThreadEnd);
  end.handoffs = 0;  // nobody has ended
  EXPECT_EQ(identify(end), LockIdentity::kPlain);
}

}  // namespace
}  // namespace tr::metrics
