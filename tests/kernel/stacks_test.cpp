// Is each blocked nanosecond, and each sample, on the stack of the function that a known program
// spent it in?
#include <array>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>

#include "symbols/symbols.h"
#include "traced.h"
#include "util/clock.h"

namespace tr::kernel_test {

// The functions that are looked for: not static, not inlined, not left by a jump.
#define LOOKED_FOR extern "C" [[gnu::noinline]]
#define STAY asm volatile("")

namespace {

using capture::ProbeOptions;
using testing::AllOf;
using testing::Ge;
using testing::Le;

const ProbeOptions kStacks{.stacks = true};

std::uint64_t thread_cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(time.tv_nsec);
}

volatile std::uint64_t result_of_work;

void work(int rounds) {
  std::uint64_t value = result_of_work;
  for (int i = 0; i < rounds; ++i)
    value = value * 6364136223846793005u + 1442695040888963407u;
  result_of_work = value;
}

}  // namespace

LOOKED_FOR void sleeps_in_f() {
  sleep_ms(3);
  STAY;
}
LOOKED_FOR void reads_in_g(int from) {
  char byte = 0;
  if (::read(from, &byte, 1) != 1) ::_exit(1);
  STAY;
}
LOOKED_FOR void calls(void (*function)()) {
  function();
  STAY;
}
LOOKED_FOR void works_seven_parts() {
  work(70'000);
  STAY;
}
LOOKED_FOR void works_three_parts() {
  work(30'000);
  STAY;
}
LOOKED_FOR void sleeps_in_handler(int) {
  sleep_ms(3);
  STAY;
}
LOOKED_FOR void raises_a_signal() {
  ::raise(SIGUSR1);
  STAY;
}

namespace {

// What was traced, with stacks.
struct Traced {
  Outcome outcome;
  Stacks stacks;

  [[nodiscard]] bool is_on(std::uint64_t stack, const std::string& function) const {
    return std::ranges::any_of(stacks.stacks[stack].frames, [&](std::uint64_t frame) {
      return stacks.frames[frame].function == function;
    });
  }
  [[nodiscard]] std::uint64_t blocked_in(const std::string& function) const {
    std::uint64_t sum = 0;
    for (const BlockedStack& blocked : stacks.blocked)
      if (is_on(blocked.stack, function)) sum += blocked.ns;
    return sum;
  }
  [[nodiscard]] std::uint64_t blocks_in(const std::string& function) const {
    std::uint64_t sum = 0;
    for (const BlockedStack& blocked : stacks.blocked)
      if (is_on(blocked.stack, function)) sum += blocked.count;
    return sum;
  }
  [[nodiscard]] std::uint64_t samples_in(const std::string& function) const {
    std::uint64_t sum = 0;
    for (const SampledStack& sampled : stacks.profile->stacks)
      if (is_on(sampled.stack, function)) sum += sampled.samples;
    return sum;
  }
  [[nodiscard]] std::uint64_t samples() const {
    std::uint64_t sum = 0;
    for (const SampledStack& sampled : stacks.profile->stacks)
      sum += sampled.samples;
    return sum;
  }
};

// As trace(), but the child is learnt while it is held; `prepare` before that.
Traced trace_stacks(
    capture::Probes& probes, const std::function<void()>& body,
    const std::function<void(pid_t)>& prepare = [](pid_t) {}) {
  symbols::Symbols symbols;
  HeldChild child(body);
  EXPECT_TRUE(wait_until_blocked(child.pid()));
  prepare(child.pid());
  const std::array<pid_t, 1> processes = {child.pid()};
  EXPECT_TRUE(probes.adopt(processes).ok());
  for (const symbols::Process& process : probes.living_processes()) {
    EXPECT_TRUE(symbols.learn(process));
    probes.unwind(process, symbols);
  }
  open_window(probes);
  probes.count(true);
  child.go();
  EXPECT_EQ(child.wait(), 0);
  probes.count(false);
  Traced run;
  run.outcome = finish(probes);
  const auto raw = probes.raw_counts();
  EXPECT_TRUE(raw.ok());
  const capture::RawStacks stacks = probes.raw_stacks();
  capture::StackTable table(stacks, symbols);
  run.stacks = capture::collect_stacks(
      stacks, *raw, {.syscall = [](int number, bool) { return name_of(number); }, .futex = {}},
      table);
  return run;
}

// Each wait of the budget is on some stack.
void expect_stacks_add_up(const Traced& run) {
  expect_sound(run.outcome);
  std::map<std::tuple<std::string, std::string, std::string>,
           std::pair<std::uint64_t, std::uint64_t>>
      sums;
  for (const BlockedStack& blocked : run.stacks.blocked) {
    auto& [count, ns] = sums[{blocked.call, blocked.object, blocked.waker}];
    count += blocked.count;
    ns += blocked.ns;
  }
  const auto& waits = run.outcome.counts.total.budget->waits;
  EXPECT_EQ(sums.size(), waits.size());
  for (const Wait& wait : waits) {
    const auto sum = sums[{wait.call, wait.object, wait.waker}];
    EXPECT_EQ(sum.first, wait.count);
    EXPECT_EQ(sum.second, wait.ns);
  }
}

TEST(Stacks, EachBlockedNanosecondHasItsFunction) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kStacks);
  const Traced run = trace_stacks(probes, [] {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) ::_exit(2);
    std::thread writer([&] {
      for (int i = 0; i < 20; ++i) {
        sleep_ms(2);
        if (::write(ends[1], "x", 1) != 1) ::_exit(3);
      }
    });
    for (int i = 0; i < 20; ++i)
      reads_in_g(ends[0]);
    writer.join();
    for (int i = 0; i < 20; ++i)
      sleeps_in_f();
  });
  expect_stacks_add_up(run);
  std::uint64_t reads_ns = 0;
  for (const Wait& wait : run.outcome.counts.total.budget->waits)
    if (wait.object == "pipe") reads_ns += wait.ns;
  // The test's own pipe holds the child until go(): that wait, cut at the window's opening, is the
  // only one of these outside the function.
  EXPECT_GT(run.blocked_in("reads_in_g"), 20 * 1'000'000U);
  EXPECT_LE(run.blocked_in("reads_in_g"), reads_ns);
  EXPECT_GT(run.blocked_in("sleeps_in_f"), 20 * 2'500'000U);
  EXPECT_THAT(run.blocks_in("sleeps_in_f"), AllOf(Ge(19U), Le(20U)));
  EXPECT_EQ(run.blocked_in("works_three_parts"), 0U);
}

