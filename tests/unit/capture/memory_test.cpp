#include "capture/memory.h"

#include <array>
#include <limits>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "capture/temporary_folder.h"
#include "util/text.h"

namespace tr::capture {
namespace {

using testing::HasSubstr;

constexpr std::string_view kStatus =
    "Name:\tVmPTE: 7 kB\nTgid:\t5\nVmRSS:\t  900 kB\nVmPTE:\t      52 kB\nThreads:\t3\n";
constexpr std::string_view kRollup =
    "00400000-7ffd44e00000 ---p 00000000 00:00 0                              [rollup]\n"
    "Rss:                1800 kB\nPss:                1000 kB\nPss_Dirty:           600 kB\n"
    "Pss_Anon:            500 kB\nShared_Clean:       1200 kB\n";

class ReadMemory : public testing::Test {
 protected:
  void add(pid_t pid, std::string_view status = kStatus, std::string_view rollup = kRollup) {
    proc_.file(fmt::format("{}/status", pid), std::string(status));
    proc_.file(fmt::format("{}/smaps_rollup", pid), std::string(rollup));
  }
  [[nodiscard]] Result<MemoryReading> read(const std::vector<pid_t>& pids) const {
    return read_memory(proc_.path(), pids);
  }
  std::string error_of_one(std::string_view status, std::string_view rollup) {
    add(9, status, rollup);
    const auto reading = read({9});
    return reading ? "no error" : reading.error().text();
  }

  TemporaryFolder proc_;
};

TEST_F(ReadMemory, AddsUpTheProcesses) {
  add(5);
  add(6);
  const auto reading = read({5, 6});
  ASSERT_TRUE(reading.ok()) << reading.error().text();
  EXPECT_EQ(*reading, (MemoryReading{2 * 1000 * 1024, 2 * 52 * 1024, 2, 6, std::nullopt}));
  // Where the kernel splits it.
  add(7, kStatus, "Pss: 1000 kB\nPss_Anon: 30 kB\nPss_File: 967 kB\nPss_Shmem: 3 kB\n");
  EXPECT_EQ(read({7})->anonymous_bytes, 33U * 1024);
  EXPECT_EQ(read({5, 7})->anonymous_bytes, std::nullopt);
}

TEST_F(ReadMemory, LeavesOutWhatHasEnded) {
  add(5);
  proc_.file("6/status", std::string(kStatus));           // gone between the two files
  add(7, "Name:\tx\nState:\tZ (zombie)\nThreads:\t1\n");  // has given back its memory
  add(8, kStatus, "");
  const auto reading = read({4, 5, 6, 7, 8});
  ASSERT_TRUE(reading.ok()) << reading.error().text();
  EXPECT_EQ(reading->processes, 1U);
  EXPECT_EQ(reading->pss_bytes, 1000U * 1024);
}

TEST_F(ReadMemory, IsAnErrorWhenNoneIsLeft) {
  EXPECT_THAT(read({4}).error().text(), HasSubstr("none of its processes"));
  EXPECT_FALSE(read({}).ok());
}

TEST_F(ReadMemory, IsNeverGuessedFromDamagedText) {
  EXPECT_EQ(error_of_one(kStatus, kRollup), "no error");
  for (const std::string_view pss :
       {"Pss: 12", "Pss: kB", "Pss: -3 kB", "Pss: 1.5 kB", "Pss: 5 MB", "Pss: 5 kB kB",
        "Pss: 0x10 kB", "Pss: 18446744073709551616 kB", "Pss: 18014398509481984 kB", "PSS: 5 kB",
        "Pss_Dirty: 5 kB", "Pss 5 kB", "Pss:"})
    EXPECT_THAT(error_of_one(kStatus, pss), HasSubstr("Pss")) << pss;
  for (const std::string_view status :
       {"VmPTE: 5\nThreads: 1\n", "VmPTE: 5 kB\n", "VmPTE: 5 kB\nThreads: two\n",
        "VmPTE: 5 kB\nThreads: -1\n", "VmPTE:\nThreads: 1\n"})
    EXPECT_THAT(error_of_one(status, kRollup), HasSubstr("VmPTE and Threads")) << status;
  EXPECT_NE(error_of_one(kStatus, {"Pss: 5\0 kB", 10}), "no error");
}

TEST_F(ReadMemory, TakesTheLargestNumberThatFits) {
  add(5, kStatus, "Pss: 18014398509481983 kB\n");
  EXPECT_EQ(read({5})->pss_bytes, std::numeric_limits<std::uint64_t>::max() - 1023);
}

// This process itself, as the kernel has it.
TEST(ReadMemoryOfThisMachine, SeesWhatIsTouched) {
  const std::array<pid_t, 1> self = {::getpid()};
  const auto before = read_memory("/proc", self);
  ASSERT_TRUE(before.ok()) << before.error().text();
  EXPECT_GT(before->page_table_bytes, 0U);
  constexpr std::size_t kTouched = 64 << 20;
  const std::vector<char> touched(kTouched, 'x');
  const auto after = read_memory("/proc", self);
  ASSERT_TRUE(after.ok()) << after.error().text();
  EXPECT_GE(after->pss_bytes, before->pss_bytes + kTouched / 10 * 9);
  if (before->anonymous_bytes) {
    EXPECT_GE(*after->anonymous_bytes, *before->anonymous_bytes + kTouched / 10 * 9);
  }
}

TEST(OwnPeak, IsReadAndForgottenAsTheKernelHasIt) {
  const TemporaryFolder proc;
  EXPECT_EQ(own_peak(proc.path()), std::nullopt);
  EXPECT_FALSE(forget_own_peak(proc.path()));
  proc.file("self/status", "Name:\tVmHWM: 7 kB\nVmPeak:\t 1 kB\nVmHWM:\t   1234 kB\n");
  proc.file("self/clear_refs", "");
  EXPECT_EQ(own_peak(proc.path()), 1234U * 1024);
  EXPECT_TRUE(forget_own_peak(proc.path()));
  const auto written = read_file(proc.path() + "/self/clear_refs");
  ASSERT_TRUE(written);
  EXPECT_EQ(*written, "5");
}

TEST(OwnPeak, OfThisProcessGrowsWithWhatItHoldsAndForgetsIt) {
  constexpr std::size_t kHeld = 64 << 20;
  if (!forget_own_peak("/proc")) GTEST_SKIP() << "this kernel cannot forget a peak";
  const auto before = own_peak("/proc");
  ASSERT_TRUE(before);
  void* const held = ::mmap(nullptr, kHeld, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(held, MAP_FAILED);
  ASSERT_EQ(::munmap(held, kHeld), 0);
  const auto most = own_peak("/proc");
  ASSERT_TRUE(most);
  EXPECT_GE(*most, *before + kHeld / 2);
  ASSERT_TRUE(forget_own_peak("/proc"));
  EXPECT_LT(*own_peak("/proc"), *before + kHeld / 2);
}

}  // namespace
}  // namespace tr::capture
