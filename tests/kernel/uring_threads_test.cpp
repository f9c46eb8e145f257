// Is the time of io_uring's own threads where it belongs, and what they do the program's?
#include <array>
#include <fcntl.h>
#include <filesystem>
#include <liburing.h>
#include <string_view>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "traced.h"
#include "uring_ring.h"
#include "util/fd.h"
#include "util/text.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// A thread of the calling process by the beginning of its name, as soon as there is one.
pid_t own_thread(std::string_view begin) {
  for (int tries = 0; tries < 10'000; ++tries) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      const auto name = read_file((task.path() / "comm").string());
      if (name && name->starts_with(begin)) return std::stoi(task.path().filename().string());
    }
    ::usleep(1'000);
  }
  ::_exit(8);
}

class UringWorkers : public WithRing {};

INSTANTIATE_TEST_SUITE_P(Plain, UringWorkers, testing::Values(0U));
INSTANTIATE_TEST_SUITE_P(Deferred, UringWorkers, testing::Values(kDeferred));

// A file that the page cache holds already, or not: a worker reads it.
TEST_P(UringWorkers, WorkersAreChargedToTheSubmitter) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    const Fd file(::memfd_create("data", MFD_CLOEXEC));
    std::vector<char> data(1 << 20, 'x');
    check(::write(file.get(), data.data(), data.size()) == static_cast<ssize_t>(data.size()));
    TestRing ring(GetParam());
    for (int i = 0; i < 200; ++i) {
      io_uring_sqe* const read = ring.next();
      io_uring_prep_read(read, file.get(), data.data(), 1U << 20, 0);
      read->flags |= IOSQE_ASYNC;
      ring.submit(1);
      ring.take_expecting(1 << 20);
    }
  });
  expect_sound(outcome);
  const UringOperation read = operation(outcome, "READ");
  EXPECT_EQ(read.submitted, 200U);
  EXPECT_EQ(read.completed, 200U);
  EXPECT_EQ(read.to_worker, 200U);
  EXPECT_EQ(latencies(read), 200U);
  const auto workers = threads_named(outcome, "iou-wrk-");
  ASSERT_FALSE(workers.empty());
  std::uint64_t cpu_ns = 0;
  for (const ThreadCounts* worker : workers) {
    const TaskCounts& counts = worker->counts;
    EXPECT_EQ(counts.user_ns, 0U);
    EXPECT_THAT(counts.syscalls, IsEmpty());
    ASSERT_TRUE(counts.budget && counts.budget->io_worker_ns);
    cpu_ns += *counts.budget->io_worker_ns;
    // It waits for work, or does it.
    for (const Wait& wait : counts.budget->waits)
      EXPECT_EQ(wait.call, kIoWorker);
  }
  // Copying 200 MiB takes more than a millisecond.
  EXPECT_GT(cpu_ns, 1'000'000U);
  EXPECT_EQ(outcome.counts.total.budget->io_worker_ns, cpu_ns);
}

// Idle, or in the middle of work: a splice waits inside the worker for data, as it is none that is
// first polled for.
TEST_P(UringWorkers, AWorkerThatWaitsInItsWorkIsNotIdle) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    std::array<int, 2> from{};
    std::array<int, 2> to{};
    check(::pipe(from.data()) == 0 && ::pipe(to.data()) == 0);
    TestRing ring(GetParam());
    io_uring_prep_splice(ring.next(), from[0], -1, to[1], -1, 1, 0);
    ring.submit();
    check(wait_until_blocked(own_thread("iou-wrk-")));
    ::usleep(5'000);
    check(::write(from[1], "x", 1) == 1);
    ring.take_expecting(1);
    check(wait_until_blocked(own_thread("iou-wrk-")));
    ::usleep(5'000);
  });
  expect_sound(outcome);
  const auto workers = threads_named(outcome, "iou-wrk-");
  ASSERT_FALSE(workers.empty());
  std::uint64_t idle_ns = 0;
  std::uint64_t working_ns = 0;
  for (const ThreadCounts* worker : workers)
    for (const Wait& wait : worker->counts.budget->waits)
      (wait.object == "io_uring" ? idle_ns : working_ns) += wait.ns;
  EXPECT_GT(idle_ns, 4'000'000U);
  EXPECT_GT(working_ns, 4'000'000U);
}

