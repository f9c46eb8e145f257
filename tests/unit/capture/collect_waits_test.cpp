#include "capture/collect_waits.h"

#include <array>
#include <cstring>
#include <span>

#include <gmock/gmock.h>

namespace tr::capture {
namespace {

using testing::SizeIs;

constexpr std::uint64_t kOpen = 1000, kClose = 2000;
constexpr std::uint32_t kFutex = 202;

const Names kNames{.syscall = [](int number, bool) { return "n" + std::to_string(number); },
                   .futex = [](std::uint32_t) { return std::string(); }};

tr_cause_key key_of(std::uint32_t waker, const char* name) {
  tr_cause_key key{};
  key.wait = TR_WAIT_KEY(kFutex, TR_ON_NOTHING, waker);
  key.place = {.kind = TR_PLACE_ADDRESS, .tgid = 7, .which = 0xabc};
  std::strncpy(key.waker, name, sizeof(key.waker));
  return key;
}

tr_cause cause_of(std::uint64_t count, std::uint64_t each, std::uint32_t waker_tid) {
  tr_cause cause{};
  cause.waits.count = count;
  cause.waits.ns = count * each;
  cause.waits.max_ns = each;
  cause.waits.buckets[tr_bucket(each)] = static_cast<std::uint32_t>(count);
  cause.waker_tid = waker_tid;
  return cause;
}

// Asleep in a futex call since before the window.
tr_thread sleeper() {
  tr_thread thread{};
  thread.serial = 1;
  thread.slot = 1;
  thread.born_ns = 500;
  thread.since_ns = 900;
  thread.state = TR_STATE_BLOCKED;
  thread.call = kFutex;
  thread.restarted_call = TR_NO_CALL;
  return thread;
}

tr_wait_note wait_note_of(const char* waker) {
  tr_wait_note sleep{};
  sleep.place = key_of(0, "").place;
  sleep.waker_tid = 21;
  sleep.running_up = TR_CAUSE_NONE;
  std::strncpy(sleep.waker, waker, sizeof(sleep.waker));
  return sleep;
}

Waits collect_one(const tr_thread& thread, const RawWaits& waits) {
  RawCounts raw;
  raw.window_open_ns = kOpen;
  raw.window_close_ns = kClose;
  raw.budget = true;
  raw.records = std::span(&thread, 1);
  return collect_waits(raw, waits, kNames);
}

TEST(CollectWaits, NamesCausesLongestFirst) {
  RawWaits raw;
  raw.causes = {cause_of(2, 3, 0), cause_of(4, 100, 11), cause_of(1, 900, TR_SEVERAL)};
  raw.numbers = {{key_of(TR_WOKEN_BY_TREE, "one"), 1}, {key_of(TR_WOKEN_BY_TREE, "two"), 2}};
  tr_thread none{};
  const Waits waits = collect_one(none, raw);
  ASSERT_THAT(waits.causes, SizeIs(2));
  const WaitCause& first = waits.causes[0];
  EXPECT_EQ(first.call, "n202");
  EXPECT_EQ(first.waker, "server");
  EXPECT_EQ(first.place, "address");
  EXPECT_EQ(first.which, 0xabcU);
  EXPECT_EQ(first.tgid, 7);
  EXPECT_EQ(first.waker_name, "two");
  EXPECT_EQ(first.waker_tid, 0U);  // several
  EXPECT_EQ(waits.causes[1].waker_tid, 11U);
  EXPECT_EQ(waits.causes[1].waits.ns, 400U);
  EXPECT_EQ(waits.other_waits.count, 2U);
  EXPECT_EQ(waits.other_waits.ns, 6U);
  EXPECT_FALSE(waits.arrivals.has_value());
}

TEST(CollectWaits, PortsAreTakenApart) {
  RawWaits raw;
  tr_cause_key key = key_of(TR_WOKEN_BY_LOAD, "");
  key.place = {.kind = TR_PLACE_PORTS, .tgid = 0, .which = (8080U << 16) | 5432};
  raw.causes = {tr_cause{}, cause_of(1, 10, 0)};
  raw.numbers = {{key, 1}};
  tr_thread none{};
  const Waits waits = collect_one(none, raw);
  EXPECT_EQ(waits.causes.at(0).which, 8080U);
  EXPECT_EQ(waits.causes.at(0).far_port, 5432U);
  EXPECT_TRUE(waits.causes.at(0).waker_name.empty());
}

TEST(CollectWaits, WhoIsAsleepAtTheCloseIsWokenByNobody) {
  RawWaits raw;
  raw.sleeps[1] = wait_note_of("stale");
  const Waits waits = collect_one(sleeper(), raw);
  ASSERT_THAT(waits.causes, SizeIs(1));
  EXPECT_EQ(waits.causes[0].waker, "nobody");
  EXPECT_EQ(waits.causes[0].which, 0xabcU);
  EXPECT_TRUE(waits.causes[0].waker_name.empty());
  EXPECT_EQ(waits.causes[0].waits.ns, kClose - kOpen);
  EXPECT_TRUE(waits.causes[0].run_queue.buckets.empty());
}

// It is added to the waits that ended before by the same hand.
TEST(CollectWaits, AWakeUpUnderWayAtTheCloseHasItsWaker) {
  RawWaits raw;
  raw.causes = {tr_cause{}, cause_of(4, 100, 21)};
  raw.numbers = {{key_of(TR_WOKEN_BY_TREE, "one"), 1}};
  raw.sleeps[1] = wait_note_of("one");
  tr_thread thread = sleeper();
  thread.waking_ns = 1900;
  thread.waker = TR_WOKEN_BY_TREE;
  const Waits waits = collect_one(thread, raw);
  ASSERT_THAT(waits.causes, SizeIs(1));
  EXPECT_EQ(waits.causes[0].waits.count, 5U);
  EXPECT_EQ(waits.causes[0].waits.ns, 400U + 900U);
  EXPECT_EQ(waits.causes[0].waits.max_ns, 900U);
  EXPECT_EQ(waits.causes[0].waker_tid, 21U);
}

TEST(CollectWaits, WhoIsOnItsWayToACpuAtTheCloseHasWaitedUntilThen) {
  RawWaits raw;
  raw.causes = {tr_cause{}, cause_of(1, 100, 0)};
  raw.numbers = {{key_of(TR_WOKEN_BY_TIMER, ""), 1}};
  raw.sleeps[1] = wait_note_of("");
  raw.sleeps[1].running_up = 1;
  tr_thread thread = sleeper();
  thread.state = TR_STATE_WOKEN;
  thread.since_ns = 1700;
  const Waits waits = collect_one(thread, raw);
  ASSERT_THAT(waits.causes, SizeIs(1));
  EXPECT_EQ(waits.causes[0].waits.count, 1U);
  EXPECT_EQ(waits.causes[0].run_queue.count, 1U);
  EXPECT_EQ(waits.causes[0].run_queue.ns, 300U);
}

TEST(CollectWaits, HandoffsMostFrequentFirstAndArrivalsThatWokeSomebody) {
  RawWaits raw;
  tr_wake_pair few{.count = 2, .waker = "a", .sleeper = "b"};
  tr_wake_pair many{.count = 9, .waker = "b", .sleeper = "a"};
  raw.handoffs = {{{.waker_tid = 1, .sleeper_tid = 2}, few},
                  {{.waker_tid = 2, .sleeper_tid = 1}, many}};
  raw.unnamed_handoffs = 3;
  raw.arrivals = {{80, tr_arrivals{.connections = 5, .woken = 7, .herds = 2, .too_many = 3}},
                  {22, tr_arrivals{.connections = 1, .woken = 0, .herds = 0, .too_many = 0}}};
  tr_thread none{};
  const Waits waits = collect_one(none, raw);
  ASSERT_THAT(waits.handoffs, SizeIs(2));
  EXPECT_EQ(waits.handoffs[0], (Handoff{2, 1, "b", "a", 9}));
  EXPECT_EQ(waits.other_handoffs, 3U);
  ASSERT_THAT(*waits.arrivals, SizeIs(1));
  EXPECT_EQ(waits.arrivals->front(), (Arrivals{80, 5, 7, 2, 3}));
}

}  // namespace
}  // namespace tr::capture