// Called from the same place, with frames of the same size: only the return address in the leaf's
// frame tells them apart, which frame pointers alone pass over.
TEST(Stacks, TheCallerOfALibrarysWrapperIsThere) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kStacks);
  const Traced run = trace_stacks(probes, [] {
    for (int i = 0; i < 10; ++i)
      for (const auto function : {sleeps_in_f, +[] { sleep_ms(1); }})
        calls(function);
  });
  expect_stacks_add_up(run);
  EXPECT_THAT(run.blocks_in("sleeps_in_f"), AllOf(Ge(9U), Le(10U)));
  EXPECT_THAT(run.blocks_in("calls"), AllOf(Ge(18U), Le(20U)));
}

TEST(Stacks, GoThroughASignalsFrame) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kStacks);
  const Traced run = trace_stacks(probes, [] {
    struct sigaction action {};
    action.sa_handler = sleeps_in_handler;
    ::sigaction(SIGUSR1, &action, nullptr);
    for (int i = 0; i < 10; ++i)
      raises_a_signal();
  });
  expect_stacks_add_up(run);
  EXPECT_THAT(run.blocks_in("sleeps_in_handler"), AllOf(Ge(9U), Le(10U)));
  EXPECT_EQ(run.blocked_in("raises_a_signal"), run.blocked_in("sleeps_in_handler"));
}

