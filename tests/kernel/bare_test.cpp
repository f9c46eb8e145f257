// The CPU time of processes of which nothing else is looked at.
#include <array>
#include <atomic>
#include <new>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "traced.h"
#include "util/clock.h"
#include "util/cpu_set.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeOptions;

constexpr std::size_t kMostMs = 20'000;

// What the spinning processes and the test tell each other. Each process notes its CPU time, by its
// own clock, in every millisecond in which it runs: at whatever moment a window opens or closes, it
// is known what it had spent by then.
struct Page {
  std::uint64_t begun_ns = 0;
  std::atomic<bool> over = false;
  std::atomic<int> running = 0;
  std::array<std::array<std::atomic<std::uint64_t>, kMostMs>, 2> cpu_ns{};

  [[nodiscard]] std::size_t ms(std::uint64_t ns) const { return (ns - begun_ns) / kMs; }
  [[nodiscard]] std::uint64_t spent_by(std::size_t which, std::uint64_t ns) const {
    for (std::size_t i = ms(ns); i > 0; --i)
      if (const std::uint64_t spent = cpu_ns[which][i - 1]; spent != 0) return spent;
    return 0;
  }
};

void spin(Page& page, std::size_t which) {
  ++page.running;
  while (!page.over) {
    const std::size_t ms = page.ms(monotonic_ns());
    if (ms >= kMostMs) break;
    page.cpu_ns[which][ms] = thread_cpu_ns();
  }
}

class Bare : public testing::Test {
 protected:
  Bare()
      : page_(new (::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                          -1, 0)) Page) {
    page_->begun_ns = monotonic_ns();
  }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;
  ~Bare() override { ::munmap(page_, sizeof(Page)); }

  // What was counted in a window, and what the processes say that they spent in it.
  struct Counted {
    std::uint64_t ns = 0;
    std::uint64_t truth_ns = 0;
  };
  Counted count(capture::Probes& probes, pid_t process, int running) {
    while (page_->running < running)
      sleep_ms(1);
    const std::array<pid_t, 1> processes{process};
    const auto window = probes.open_bare_window(processes, page_->begun_ns, 10 * kMs, 95 * kMs);
    EXPECT_TRUE(window.ok());
    if (!window) return {};
    EXPECT_EQ(window->close_ns - window->open_ns, 100 * kMs) << "whole steps";
    EXPECT_EQ((window->open_ns - page_->begun_ns) % (10 * kMs), 0U);
    sleep_until_ns(window->close_ns);
    const auto ns = probes.take_bare_cpu_ns();
    EXPECT_TRUE(ns.ok());
    page_->over = true;
    Counted counted{.ns = ns ? *ns : 0};
    for (std::size_t i = 0; i < page_->cpu_ns.size(); ++i)
      counted.truth_ns +=
          page_->spent_by(i, window->close_ns) - page_->spent_by(i, window->open_ns);
    return counted;
  }

  Page* page_;
};

TEST_F(Bare, CpuTimeIsThatOfTheProcessAndItsChildrenWhateverElseRuns) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{.bare = true});
  probes.detach();
  ASSERT_TRUE(probes.attach_bare().ok());
  const auto cpus = usable_cpus();
  ASSERT_TRUE(cpus.ok());
  const std::array<int, 2> cpu{cpus->front(), cpus->back()};
  HeldChild spinner([&] {
    (void)pin_thread(0, {cpu[0]});
    const pid_t child = ::fork();
    if (child == 0) {
      (void)pin_thread(0, {cpu[1]});
      spin(*page_, 1);
      ::_exit(0);
    }
    spin(*page_, 0);
    ::waitpid(child, nullptr, 0);
  });
  // A stranger, who takes its turns on one of these CPUs.
  HeldChild stranger([&] {
    (void)pin_thread(0, {cpu[0]});
    while (!page_->over) {
    }
  });
  // The process must be known before it forks, or its child is none of the tree's.
  const std::array<pid_t, 1> known{spinner.pid()};
  const auto before = probes.open_bare_window(known, monotonic_ns(), kMs, kMs);
  ASSERT_TRUE(before.ok());
  sleep_until_ns(before->close_ns);
  spinner.go();
  stranger.go();
  const Counted counted = count(probes, spinner.pid(), 2);
  EXPECT_EQ(spinner.wait(), 0);
  EXPECT_EQ(stranger.wait(), 0);
  EXPECT_GT(counted.truth_ns, 20 * kMs);
  // Most of the time to some 50 us; where the kernel hides a switch, a turn may count as another's.
  EXPECT_NEAR(static_cast<double>(counted.ns), static_cast<double>(counted.truth_ns), 8.0 * kMs);
}

TEST_F(Bare, AProcessThatSleepsTakesNone) {
  TRACE_RUN_LOAD_OR_SKIP(probes, ProbeOptions{.bare = true});
  probes.detach();
  ASSERT_TRUE(probes.attach_bare().ok());
  HeldChild sleeper([] {});
  EXPECT_EQ(count(probes, sleeper.pid(), 0).ns, 0U) << "held, it waits for its go";
  sleeper.go();
  EXPECT_EQ(sleeper.wait(), 0);
}

}  // namespace
}  // namespace tr::kernel_test