TEST(UringThreads, WhatSqpollSubmitsIsCountedWithItsThread) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    const auto ends = socket_pair();
    TestRing ring(IORING_SETUP_SQPOLL);
    std::array<char, 10> data{};
    for (int i = 0; i < 100; ++i) {
      io_uring_prep_nop(ring.next());
      io_uring_prep_send(ring.next(), ends[1].get(), data.data(), data.size(), 0);
      check(io_uring_submit(ring.get()) >= 0);
      ring.take(2);
      check(::read(ends[0].get(), data.data(), data.size()) == 10);
    }
    check(wait_until_blocked(own_thread("iou-sqp-")));  // it polls for a while first
    ::usleep(5'000);
  });
  expect_sound(outcome);
  for (const char* name : {"NOP", "SEND"}) {
    const UringOperation counts = operation(outcome, name);
    EXPECT_EQ(counts.submitted, 100U) << name;
    EXPECT_EQ(counts.by_sqpoll, 100U) << name;
    EXPECT_EQ(counts.completed, 100U) << name;
  }
  EXPECT_EQ(outcome.counts.total.sent_messages, 100U);
  EXPECT_EQ(outcome.counts.total.sent_bytes, 1000U);
  const auto threads = threads_named(outcome, "iou-sqp-");
  ASSERT_EQ(threads.size(), 1U);
  const TaskCounts& counts = threads[0]->counts;
  EXPECT_EQ(counts.user_ns, 0U);
  EXPECT_EQ(counts.sent_messages, 100U);
  EXPECT_EQ(operation(counts, "NOP").submitted, 100U);
  ASSERT_TRUE(counts.budget && counts.budget->sqpoll_ns);
  EXPECT_GT(*counts.budget->sqpoll_ns, 0U);
  std::uint64_t idle_ns = 0;
  for (const Wait& wait : counts.budget->waits)
    if (wait.object == "io_uring") idle_ns += wait.ns;
  EXPECT_GT(idle_ns, 4'000'000U);
}

TEST(UringThreads, AreTakenInWithARunningProcess) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  std::array<int, 2> ready{};
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe2(ready.data(), O_CLOEXEC) | ::pipe2(go.data(), O_CLOEXEC), 0);
  HeldChild child([&] {
    TestRing ring(IORING_SETUP_SQPOLL);
    const auto work = [&] {
      io_uring_sqe* const nop = ring.next();
      io_uring_prep_nop(nop);
      nop->flags |= IOSQE_ASYNC;
      check(io_uring_submit(ring.get()) >= 0);
      ring.take_expecting(0);
    };
    work();  // makes the worker
    check(::write(ready[1], "x", 1) == 1);
    char byte = 0;
    check(::read(go[0], &byte, 1) == 1);
    for (int i = 0; i < 50; ++i)
      work();
  });
  child.go();
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  const std::array<pid_t, 1> processes = {child.pid()};
  const auto adopted = probes.adopt(processes);
  ASSERT_TRUE(adopted.ok());
  EXPECT_GE(*adopted, 3U);
  probes.refresh_cpus();
  open_window(probes);
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  ASSERT_EQ(child.wait(), 0);
  const Outcome outcome = finish(probes);
  expect_sound(outcome);
  EXPECT_EQ(operation(outcome, "NOP").submitted, 50U);
  EXPECT_EQ(operation(outcome, "NOP").completed, 50U);
  EXPECT_EQ(threads_named(outcome, "iou-sqp-").size(), 1U);
  EXPECT_GE(threads_named(outcome, "iou-wrk-").size(), 1U);
  for (const ThreadCounts* thread : threads_named(outcome, "iou-"))
    EXPECT_EQ(thread->counts.user_ns, 0U) << thread->comm;
}

TEST(UringThreads, AFullCompletionQueueIsTold) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    TestRing ring(0, 4);  // 8 completions
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 4; ++i)
        io_uring_prep_nop(ring.next());
      ring.submit();
    }
    ring.take_expecting(0, 20);
  });
  expect_sound(outcome);
  const UringOperation nop = operation(outcome, "NOP");
  EXPECT_EQ(nop.submitted, 20U);
  ASSERT_TRUE(outcome.counts.total.uring);
  EXPECT_EQ(nop.completed + outcome.counts.total.uring->overflowed, 20U);
  EXPECT_EQ(outcome.counts.total.uring->overflowed, 12U);
}

// Whoever submits to a ring is charged, whoever has made it.
TEST(UringThreads, ARingThatProcessesShareIsCountedForBoth) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] {
    TestRing ring;
    const auto nops = [&](int times) {
      for (int i = 0; i < times; ++i) {
        io_uring_prep_nop(ring.next());
        ring.submit(1);
        ring.take_expecting(0);
      }
    };
    nops(10);
    const pid_t child = ::fork();
    if (child == 0) {
      nops(30);
      ::_exit(0);
    }
    int status = 0;
    check(::waitpid(child, &status, 0) == child && status == 0);
  });
  expect_sound(outcome);
  EXPECT_EQ(operation(outcome, "NOP").submitted, 40U);
  EXPECT_EQ(operation(outcome, "NOP").completed, 40U);
  std::vector<std::uint64_t> by_process;
  for (const ThreadCounts& thread : outcome.counts.threads)
    by_process.push_back(operation(thread.counts, "NOP").submitted);
  EXPECT_THAT(by_process, testing::UnorderedElementsAre(10U, 30U));
}

TEST(UringThreads, WithoutAnyNothingIsTold) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{});
  const Outcome outcome = trace(probes, [] { call_many(SYS_getppid, 5); });
  expect_sound(outcome);
  EXPECT_FALSE(outcome.counts.total.uring.has_value());
}

TEST(UringThreads, CountsOnlyLeavesThemOut) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{.counts_only = true});
  const Outcome outcome = trace(probes, [] {
    TestRing ring;
    io_uring_prep_nop(ring.next());
    ring.submit(1);
    ring.take_expecting(0);
  });
  EXPECT_FALSE(outcome.counts.total.uring.has_value());
  EXPECT_EQ(outcome.call(name_of(SYS_io_uring_enter)).calls, 1U);
}

}  // namespace
}  // namespace tr::kernel_test
