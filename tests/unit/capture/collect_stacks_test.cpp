#include "capture/collect_stacks.h"

#include <cstring>

#include <gmock/gmock.h>

#include "capture/unwind_tables.h"
#include "temporary_folder.h"

namespace tr::capture {
namespace {

constexpr std::uint64_t kSwitch = 0xffffffff81000000;  // __traceiter_sched_switch, and so on below
constexpr std::uint64_t kProgram = 0xffffffff81001000;
constexpr std::uint64_t kSchedule = 0xffffffff81002000;
constexpr std::uint64_t kRead = 0xffffffff81003000;

const Names kNames{.syscall = [](int number, bool) { return "n" + std::to_string(number); },
                   .futex = {}};

// Two processes of image 5, of which 70 compiled two functions.
class CollectStacks : public testing::Test {
 protected:
  CollectStacks() : symbols_(folder_.path()) {
    folder_.file("kallsyms",
                 "ffffffff81000000 T __traceiter_sched_switch\n"
                 "ffffffff81001000 t bpf_prog_0123_on_sched_switch\t[bpf]\n"
                 "ffffffff81002000 T __schedule\n"
                 "ffffffff81003000 T vfs_read\n");
    folder_.file("70/maps", "10000-20000 r-xp 00000000 00:00 0 \n");
    folder_.file("70/root/tmp/perf-70.map", "10000 100 _start\n10100 100 wait_here\n");
    EXPECT_TRUE(symbols_.learn({.pid = 70, .image = 5}));
    counts_.window_open_ns = 1'000;
    counts_.window_close_ns = 2'000;
    counts_.budget = true;
  }

  tr_stack& stack(std::uint64_t hash, std::vector<std::uint64_t> user,
                  std::vector<std::uint64_t> kernel) {
    tr_stack& stack = raw_.stacks[hash];
    stack.image = 5;
    stack.process = 70;
    stack.unwinding = TR_WHOLE;
    stack.user_frames = static_cast<__u16>(user.size());
    stack.kernel_frames = static_cast<__u16>(kernel.size());
    std::ranges::copy(user, stack.user);
    std::ranges::copy(kernel, stack.kernel);
    return stack;
  }

  void add(std::uint64_t hash, std::uint32_t cause, std::uint64_t count, std::uint64_t ns,
           const char* comm = "worker") {
    tr_stack_key key{.stack = hash, .cause = cause, .reserved = 0, .comm = {}};
    std::strcpy(key.comm, comm);
    raw_.sums.push_back({key, {count, ns}});
  }

  Stacks collect() {
    StackTable table(raw_, symbols_);
    return collect_stacks(raw_, counts_, kNames, table);
  }

  static std::vector<std::string> names(const Stacks& stacks, std::uint64_t number) {
    std::vector<std::string> names;
    for (const std::uint64_t frame : stacks.stacks.at(number).frames)
      names.push_back(stacks.frames.at(frame).function);
    return names;
  }

