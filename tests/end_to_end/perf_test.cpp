// Agreement with perf, an independent witness.
#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "trace_run.h"
#include "util/text.h"

namespace tr::end_to_end {
namespace {

TEST_F(EndToEnd, probes_and_perf_count_the_same_switches_and_migrations) {
  const Json report =
      measure({"--load", "none", "--cross-check", "--", KNOWN_CALLS, "1000", "20", "300"});
  expect_sound(report);
  int compared = 0;
  for (const Json& check : report["cross_check"]) {
    if (check["event"] != "context-switches" && check["event"] != "cpu-migrations") continue;
    ++compared;
    const auto probes = check["probes"].get<double>();
    // 21 tasks end here, and perf lets go of each some way before it is gone (kernel/exit.c,
    // do_exit: perf_event_exit_task), so that it misses a preemption after that.
    EXPECT_NEAR(probes, check["other"].get<double>(), std::max(10.0, 0.01 * probes))
        << check["event"];
  }
  EXPECT_EQ(compared, 2);
  // The agreement is not one of zeros. On a busy virtual machine not every nap is a switch: its
  // timer may have fired before the task has left its CPU.
  EXPECT_GE(report["scheduling"]["voluntary_switches"], 30U);
}

// Read a moment after the window's edges, of a running thread without the time since the last tick,
// and of one that waits for a CPU without that wait (kernel/sched/stats.h, sched_info_arrive),
// which is long where others work: near, not the same. That the parts agree is tested where nothing
// runs at the edges.
TEST_F(EndToEnd, the_scheduler_itself_is_a_witness) {
  const Json report = measure({"--verbose", "--duration", "500ms", "--warmup", "200ms",
                               "--connections", "4", "servers/thread_echo"});
  expect_sound(report);
  std::map<std::string, double> probes;
  std::map<std::string, double> other;
  for (const Json& check : report["cross_check"]) {
    const std::string name =
        check["by"].get<std::string>() + " " + check["quantity"].get<std::string>();
    probes[name] = check["probes"].get<double>();
    other[name] = check["other"].get<double>();
  }
  EXPECT_EQ(probes.size(), 3U);
  const auto time = [](std::map<std::string, double>& by) {
    return by["schedstat cpu_ns"] + by["schedstat runqueue_ns"];
  };
  EXPECT_GT(time(probes), 1e8);
  constexpr double kWaitNs = 1e8;  // of each thread, at an edge
  EXPECT_NEAR(time(probes), time(other), 0.25 * time(probes) + 4 * kWaitNs);
  EXPECT_NEAR(probes["load messages"], other["load messages"],
              0.001 * probes["load messages"] + 20);
}

constexpr int kNoTracefs = 125;

// tracefs, for this process alone, unless it is there already.
void mount_tracefs() {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    ::_exit(kNoTracefs);
  if (::mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, nullptr) != 0 && errno != EBUSY)
    ::_exit(kNoTracefs);
}

// perf stat counts from the moment the program is executed: the execve that does it was entered
// before. The window of trace-run opens at that same moment, so that this execve is `carried_in`
// and not among the calls: the two sums are of the same calls, and equal.
TEST_F(EndToEnd, perf_stat_counts_exactly_the_same_calls) {
  const std::string perf = find_program("perf");
  if (perf.empty()) GTEST_SKIP() << "perf is not installed";
  const Words known{KNOWN_CALLS, "1000", "0", "10"};

  Words words{perf, "stat", "-x,", "-o", path("perf"), "-e", "raw_syscalls:sys_enter", "--"};
  words.insert(words.end(), known.begin(), known.end());
  Command::Setup setup;
  setup.before_exec = mount_tracefs;
  const Ended ended = run(words, setup);
  if (ended.code == kNoTracefs) GTEST_SKIP() << "tracefs cannot be mounted";
  ASSERT_EQ(ended.code, 0) << ended.err;
  const auto output = read_file(path("perf"));
  ASSERT_TRUE(output.ok());
  std::optional<std::uint64_t> by_perf;
  for (const std::string_view line : split(*output, '\n'))
    if (line.find("raw_syscalls:sys_enter") != std::string_view::npos)
      by_perf = parse_u64(split(line, ',').front());
  ASSERT_TRUE(by_perf) << *output;

  Words traced{"--load", "none", "--"};
  traced.insert(traced.end(), known.begin(), known.end());
  const Json report = measure(traced);
  std::uint64_t by_probes = 0;
  for (const Json& call : report["syscalls"])
    by_probes += call["calls"].get<std::uint64_t>();
  EXPECT_EQ(by_probes, *by_perf) << report["syscalls"];
  EXPECT_EQ(report["syscalls"]["execve"]["calls"], 0U);
  EXPECT_EQ(report["syscalls"]["execve"]["carried_in"], 1U);
}

}  // namespace
}  // namespace tr::end_to_end
