// Is everything counted where the kernel skips programs, as it does where threads are preempted in
// them? Rehearsed: the programs themselves act as if they had been skipped.
#include <array>
#include <atomic>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "capture/probe_programs.h"
#include "traced.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;

// The kernel must have what the programs hold the CPU with.
#define TRACE_RUN_NEEDS_IRQ_KFUNCS()       \
  if (!capture::kernel_is_at_least(6, 15)) \
  GTEST_SKIP() << "programs turn interrupts off, and call global functions then, since Linux 6.15"

// What each child below does, so that all of it is known.
constexpr int kCalls = 3000;

TEST(Preemption, WhatTheFirstProgramsMissTheSecondOnesCount) {
  TRACE_RUN_NEEDS_IRQ_KFUNCS();
  TRACE_RUN_LOAD_OR_SKIP(probes, (ProbeOptions{.preemptible = true, .rehearsed_skips = 1}));
  const Outcome outcome = trace(probes, [] {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([] { call_many(SYS_getppid, kCalls); });
    for (std::thread& thread : threads)
      thread.join();
    for (int i = 0; i < 77; ++i)
      ::close(-1);
  });
  expect_sound(outcome);
  EXPECT_EQ(outcome.counts.threads.size(), 5U);
  EXPECT_EQ(outcome.call(name_of(SYS_getppid)).calls, 4U * kCalls);
  EXPECT_EQ(durations(outcome.call(name_of(SYS_getppid))), 4U * kCalls);
  EXPECT_EQ(outcome.call(name_of(SYS_close)).errors, 77U);
  EXPECT_EQ(probes.unseen().call_starts + probes.unseen().call_ends, 0U);
}

TEST(Preemption, WhatBothMissOneEdgeOfTheCallTells) {
  TRACE_RUN_NEEDS_IRQ_KFUNCS();
  TRACE_RUN_LOAD_OR_SKIP(probes, (ProbeOptions{.preemptible = true, .rehearsed_skips = 2}));
  const Outcome outcome = trace(probes, [] { call_many(SYS_getppid, kCalls); });
  expect_sound(outcome);
  EXPECT_EQ(outcome.call(name_of(SYS_getppid)).calls, 1U * kCalls);
  // One start in six, and one end.
  EXPECT_NEAR(static_cast<double>(probes.unseen().call_starts), kCalls / 6.0, 3);
  EXPECT_NEAR(static_cast<double>(probes.unseen().call_ends), kCalls / 6.0, 3);
  EXPECT_THAT(probes.notes(), testing::Contains(testing::HasSubstr("inexact")));
}

TEST(Preemption, CountsAloneAreExactToo) {
  TRACE_RUN_NEEDS_IRQ_KFUNCS();
  TRACE_RUN_LOAD_OR_SKIP(
      probes, (ProbeOptions{.counts_only = true, .preemptible = true, .rehearsed_skips = 1}));
  const Outcome outcome = trace(probes, [] {
    for (int i = 0; i < 10; ++i)
      std::thread([] { call_many(SYS_getppid, kCalls); }).join();
  });
  EXPECT_EQ(outcome.call(name_of(SYS_getppid)).calls, 10U * kCalls);
  EXPECT_EQ(outcome.counts.threads.size(), 11U);
  EXPECT_EQ(outcome.lost_in_all(), 0U);
}

TEST(Preemption, NewThreadsAndMessagesAreMissedByNone) {
  TRACE_RUN_NEEDS_IRQ_KFUNCS();
  TRACE_RUN_LOAD_OR_SKIP(probes, (ProbeOptions{.preemptible = true, .rehearsed_skips = 1}));
  constexpr int kForks = 30;
  constexpr int kMessages = 500;
  const Outcome outcome = trace(probes, [] {
    for (int i = 0; i < kForks; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        call_many(SYS_getppid, 10);
        ::_exit(0);
      }
      ::waitpid(child, nullptr, 0);
    }
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) return;
    for (int i = 0; i < kMessages; ++i) {
      std::array<char, 100> bytes{};
      (void)::send(ends[0], bytes.data(), bytes.size(), 0);
      (void)::recv(ends[1], bytes.data(), bytes.size(), MSG_WAITALL);
    }
  });
  expect_sound(outcome);
  EXPECT_EQ(outcome.counts.threads.size(), 1U + kForks);
  EXPECT_EQ(outcome.call(name_of(SYS_getppid)).calls, 10U * kForks);
  EXPECT_EQ(outcome.counts.total.sent_messages, 1U * kMessages);
  EXPECT_EQ(outcome.counts.total.received_messages, 1U * kMessages);
  EXPECT_EQ(outcome.counts.total.received_bytes, 100U * kMessages);
}

// Where the kernel preempts programs, some are skipped here for real.
TEST(Preemption, ManyThreadsOnEachCpuAreCountedExactly) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  constexpr int kThreads = 16;
  constexpr int kForks = 40;
  constexpr int kMessages = 300;
  const Outcome outcome = trace(probes, [] {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([] {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) return;
        for (int message = 0; message < kMessages; ++message) {
          std::array<char, 100> bytes{};
          (void)::send(ends[0], bytes.data(), bytes.size(), 0);
          (void)::recv(ends[1], bytes.data(), bytes.size(), MSG_WAITALL);
          call_many(SYS_getppid, 10);
        }
      });
    for (int i = 0; i < kForks; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        call_many(SYS_getppid, 10);
        ::_exit(0);
      }
      ::waitpid(child, nullptr, 0);
    }
    for (std::thread& thread : threads)
      thread.join();
  });
  for (const auto& p : probes.statistics())
    if (p.recursion_misses + p.second_misses.value_or(0))
      printf("MISS %s %lu %ld\n", p.program.c_str(), p.recursion_misses,
             p.second_misses ? static_cast<long>(*p.second_misses) : -1L);
  printf("UNSEEN %lu %lu\n", probes.unseen().call_starts, probes.unseen().call_ends);
  expect_sound(outcome);
  EXPECT_EQ(outcome.counts.threads.size(), 1U + kThreads + kForks);
  EXPECT_EQ(outcome.call(name_of(SYS_getppid)).calls, 10U * (kThreads * kMessages + kForks));
  EXPECT_EQ(outcome.call(name_of(SYS_sendto)).calls, 1U * kThreads * kMessages);
  EXPECT_EQ(outcome.call(name_of(SYS_recvfrom)).calls, 1U * kThreads * kMessages);
  EXPECT_EQ(outcome.counts.total.sent_messages, 1U * kThreads * kMessages);
  EXPECT_EQ(outcome.counts.total.received_messages, 1U * kThreads * kMessages);
}

}  // namespace
}  // namespace tr::kernel_test