  TemporaryFolder folder_;
  symbols::Symbols symbols_;
  RawStacks raw_;
  RawCounts counts_;
};

TEST_F(CollectStacks, NamesFramesWithoutTheTracersOwn) {
  stack(1, {0x10104, 0x10010}, {kProgram + 9, kSwitch + 9, kSchedule + 9, kRead + 9});
  add(1, TR_WAIT_KEY(0, TR_ON_CLIENT, TR_WOKEN_BY_LOAD), 3, 300);
  const Stacks stacks = collect();
  ASSERT_EQ(stacks.blocked.size(), 1U);
  EXPECT_EQ(stacks.blocked[0], (BlockedStack{.stack = 1,
                                             .thread = "worker",
                                             .call = "n0",
                                             .object = "client",
                                             .waker = "load",
                                             .count = 3,
                                             .ns = 300}));
  EXPECT_THAT(names(stacks, 1),
              testing::ElementsAre("__schedule", "vfs_read", "wait_here", "_start"));
  EXPECT_FALSE(stacks.stacks[1].cut);
  EXPECT_FALSE(stacks.profile.has_value());
}

// Differing in addresses alone, they are one stack for people.
TEST_F(CollectStacks, PutsStacksWithTheSameNamesTogether) {
  stack(1, {0x10104, 0x10010}, {});
  stack(2, {0x10108, 0x10020}, {});
  add(1, TR_ON_CPU, 5, 0);
  add(2, TR_ON_CPU, 6, 0);
  raw_.event = "cpu-clock";
  raw_.hz = 99;
  const Stacks stacks = collect();
  ASSERT_TRUE(stacks.profile.has_value());
  ASSERT_EQ(stacks.profile->stacks.size(), 1U);
  EXPECT_EQ(stacks.profile->stacks[0].samples, 11U);
  EXPECT_EQ(stacks.stacks.size(), 2U);
}

// 0x10100 is where the next function begins; what was called is the last of _start.
TEST_F(CollectStacks, AReturnAddressBelongsToTheCallBeforeIt) {
  stack(1, {0x10180, 0x10100}, {});
  add(1, TR_ON_CPU, 1, 0);
  raw_.event = "cpu-clock";
  EXPECT_THAT(names(collect(), 1), testing::ElementsAre("wait_here", "_start"));
}

TEST_F(CollectStacks, OfAnotherProcessTheCompiledCodeIsNotNamed) {
  stack(1, {0x10104}, {}).process = 71;
  add(1, TR_ON_CPU, 1, 0);
  raw_.event = "cpu-clock";
  const Stacks stacks = collect();
  EXPECT_EQ(stacks.frames[0],
            (Frame{.function = {}, .module = "[jit]", .offset = 0x10104, .kernel = false}));
}

TEST_F(CollectStacks, WhatDoesNotReachTheFirstFunctionIsCut) {
  stack(1, {0x10104}, {}).unwinding = TR_BY_FRAME_POINTERS;
  stack(2, {0x10104, 0x10010}, {}).unwinding = TR_BY_FRAME_POINTERS;
  stack(3, {0x10104, 0x10010, 0x10104}, {}).unwinding = TR_CUT;
  for (const std::uint64_t hash : {1, 2, 3, 4})
    add(hash, TR_ON_CPU, hash, 0);
  raw_.event = "cpu-clock";
  const Stacks stacks = collect();
  std::map<std::uint64_t, bool> cut;  // by samples
  for (const SampledStack& sampled : stacks.profile->stacks)
    cut[sampled.samples] = stacks.stacks[sampled.stack].cut;
  EXPECT_THAT(cut, testing::ElementsAre(testing::Pair(1, true), testing::Pair(2, false),
                                        testing::Pair(3, true), testing::Pair(4, false)));
  EXPECT_EQ(stacks.profile->stacks[0].stack, 0U);  // 4 was not kept
}

TEST_F(CollectStacks, AWaitThatIsOpenCountsWhereItBlocks) {
  stack(9, {0x10104}, {});
  std::array<tr_stack_note, 2> notes{};
  notes[1].stack = 9;
  raw_.notes = notes;
  tr_thread thread{};
  thread.serial = 1;
  thread.slot = 1;
  std::strcpy(thread.comm, "asleep");
  thread.state = TR_STATE_BLOCKED;
  thread.since_ns = 400;
  thread.call = TR_NO_CALL;
  counts_.records = std::span(&thread, 1);
  const Stacks stacks = collect();
  ASSERT_EQ(stacks.blocked.size(), 1U);
  EXPECT_EQ(stacks.blocked[0].ns, 1'000U);
  EXPECT_EQ(stacks.blocked[0].waker, "nobody");
  EXPECT_THAT(names(stacks, stacks.blocked[0].stack), testing::ElementsAre("wait_here"));
}

TEST(PackedRow, KeepsWhatFits) {
  using symbols::FrameRule;
  const tr_unwind_row row = packed_row(
      {.address = 0x1234, .rule = FrameRule::kStackPointer, .offset = 4096, .frame_pointer = -16});
  EXPECT_EQ(row.address, 0x1234U);
  EXPECT_EQ(row.rule, TR_RULE_STACK_POINTER);
  EXPECT_EQ(row.offset, 512);
  EXPECT_EQ(row.frame_pointer, -2);
  for (const auto& [offset, frame_pointer] :
       {std::pair{4, 0}, std::pair{8 << 16, 0}, std::pair{8, -8 * 129}, std::pair{8, -3}})
    EXPECT_EQ(packed_row({.address = 0,
                          .rule = FrameRule::kFramePointer,
                          .offset = offset,
                          .frame_pointer = frame_pointer})
                  .rule,
              TR_RULE_OTHER);
}

}  // namespace
}  // namespace tr::capture
