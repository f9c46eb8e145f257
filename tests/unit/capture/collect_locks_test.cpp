#include "capture/collect_locks.h"

#include <array>
#include <cstring>

#include <gmock/gmock.h>

namespace tr::capture {
namespace {

constexpr std::uint64_t kOpen = 1'000'000;
constexpr std::uint64_t kClose = 3'000'000;

tr_futex row(std::uint64_t address) {
  tr_futex row{};
  row.address = address;
  row.tgid = 7;
  row.calls[0] = 1;
  return row;
}

struct Kernel {
  std::array<tr_thread, 2> records{};
  RawLocks raw;

  Kernel() {
    raw.window_open_ns = kOpen;
    raw.window_close_ns = kClose;
    raw.futexes = {tr_futex{}, row(0x10), row(0x20)};
    raw.threads.resize(records.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
      records[i].serial = records[i].tid = static_cast<std::uint32_t>(i + 1);
      std::strcpy(records[i].comm, i == 0 ? "main" : "worker");
    }
  }
  // The thread sleeps at this row since then.
  void sleeps(std::size_t thread, std::uint32_t at, std::uint64_t since) {
    records.at(thread).state = TR_STATE_BLOCKED;
    records.at(thread).since_ns = since;
    raw.threads.at(thread).asleep = 1;
    raw.threads.at(thread).present = 1;
    raw.threads.at(thread).waiting = 1;
    raw.threads.at(thread).rows[0] = at;
  }
  Locks collect() {
    raw.records = records;
    return collect_locks(raw, {.place =
                                   [](auto, auto) {
                                     return DataPlace{"here", "", 0};
                                   },
                               .kernel =
                                   [](std::uint64_t address) {
                                     return address == 0x5000 ? std::string("symbol")
                                                              : std::string();
                                   }});
  }
};

const Futex& at(const Locks& locks, std::uint64_t address) {
  for (const Futex& futex : locks.futexes)
    if (futex.address == address) return futex;
  throw std::runtime_error("no such futex");
}

TEST(CollectLocks, WhoSleepsAtTheCloseHasWaitedUntilThen) {
  Kernel kernel;
  kernel.raw.futexes[1].waiters = 1;
  kernel.raw.futexes[1].busy_ns = -2'000'000;  // came in the middle
  kernel.sleeps(0, 1, 2'000'000);
  const Locks locks = kernel.collect();
  EXPECT_EQ(at(locks, 0x10).waits, 1U);
  EXPECT_EQ(at(locks, 0x10).wait_ns, 1'000'000U);
  EXPECT_EQ(at(locks, 0x10).waited_ns, 1'000'000U);
  EXPECT_EQ(at(locks, 0x10).most_waiters, 1U);
}

TEST(CollectLocks, WhoCameBeforeTheWindowHasWaitedSinceItsOpening) {
  Kernel kernel;
  kernel.raw.futexes[1].waiters = 1;
  kernel.raw.futexes[1].busy_before = 1;
  kernel.sleeps(0, 1, 5);
  EXPECT_EQ(at(kernel.collect(), 0x10).waited_ns, kClose - kOpen);
  EXPECT_EQ(at(kernel.collect(), 0x10).wait_ns, kClose - kOpen);
}

TEST(CollectLocks, AWakeUpUnderWayEndsTheWait) {
  Kernel kernel;
  kernel.raw.futexes[1].waiters = 1;
  kernel.raw.futexes[1].busy_ns = -2'000'000;
  kernel.sleeps(0, 1, 2'000'000);
  kernel.records[0].waking_ns = 2'400'000;
  EXPECT_EQ(at(kernel.collect(), 0x10).wait_ns, 400'000U);
  EXPECT_EQ(at(kernel.collect(), 0x10).waited_ns, 400'000U);
}

TEST(CollectLocks, WhoWasMovedWaitsAtTheOther) {
  Kernel kernel;
  kernel.raw.futexes[1].requeued_to = 2;
  kernel.raw.futexes[1].requeued_at_ns = 2'250'000;
  kernel.raw.futexes[2].waiters = 1;
  kernel.sleeps(0, 1, 2'000'000);
  const Locks locks = kernel.collect();
  EXPECT_EQ(at(locks, 0x10).wait_ns, 250'000U);
  EXPECT_EQ(at(locks, 0x20).wait_ns, 750'000U);
}

TEST(CollectLocks, HandoffsAreSummedUpByName) {
  Kernel kernel;
  kernel.raw.handoffs = {{{1, 1, 2}, 5}, {{1, 2, 2}, 3}, {{1, 2, 1}, 9}, {{2, 1, 99}, 1}};
  const Locks locks = kernel.collect();
  EXPECT_THAT(at(locks, 0x10).handoffs_by_name,
              testing::ElementsAre(LockHandoffs{"worker", "main", 9, 1},
                                   LockHandoffs{"main", "worker", 5, 1},
                                   LockHandoffs{"worker", "worker", 3, 1}));
  EXPECT_EQ(at(locks, 0x20).handoffs_by_name.at(0).woken, "(exited)");
}

TEST(CollectLocks, RowsThatWereNotUsedAreLeftOut) {
  Kernel kernel;
  kernel.raw.futexes[1].calls[0] = 0;
  kernel.raw.futexes[2].tgid = 0;  // another CPU was faster
  EXPECT_TRUE(kernel.collect().futexes.empty());
  kernel.raw.futexes[0].calls[1] = 4;  // those without a row
  ASSERT_EQ(kernel.collect().futexes.size(), 1U);
  EXPECT_EQ(kernel.collect().futexes[0].kind, "others");
  EXPECT_EQ(kernel.collect().futexes[0].operations.at("WAKE"), 4U);
}

TEST(CollectLocks, KernelLocksByKindAndSymbol) {
  Kernel kernel;
  kernel.raw.contention_unmeasured = "why";
  EXPECT_FALSE(kernel.collect().kernel.has_value());
  EXPECT_EQ(kernel.collect().kernel_unmeasured, "why");
  kernel.raw.contention_unmeasured.clear();
  kernel.raw.kernel = {{{0x1, TR_CONTENTION_SPIN}, {2, 10, 8}},
                       {{0x2, TR_CONTENTION_SPIN}, {1, 30, 30}},
                       {{0x5000, TR_CONTENTION_MUTEX | TR_CONTENTION_SPIN}, {1, 50, 50}},
                       {{0x3, TR_CONTENTION_WRITE | TR_CONTENTION_MMAP_LOCK}, {1, 20, 20}},
                       {{0, TR_CONTENTION_SPIN}, {0, 0, 0}}};
  EXPECT_THAT(*kernel.collect().kernel,
              testing::ElementsAre(KernelLock{"mutex", false, false, "symbol", 1, 1, 50, 50},
                                   KernelLock{"spinlock", false, false, "", 2, 3, 40, 30},
                                   KernelLock{"rwsem write", true, false, "", 1, 1, 20, 20}));
  EXPECT_TRUE(kernel.collect().kernel_unmeasured.empty());
  kernel.raw.missed_contentions = 3;
  EXPECT_THAT(kernel.collect().kernel_unmeasured, testing::StartsWith("3 beginnings and ends"));
}

}  // namespace
}  // namespace tr::capture