TEST(Stacks, OfForkedChildrenAreNamedByTheirImage) {
  TRACE_RUN_LOAD_OR_SKIP(probes, kStacks);
  const Traced run = trace_stacks(probes, [] {
    for (int i = 0; i < 10; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        sleeps_in_f();
        ::_exit(0);
      }
      ::waitpid(child, nullptr, 0);
    }
  });
  expect_stacks_add_up(run);
  EXPECT_THAT(run.blocks_in("sleeps_in_f"), AllOf(Ge(9U), Le(10U)));
  // One stack, though the processes are ten.
  std::size_t stacks = 0;
  for (std::size_t i = 0; i < run.stacks.stacks.size(); ++i)
    stacks += run.is_on(i, "sleeps_in_f");
  EXPECT_EQ(stacks, 1U);
}

// x86-64: push rbp; mov rbp, rsp; call *rdi; pop rbp; ret
TEST(Stacks, OfCompiledCodeAreNamedByItsMap) {
#if defined(__x86_64__)
  TRACE_RUN_LOAD_OR_SKIP(probes, kStacks);
  constexpr std::array<unsigned char, 8> kCode{0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
  void* const page =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  std::memcpy(page, kCode.data(), kCode.size());
  ASSERT_EQ(::mprotect(page, 4096, PROT_READ | PROT_EXEC), 0);
  const auto compiled = reinterpret_cast<void (*)(void (*)())>(page);
  std::string map;
  const Traced run = trace_stacks(
      probes,
      [&] {
        for (int i = 0; i < 10; ++i)
          compiled(sleeps_in_f);
      },
      [&](pid_t child) {
        map = "/tmp/perf-" + std::to_string(child) + ".map";
        std::filesystem::remove(map);
        std::ofstream(map) << std::hex << reinterpret_cast<std::uint64_t>(page)
                           << " 8 made_by_hand\n";
      });
  std::filesystem::remove(map);
  ::munmap(page, 4096);
  expect_stacks_add_up(run);
  EXPECT_THAT(run.blocks_in("made_by_hand"), AllOf(Ge(9U), Le(10U)));
  EXPECT_EQ(run.blocked_in("made_by_hand"), run.blocked_in("sleeps_in_f"));
  // Behind it, where call frame information is again, the stack goes on to its end.
  EXPECT_THAT(run.blocks_in("main"), Ge(9U));
#else
  GTEST_SKIP() << "the code is x86-64's";
#endif
}

TEST(Profile, SharesAreThoseOfTheWork) {
  TRACE_RUN_LOAD_OR_SKIP(probes, (ProbeOptions{.stacks = true, .sample_hz = 997}));
  const Traced run = trace_stacks(probes, [] {
    const std::uint64_t end = thread_cpu_ns() + 500'000'000;
    while (thread_cpu_ns() < end) {
      works_seven_parts();
      works_three_parts();
    }
  });
  expect_stacks_add_up(run);
  const auto all = static_cast<double>(run.samples());
  // As many as the time on the CPU gives, about: where others want the CPU too, it changes hands at
  // the kernel's ticks, which the samples, nearly as frequent, drift past.
  const auto& total = run.outcome.counts.total;
  const double cpu_s = static_cast<double>(total.user_ns + total.system_ns) / 1e9;
  EXPECT_NEAR(all, cpu_s * 997, 0.5 * cpu_s * 997 + 3);
  ASSERT_GT(all, 50);
  const double in_work = static_cast<double>(run.samples_in("works_seven_parts") +
                                             run.samples_in("works_three_parts"));
  EXPECT_GT(in_work, 0.8 * all);
  // Five standard errors of a share of so many samples.
  const double share = static_cast<double>(run.samples_in("works_seven_parts")) / in_work;
  EXPECT_NEAR(share, 0.7, 5 * std::sqrt(0.7 * 0.3 / in_work));
}

TEST(Profile, TakesNobodyElsesSamples) {
  TRACE_RUN_LOAD_OR_SKIP(probes, (ProbeOptions{.stacks = true, .sample_hz = 997}));
  const Traced run = trace_stacks(probes, [] { sleep_ms(200); });
  work(50'000'000);
  const auto& total = run.outcome.counts.total;
  const double cpu_s = static_cast<double>(total.user_ns + total.system_ns) / 1e9;
  EXPECT_LE(static_cast<double>(run.samples()), 2 * cpu_s * 997 + 3);
}

}  // namespace
}  // namespace tr::kernel_test
