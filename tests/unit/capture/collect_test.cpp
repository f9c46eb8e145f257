#include "capture/collect.h"

#include <cstring>

#include <gmock/gmock.h>

namespace tr::capture {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr std::uint64_t kOpen = 1000;
constexpr std::uint64_t kClose = 2000;
constexpr std::uint32_t kRead = 0;
constexpr std::uint32_t kFutex = 202;

const Names kNames{
    .syscall = [](int number,
                  bool compat) { return (compat ? "c" : "n") + std::to_string(number); },
    .futex = [](std::uint32_t operation) { return "op" + std::to_string(operation); }};

std::uint64_t cell(std::uint32_t key, std::uint32_t count) {
  return std::uint64_t{key} << 32 | count;
}

// A thread that has lived, blocked, since before the window.
tr_thread blocked_thread(std::uint32_t serial) {
  tr_thread thread{};
  thread.serial = serial;
  thread.tid = 100 + serial;
  thread.tgid = 100;
  std::strcpy(thread.comm, "worker");
  thread.state = TR_STATE_BLOCKED;
  thread.born_ns = 500;
  thread.since_ns = 500;
  thread.call = TR_NO_CALL;
  thread.restarted_call = TR_NO_CALL;
  return thread;
}

tr_call call_entry(std::uint32_t key, std::uint32_t errors, std::uint64_t calls,
                   std::uint64_t total_ns, std::uint64_t cpu_ns) {
  tr_call entry{};
  entry.call = key;
  entry.errors = errors;
  entry.calls = calls;
  entry.total_ns = total_ns;
  entry.cpu_ns = cpu_ns;
  return entry;
}

Collected collect_one(const tr_thread& thread) {
  RawCounts raw;
  raw.window_open_ns = kOpen;
  raw.window_close_ns = kClose;
  raw.records = std::span(&thread, 1);
  return collect(raw, kNames);
}

TEST(Buckets, AreTheSameInTheProbesAndInTheHistogram) {
  for (unsigned shift = 0; shift < 64; ++shift)
    for (const std::uint64_t value :
         {(std::uint64_t{1} << shift) - 1, std::uint64_t{1} << shift,
          (std::uint64_t{1} << shift) + (std::uint64_t{1} << shift) / 3})
      ASSERT_EQ(tr_bucket(value), kKernelBuckets.index(value)) << value;
  EXPECT_EQ(tr_bucket(UINT64_MAX), kKernelBuckets.index(UINT64_MAX));
}

TEST(Collect, ClosesWhatIsOpenAtTheWindowsEnd) {
  tr_thread thread = blocked_thread(1);
  thread.call = kRead;
  thread.call_since_ns = 500;
  const Collected collected = collect_one(thread);
  ASSERT_EQ(collected.threads.size(), 1U);
  const ThreadCounts& counts = collected.threads[0];
  EXPECT_EQ(counts.comm, "worker");
  EXPECT_FALSE(counts.exited);
  EXPECT_EQ(counts.life_ns, 1000U);
  EXPECT_EQ(counts.counts.blocked_ns, 1000U);
  ASSERT_EQ(counts.counts.syscalls.size(), 1U);
  const SyscallStats& read = counts.counts.syscalls[0];
  EXPECT_EQ(read.name, "n0");
  EXPECT_EQ(read.calls, 0U);
  EXPECT_EQ(read.carried_in, 1U);
  EXPECT_EQ(read.in_flight, 1U);
  EXPECT_EQ(read.total_ns, 1000U);
  EXPECT_THAT(read.latency, ElementsAre(Histogram::Bucket{kKernelBuckets.index(1000), 1}));
}

TEST(Collect, LeavesACallThatBeganAfterTheWindowOut) {
  tr_thread thread = blocked_thread(1);
  thread.since_ns = 2500;
  thread.state_ns[TR_STATE_BLOCKED] = 1000;
  thread.call = kRead;
  thread.call_since_ns = 2500;
  const Collected collected = collect_one(thread);
  EXPECT_EQ(collected.total.blocked_ns, 1000U);
  EXPECT_THAT(collected.total.syscalls, IsEmpty());
}

TEST(Collect, KeepsAnInterruptedCallThatWasNeverRestartedOpen) {
  tr_thread thread = blocked_thread(1);
  thread.restarted_call = kRead;
  thread.restarted_since_ns = 1900;
  const Collected collected = collect_one(thread);
  ASSERT_EQ(collected.total.syscalls.size(), 1U);
  EXPECT_EQ(collected.total.syscalls[0].total_ns, 100U);
  EXPECT_EQ(collected.total.syscalls[0].in_flight, 1U);
}

TEST(Collect, LeavesThreadsOutsideTheWindowOut) {
  tr_thread before = blocked_thread(1);
  before.state = TR_STATE_DEAD;
  before.died_ns = 900;
  EXPECT_THAT(collect_one(before).threads, IsEmpty());
  tr_thread after = blocked_thread(1);
  after.born_ns = after.since_ns = 2100;
  EXPECT_THAT(collect_one(after).threads, IsEmpty());
  tr_thread never_woken = blocked_thread(1);
  never_woken.born_ns = 0;
  never_woken.state = TR_STATE_NEW;
  EXPECT_THAT(collect_one(never_woken).threads, IsEmpty());
}

TEST(Collect, AThreadThatExitedInsideLivesUntilThen) {
  tr_thread thread = blocked_thread(1);
  thread.born_ns = 1200;
  thread.died_ns = 1700;
  thread.state = TR_STATE_DEAD;
  thread.since_ns = 1700;
  thread.state_ns[TR_STATE_USER] = 500;
  const Collected collected = collect_one(thread);
  ASSERT_EQ(collected.threads.size(), 1U);
  EXPECT_TRUE(collected.threads[0].exited);
  EXPECT_EQ(collected.threads[0].life_ns, 500U);
  EXPECT_EQ(collected.total.user_ns, 500U);
}

TEST(Collect, ReadsTablesSpillsAndFoldedThreadsIntoOneTotal) {
  std::array<tr_thread, 2> threads = {blocked_thread(1), blocked_thread(3)};
  threads[0].calls[5] = call_entry(kRead + 1, 2, 10, 500, 0);
  threads[0].cells[7] = cell(TR_CELL_KEY(TR_CELL_ERRNO, kRead, 11), 2);
  threads[0].cells[8] = cell(TR_CELL_KEY(TR_CELL_LATENCY, kRead, tr_bucket(50)), 10);
  threads[0].cells[9] = cell(TR_CELL_KEY(TR_CELL_FUTEX, kFutex, 128), 4);
  threads[1].calls[0] = call_entry((kRead | TR_CALL_COMPAT) + 1, 0, 1, 7, 0);

  RawCounts raw;
  raw.window_open_ns = kOpen;
  raw.window_close_ns = kClose;
  raw.records = threads;
  // Thread 1 spilled some; threads 0 (folded) and 2 (folded, with a spill of its own) are gone.
  raw.spilled[{1, TR_CELL_KEY(TR_CELL_ERRNO, kRead, 4)}] = 3;
  raw.spilled[{1, TR_CELL_KEY(TR_CELL_ERRORS, kRead, 0)}] = 3;
  raw.spilled[{0, TR_CELL_KEY(TR_CELL_CALLS, kRead, 0)}] = 100;
  raw.spilled[{0, TR_CELL_KEY(TR_CELL_TOTAL_NS, kRead, 0)}] = 1000;
  raw.spilled[{2, TR_CELL_KEY(TR_CELL_CALLS, kRead, 0)}] = 1;
  raw.folded.threads = 2;
  raw.folded.counters[TR_WAKEUPS] = 9;
  raw.folded.state_ns[TR_STATE_SYSTEM] = 11;

  const Collected collected = collect(raw, kNames);
  EXPECT_EQ(collected.threads.size(), 2U);
  EXPECT_EQ(collected.folded_threads, 2U);
  EXPECT_EQ(collected.total.wakeups, 9U);
  EXPECT_EQ(collected.total.system_ns, 11U);
  EXPECT_THAT(collected.total.futex, UnorderedElementsAre(Pair("op128", 4)));
  ASSERT_EQ(collected.total.syscalls.size(), 2U);
  EXPECT_EQ(collected.total.syscalls[0].name, "c0");
  const SyscallStats& read = collected.total.syscalls[1];
  EXPECT_EQ(read.calls, 111U);
  EXPECT_EQ(read.errors, 5U);
  EXPECT_EQ(read.total_ns, 1500U);
  EXPECT_THAT(read.errors_by_errno, UnorderedElementsAre(Pair(11, 2), Pair(4, 3)));
  EXPECT_EQ(collected.threads[0].counts.syscalls[0].calls, 10U);
}

Collected collect_budget(const tr_thread& thread) {
  RawCounts raw;
  raw.window_open_ns = kOpen;
  raw.window_close_ns = kClose;
  raw.budget = true;
  raw.records = std::span(&thread, 1);
  return collect(raw, kNames);
}

Wait wait(std::string call, std::string object, std::string waker, std::uint64_t count,
          std::uint64_t ns) {
  return {std::move(call), std::move(object), std::move(waker), count, ns};
}

TEST(CollectBudget, ASleeperAtTheEndWasWokenByNobody) {
  tr_thread thread = blocked_thread(1);
  thread.call = kRead;
  thread.object = TR_ON_CLIENT;
  const Collected collected = collect_budget(thread);
  EXPECT_THAT(collected.total.budget->waits, ElementsAre(wait("n0", "client", "nobody", 1, 1000)));
  EXPECT_EQ(collected.total.budget->waking_ns, 0U);
}

TEST(CollectBudget, AWakeUpUnderWayAtTheEndIsCutThere) {
  tr_thread thread = blocked_thread(1);
  thread.waking_ns = 1900;
  thread.waker = TR_WOKEN_BY_LOAD;
  const Collected collected = collect_budget(thread);
  EXPECT_THAT(collected.total.budget->waits, ElementsAre(wait("", "", "load", 1, 900)));
  EXPECT_EQ(collected.total.budget->waking_ns, 100U);
  EXPECT_EQ(collected.total.blocked_ns, 1000U);
}

TEST(CollectBudget, AWakeUpBeforeTheSleepIsNoWait) {
  tr_thread thread = blocked_thread(1);
  thread.since_ns = 1500;
  thread.waking_ns = 1400;
  thread.state_ns[TR_STATE_USER] = 500;
  const Collected collected = collect_budget(thread);
  EXPECT_EQ(collected.total.budget->waking_ns, 500U);
  EXPECT_EQ(collected.total.budget->waits[0].ns, 0U);
}

TEST(CollectBudget, AWakeUpAfterTheWindowIsNobodysYet) {
  tr_thread thread = blocked_thread(1);
  thread.waking_ns = 2100;
  thread.waker = TR_WOKEN_BY_TIMER;
  EXPECT_EQ(collect_budget(thread).total.budget->waits[0].waker, "nobody");
}

TEST(CollectBudget, StatesAreParts) {
  tr_thread thread = blocked_thread(1);
  thread.state = TR_STATE_SYSTEM;
  thread.since_ns = 1990;
  thread.call = kRead;
  thread.call_since_ns = 1900;
  thread.call_cpu_ns = 40;
  thread.calls[3] = call_entry(kRead + 1, 0, 7, 300, 60);
  thread.waits[2] = {
      .key = TR_WAIT_KEY(kFutex, TR_ON_NOTHING, TR_WOKEN_BY_TREE) + 1, .count = 3, .ns = 200};
  thread.state_ns[TR_STATE_SYSTEM] = 100;
  thread.state_ns[TR_STATE_DELIVERY] = 20;
  thread.state_ns[TR_STATE_INTERRUPT] = 30;
  thread.state_ns[TR_STATE_WAKING] = 5;
  thread.state_ns[TR_STATE_WOKEN] = 15;
  thread.state_ns[TR_STATE_PREEMPTED] = 25;
  thread.state_ns[TR_STATE_BLOCKED] = 200;
  const TaskCounts counts = collect_budget(thread).total;
  EXPECT_EQ(counts.system_ns, 160U);
  EXPECT_EQ(counts.runqueue_ns, 40U);
  EXPECT_EQ(counts.blocked_ns, 205U);
  EXPECT_EQ(counts.budget->delivery_ns, 20U);
  EXPECT_EQ(counts.budget->interrupt_ns, 30U);
  EXPECT_EQ(counts.budget->woken_ns, 15U);
  EXPECT_EQ(counts.budget->preempted_ns, 25U);
  EXPECT_THAT(counts.budget->waits, ElementsAre(wait("n202", "", "server", 3, 200)));
  ASSERT_EQ(counts.syscalls.size(), 1U);
  EXPECT_EQ(counts.syscalls[0].cpu_ns, 110U);  // with what of the call is still open
}

TEST(CollectBudget, ACpusTimeSinceItsLastSwitchGoesOnToTheEnd) {
  RawCounts raw;
  raw.window_open_ns = kOpen;
  raw.window_close_ns = kClose;
  raw.budget = true;
  raw.cpus.resize(3);
  raw.cpus[0].owner = TR_OWNER_TREE;
  raw.cpus[0].since_ns = 1600;
  raw.cpus[0].owner_ns[TR_OWNER_IDLE] = 600;
  raw.cpus[1].owner = TR_OWNER_LOAD;
  raw.cpus[1].since_ns = 500;
  const auto time = collect(raw, kNames).cpu_time;
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(*time, (CpuTime{.cpus = 3,
                            .server_ns = 400,
                            .load_ns = 1000,
                            .other_ns = 0,
                            .kernel_ns = 0,
                            .idle_ns = 600,
                            .unknown_ns = 1000}));
}

std::uint32_t uring_key(std::uint32_t operation, tr_uring_count what) {
  return TR_CELL_KEY(TR_CELL_URING, operation, what);
}

TEST(Collect, AddsOperationsOfIoUringUpByName) {
  constexpr std::uint32_t kNop = 0;
  constexpr std::uint32_t kReceive = 27;
  tr_thread thread = blocked_thread(1);
  thread.cells[0] = cell(uring_key(kReceive, TR_URING_SUBMITTED), 3);
  thread.cells[1] = cell(uring_key(kReceive, TR_URING_SUBMITTED_SILENT), 2);
  thread.cells[2] = cell(uring_key(kReceive, TR_URING_COMPLETED), 1);
  thread.cells[3] = cell(uring_key(kReceive, TR_URING_COMPLETED_MORE), 7);
  thread.cells[4] = cell(uring_key(kReceive, TR_URING_UNDER_WAY), 1);
  thread.cells[5] = cell(TR_CELL_KEY(TR_CELL_URING_ERRNO, kReceive, 11), 1);
  thread.cells[6] = cell(TR_CELL_KEY(TR_CELL_URING_LATENCY, kReceive, 20), 4);
  thread.cells[7] = cell(uring_key(TR_URING_UNKNOWN, TR_URING_OVERFLOWED), 5);
  thread.cells[8] = cell(uring_key(99, TR_URING_BY_SQPOLL), 6);
  RawCounts raw;
  raw.window_open_ns = kOpen;
  raw.window_close_ns = kClose;
  raw.records = std::span(&thread, 1);
  raw.spilled[{1, uring_key(kReceive, TR_URING_COMPLETED)}] = 10;
  raw.spilled[{0, uring_key(kReceive, TR_URING_COMPLETED)}] = 100;
  raw.uring_under_way = {{kReceive, 2}, {kNop, 9}};
  const Collected collected = collect(raw, kNames);
  ASSERT_TRUE(collected.total.uring);
  EXPECT_EQ(collected.total.uring->overflowed, 5U);
  const auto& operations = collected.total.uring->operations;
  ASSERT_EQ(operations.size(), 3U);
  EXPECT_EQ(operations[0].name, "NOP");
  EXPECT_EQ(operations[0].under_way, 9U);
  EXPECT_EQ(operations[1].name, "OP_99");
  EXPECT_EQ(operations[1].by_sqpoll, 6U);
  const UringOperation& receive = operations[2];
  EXPECT_EQ(receive.name, "RECV");
  EXPECT_EQ(receive.submitted, 5U);
  EXPECT_EQ(receive.silent, 2U);
  EXPECT_EQ(receive.completed, 118U);
  EXPECT_EQ(receive.more, 7U);
  EXPECT_EQ(receive.under_way, 3U);
  EXPECT_THAT(receive.errors_by_errno, ElementsAre(Pair(11, 1U)));
  EXPECT_THAT(receive.latency, ElementsAre(Histogram::Bucket{20, 4}));
  // A thread knows nothing of what is under way, and of what others did.
  ASSERT_TRUE(collected.threads[0].counts.uring);
  EXPECT_EQ(collected.threads[0].counts.uring->operations.back().completed, 18U);
  EXPECT_FALSE(collected.threads[0].counts.uring->operations.back().under_way.has_value());
}

TEST(Collect, AWorkersTimeIsNoSystemCalls) {
  tr_thread worker = blocked_thread(1);
  worker.call = TR_CALL_IO_WORKER;
  worker.call_since_ns = 500;
  worker.call_cpu_ns = 40;
  worker.object = TR_ON_IO_URING;
  worker.state_ns[TR_STATE_SYSTEM] = 40;
  RawCounts raw;
  raw.window_open_ns = kOpen;
  raw.window_close_ns = kClose;
  raw.budget = true;
  raw.records = std::span(&worker, 1);
  const Collected collected = collect(raw, kNames);
  EXPECT_THAT(collected.total.syscalls, IsEmpty());
  ASSERT_TRUE(collected.total.budget);
  EXPECT_EQ(collected.total.budget->io_worker_ns, 40U);
  EXPECT_FALSE(collected.total.budget->sqpoll_ns.has_value());
  ASSERT_EQ(collected.total.budget->waits.size(), 1U);
  EXPECT_EQ(collected.total.budget->waits[0].call, kIoWorker);
  EXPECT_EQ(collected.total.budget->waits[0].object, "io_uring");
}

}  // namespace
}  // namespace tr::capture
