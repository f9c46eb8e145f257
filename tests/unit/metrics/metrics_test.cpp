#include "metrics/metrics.h"

#include <gmock/gmock.h>

namespace tr::metrics {
namespace {

using testing::DoubleEq;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::Optional;

SyscallStats call(std::string name, std::uint64_t calls, std::uint64_t total_ns = 0) {
  SyscallStats stats;
  stats.name = std::move(name);
  stats.calls = calls;
  stats.total_ns = total_ns;
  return stats;
}

// 2 s, our load, 1000 messages of 64 bytes; figures that are easily divided.
Snapshot echo_run() {
  Snapshot run;
  run.config.load = "echo";
  run.config.size = 64;
  run.config.connections = 10;
  run.window_open_ns = 1'000;
  run.window_close_ns = 2'000'001'000;
  run.load.emplace();
  run.load->messages = 1'000;
  run.total.served_messages = 1'500;  // some came in two parts
  run.total.served_bytes = 64'000;
  run.total.received_messages = 1'600;
  run.total.received_bytes = 64'100;
  run.total.sent_messages = 1'000;
  run.total.sent_bytes = 64'000;
  run.total.voluntary_switches = 900;
  run.total.involuntary_switches = 100;
  run.total.migrations = 5;
  run.total.wakeups = 950;
  run.total.user_ns = 1'000'000;
  run.total.system_ns = 5'500'000;
  run.total.runqueue_ns = 250'000;
  run.total.blocked_ns = 7'000'000;
  run.total.syscalls = {call("futex", 30), call("futex_waitv", 10), call("recvfrom", 2'000),
                        call("sendto", 1'000)};
  return run;
}

TEST(Messages, AreTheLoadsWhereItRan) {
  const Messages messages = compute(echo_run()).messages;
  EXPECT_EQ(messages.source, MessageSource::kLoad);
  EXPECT_EQ(messages.count, 1'000U);
  EXPECT_EQ(messages.by_load, 1'000U);
  EXPECT_EQ(messages.by_kernel, 1'000U);  // by bytes: parts of a message are no messages
  EXPECT_THAT(messages.per_second, Optional(DoubleEq(500)));
  EXPECT_THAT(messages.disagreement, Optional(DoubleEq(0)));
}

TEST(Messages, DisagreeByPartsOfAMessageToo) {
  Snapshot run = echo_run();
  run.total.served_bytes = 64'000 + 96;
  const Messages messages = compute(run).messages;
  EXPECT_EQ(messages.by_kernel, 1'001U);
  EXPECT_THAT(messages.disagreement, Optional(DoubleNear(0.0015, 1e-12)));
  run.total.served_bytes = 64'000 - 640;
  EXPECT_THAT(compute(run).messages.disagreement, Optional(DoubleNear(0.01, 1e-12)));
}

TEST(Messages, AreTheKernelsWhereTheLoadWasNotOurs) {
  Snapshot run = echo_run();
  run.load.reset();
  run.config.load = "wrk -c 10";
  const Messages messages = compute(run).messages;
  EXPECT_EQ(messages.source, MessageSource::kKernel);
  EXPECT_EQ(messages.count, 1'500U);
  EXPECT_EQ(messages.by_load, std::nullopt);
  EXPECT_EQ(messages.by_kernel, 1'500U);
  EXPECT_EQ(messages.disagreement, std::nullopt);
}

TEST(Messages, AreAbsentWhereNobodyCountedAny) {
  Snapshot run = echo_run();
  run.load.reset();
  run.unmeasured[Figures::kSockets] = "why";
  EXPECT_EQ(compute(run).messages.count, std::nullopt);
  EXPECT_EQ(compute(run).messages.by_kernel, std::nullopt);
  EXPECT_FALSE(compute(run).per_message.has_value());
  Snapshot silent = echo_run();
  silent.load->messages = 0;
  EXPECT_EQ(compute(silent).messages.count, std::nullopt);
  EXPECT_EQ(compute(silent).messages.disagreement, std::nullopt);
  EXPECT_FALSE(compute(silent).per_message.has_value());
}

TEST(Memory, IsPerConnectionWhereAllWereServed) {
  Snapshot run = echo_run();
  run.load->connections = 4;
  EXPECT_EQ(compute(run).memory_per_connection, std::nullopt);
  run.memory = Memory{MemoryReading{1'000, 100, 1, 1, {}}, std::nullopt};
  EXPECT_EQ(compute(run).memory_per_connection, std::nullopt);
  run.memory->at_close = MemoryReading{1'400, 140, 2, 5, {}};
  EXPECT_THAT(compute(run).memory_per_connection, Optional(DoubleEq(110)));
  run.memory->at_close->anonymous_bytes = 900;
  run.memory->before_load->anonymous_bytes = 700;
  EXPECT_THAT(compute(run).memory_per_connection, Optional(DoubleEq(60))) << "without files";
  run.memory->before_load->anonymous_bytes.reset();
  run.memory->at_close = MemoryReading{600, 60, 1, 1, {}};  // it has given some back
  EXPECT_THAT(compute(run).memory_per_connection, Optional(DoubleEq(-110)));
  for (const auto fault : {&LoadResult::broken_connections, &LoadResult::silent_connections}) {
    Snapshot faulty = run;
    (*faulty.load).*fault = 1;
    EXPECT_EQ(compute(faulty).memory_per_connection, std::nullopt);
  }
  Snapshot short_lived = run;
  short_lived.config.close = true;  // few were open at any time
  EXPECT_EQ(compute(short_lived).memory_per_connection, std::nullopt);
  run.load.reset();
  EXPECT_EQ(compute(run).memory_per_connection, std::nullopt);
}

TEST(Costs, ArePerMessagePerSecondAndInTotal) {
  const Metrics metrics = compute(echo_run());
  ASSERT_TRUE(metrics.per_message.has_value());
  const Costs& each = *metrics.per_message;
  EXPECT_THAT(each.context_switches, Optional(DoubleEq(1.0)));
  EXPECT_THAT(each.voluntary_switches, Optional(DoubleEq(0.9)));
  EXPECT_THAT(each.involuntary_switches, Optional(DoubleEq(0.1)));
  EXPECT_THAT(each.migrations, Optional(DoubleEq(0.005)));
  EXPECT_THAT(each.wakeups, Optional(DoubleEq(0.95)));
  EXPECT_THAT(each.cpu_ns, Optional(DoubleEq(6'500)));
  EXPECT_THAT(each.user_ns, Optional(DoubleEq(1'000)));
  EXPECT_THAT(each.system_ns, Optional(DoubleEq(5'500)));
  EXPECT_THAT(each.runqueue_ns, Optional(DoubleEq(250)));
  EXPECT_THAT(each.receives, Optional(DoubleEq(1.6)));
  EXPECT_THAT(each.received_bytes, Optional(DoubleEq(64.1)));
  EXPECT_THAT(each.sends, Optional(DoubleEq(1.0)));
  EXPECT_DOUBLE_EQ(each.syscalls, 3.04);
  EXPECT_DOUBLE_EQ(each.futex, 0.04);  // the family
  EXPECT_DOUBLE_EQ(metrics.calls_per_message("recvfrom"), 2.0);
  EXPECT_DOUBLE_EQ(metrics.calls_per_message("futex"), 0.03);  // the call
  EXPECT_DOUBLE_EQ(metrics.calls_per_message("poll"), 0.0);
  ASSERT_TRUE(metrics.per_second.has_value());
  EXPECT_THAT(metrics.per_second->context_switches, Optional(DoubleEq(500)));
  EXPECT_DOUBLE_EQ(metrics.total.syscalls, 3'040);
}

TEST(Costs, AreAbsentWhereNotMeasured) {
  Snapshot run = echo_run();
  run.unmeasured = {{Figures::kScheduling, "why"}, {Figures::kSyscallResults, "why"}};
  const Metrics metrics = compute(run);
  EXPECT_EQ(metrics.per_message->context_switches, std::nullopt);
  EXPECT_EQ(metrics.per_message->cpu_ns, std::nullopt);
  EXPECT_EQ(metrics.per_message->runqueue_ns, std::nullopt);
  EXPECT_TRUE(metrics.per_message->receives.has_value());
  EXPECT_DOUBLE_EQ(metrics.per_message->syscalls, 3.04);
  EXPECT_FALSE(metrics.life.has_value());
  for (const SyscallRow& row : metrics.syscalls)
    EXPECT_FALSE(row.results.has_value());
}

TEST(Costs, OfAProgramWithoutMessagesArePerSecond) {
  Snapshot run = echo_run();
  run.config.load = "none";
  run.load.reset();
  run.total.served_messages = 0;
  const Metrics metrics = compute(run);
  EXPECT_FALSE(metrics.per_message.has_value());
  EXPECT_THAT(metrics.per_second->cpu_ns, Optional(DoubleEq(3'250'000)));
  EXPECT_THAT(metrics.syscalls.back().per_second, Optional(DoubleEq(500)));
  EXPECT_EQ(metrics.syscalls.back().per_message, std::nullopt);
}

TEST(Costs, OfAnEmptyWindowHaveNoRate) {
  Snapshot run = echo_run();
  run.window_close_ns = run.window_open_ns;
  const Metrics metrics = compute(run);
  EXPECT_FALSE(metrics.per_second.has_value());
  EXPECT_EQ(metrics.messages.per_second, std::nullopt);
}

TEST(Syscalls, TakePercentilesFromTheBuckets) {
  Snapshot run = echo_run();
  SyscallStats read = call("read", 98, 12'345);
  read.carried_in = 2;
  read.in_flight = 1;
  read.errors = 3;
  read.errors_by_errno = {{4, 1}, {11, 2}};
  // 90 calls of 1,000 to 1,023 ns (the bucket is 960 to 1,023), 10 of 8,192 to 9,215.
  read.latency = {{{kKernelBuckets.index(1'000), 90}, {kKernelBuckets.index(9'000), 10}}};
  run.total.syscalls = {read};
  const std::vector<SyscallRow> rows = compute(run).syscalls;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].calls, 98U);
  EXPECT_THAT(rows[0].per_message, Optional(DoubleEq(0.098)));
  const auto& results = rows[0].results;
  ASSERT_TRUE(results.has_value());
  EXPECT_EQ(results->p50_ns, (960U + 1'023U) / 2);
  EXPECT_EQ(results->p99_ns, (8'192U + 9'215U) / 2);
  EXPECT_EQ(results->total_ns, 12'345U);
  EXPECT_EQ(results->carried_in, 2U);
  EXPECT_EQ(results->in_flight, 1U);
  EXPECT_EQ(results->errors, 3U);
  EXPECT_EQ(results->errors_by_errno.at(11), 2U);
}

TEST(Syscalls, NeverTakeLongerThanTheWindow) {
  Snapshot run = echo_run();
  run.window_close_ns = run.window_open_ns + 1'900'000'000;  // its bucket's middle is 1.946 s
  SyscallStats parked = call("accept4", 0, run.window_ns());
  parked.latency = {{{kKernelBuckets.index(run.window_ns()), 1}}};
  run.total.syscalls = {parked};
  EXPECT_EQ(compute(run).syscalls[0].results->p50_ns, run.window_ns());
}

TEST(Syscalls, OfThe32BitTableHaveTheirOwnRow) {
  Snapshot run = echo_run();
  SyscallStats compat = call("read", 4);
  compat.compat = true;
  run.total.syscalls = {call("read", 3), compat};
  const std::vector<SyscallRow> rows = compute(run).syscalls;
  EXPECT_EQ(rows[0].name, "read");
  EXPECT_EQ(rows[1].name, "read (32-bit)");
}

std::vector<std::string> names(const std::vector<SyscallRow>& rows) {
  std::vector<std::string> all;
  for (const SyscallRow& row : rows)
    all.push_back(row.name);
  return all;
}

TEST(Syscalls, AreSortedByTimeOrByCalls) {
  Snapshot run = echo_run();
  run.total.syscalls = {call("a", 1, 10), call("b", 2, 30), call("c", 3, 20)};
  EXPECT_THAT(names(sorted(compute(run).syscalls, SyscallOrder::kByTime)),
              ElementsAre("b", "c", "a"));
  EXPECT_THAT(names(sorted(compute(run).syscalls, SyscallOrder::kByCalls)),
              ElementsAre("c", "b", "a"));
  run.unmeasured[Figures::kSyscallResults] = "why";
  EXPECT_THAT(names(sorted(compute(run).syscalls, SyscallOrder::kByTime)),
              ElementsAre("c", "b", "a"));
}

ThreadCounts thread(std::int64_t tgid, std::int64_t tid, std::uint64_t user_ns,
                    std::uint64_t system_ns) {
  ThreadCounts counts;
  counts.tgid = tgid;
  counts.tid = tid;
  counts.counts.user_ns = user_ns;
  counts.counts.system_ns = system_ns;
  counts.counts.runqueue_ns = 5;
  counts.counts.blocked_ns = 2;
  counts.life_ns = user_ns + system_ns + 7;
  return counts;
}

TEST(Threads, AreSortedByCpuTimeAndSummedUp) {
  Snapshot run = echo_run();
  run.threads = {thread(1, 1, 10, 10), thread(1, 2, 30, 0), thread(3, 3, 0, 40),
                 thread(3, 4, 15, 5)};
  const Metrics metrics = compute(run);
  EXPECT_EQ(metrics.processes, 2U);
  std::vector<std::int64_t> order;
  for (const ThreadRow& row : metrics.threads)
    order.push_back(row.tid);
  EXPECT_THAT(order, ElementsAre(3, 2, 1, 4));
  const ThreadRow rest = sum_of_rest(metrics, 2);
  EXPECT_EQ(rest.cpu_ns(), 40U);
  EXPECT_EQ(rest.user_ns, 25U);
  EXPECT_EQ(rest.runqueue_ns, 10U);
}

TEST(Threads, ThatWereFoldedAreWhatTheTotalHoldsBesides) {
  Snapshot run = echo_run();
  run.threads = {thread(1, 1, 400'000, 500'000)};
  run.threads[0].counts.voluntary_switches = 890;
  run.folded_threads = 3;
  const Metrics metrics = compute(run);
  EXPECT_EQ(metrics.folded.user_ns, 600'000U);
  EXPECT_EQ(metrics.folded.system_ns, 5'000'000U);
  EXPECT_EQ(metrics.folded.voluntary_switches, 10U);
  EXPECT_EQ(sum_of_rest(metrics, 0).voluntary_switches, 900U);
  run.threads[0].counts.user_ns = 2'000'000;  // more than the total: a damaged run
  EXPECT_EQ(compute(run).folded.user_ns, 0U);
}

TEST(LifeBudget, IsZeroWhenTheTimesAddUp) {
  Snapshot run = echo_run();
  run.threads = {thread(1, 1, 10, 10), thread(1, 2, 30, 0)};
  const LifeBudget sound = *compute(run).life;
  EXPECT_EQ(sound.life_ns, 64U);
  EXPECT_EQ(sound.residual_ns, 0);
  EXPECT_EQ(sound.worst_residual_ns, 0);
  run.threads[0].life_ns += 3;   // in no state
  run.threads[1].life_ns -= 11;  // in two
  const LifeBudget off = *compute(run).life;
  EXPECT_EQ(off.residual_ns, -8);
  EXPECT_EQ(off.worst_residual_ns, -11);
  EXPECT_EQ(off.worst_tid, 2);
}

TEST(Latency, IsAbsentWithoutAnswers) {
  Snapshot run = echo_run();
  EXPECT_FALSE(compute(run).latency.has_value());
  for (std::uint64_t us = 1; us <= 1'000; ++us)
    run.load->latency.record(us);
  const Metrics metrics = compute(run);
  ASSERT_TRUE(metrics.latency.has_value());
  EXPECT_EQ(metrics.latency->p50_ns, 500U);
  EXPECT_EQ(metrics.latency->p999_ns, 999U);
  EXPECT_EQ(metrics.latency->max_ns, 1'000U);
  EXPECT_DOUBLE_EQ(metrics.latency->mean_ns, 500.5);
  EXPECT_FALSE(metrics.service_latency.has_value());
}

TEST(Load, IsComparedWithTheCpusItCouldUse) {
  Snapshot run = echo_run();
  run.load->user_ns = 1'000'000'000;
  run.load->system_ns = 2'000'000'000;
  EXPECT_EQ(compute(run).load_cpu_share, std::nullopt);
  run.load->cpus = 2;
  EXPECT_THAT(compute(run).load_cpu_share, Optional(DoubleEq(0.75)));
}

TEST(CrossCheck, ComparesWhatPerfCountedToo) {
  Snapshot run = echo_run();
  run.perf = {{"cs", 1'010, 1, 1, ""},
              {"perf::PERF_COUNT_SW_CPU_MIGRATIONS", 5, 1, 1, ""},
              {"task-clock", 6'000'000, 1, 1, ""},
              {"page-faults", 9, 1, 1, ""},
              {"context-switches:u", 0, 1, 1, ""},
              {"migrations", 0, 0, 0, "not allowed"}};
  const std::vector<CrossCheck> checks = compute(run).cross_checks;
  ASSERT_EQ(checks.size(), 4U);
  EXPECT_EQ(checks[3].quantity, CrossCheck::Quantity::kMessages);
  EXPECT_EQ(checks[3].other, 1'000U);
  EXPECT_EQ(checks[3].difference, 0);
  EXPECT_EQ(checks[0].quantity, CrossCheck::Quantity::kContextSwitches);
  EXPECT_EQ(checks[0].probes, 1'000U);
  EXPECT_EQ(checks[0].other, 1'010U);
  EXPECT_EQ(checks[0].difference, 10);
  EXPECT_THAT(checks[0].share, Optional(DoubleEq(10.0 / 1'010)));
  EXPECT_EQ(checks[1].quantity, CrossCheck::Quantity::kMigrations);
  EXPECT_EQ(checks[1].difference, 0);
  EXPECT_THAT(checks[1].share, Optional(DoubleEq(0)));
  EXPECT_EQ(checks[2].quantity, CrossCheck::Quantity::kCpuTime);
  EXPECT_EQ(checks[2].difference, -500'000);
  run.unmeasured[Figures::kScheduling] = "why";
  EXPECT_TRUE(compute(run).cross_checks.empty());
}

TEST(CrossCheck, ComparesSchedstatOfTheThreadsThatHaveIt) {
  Snapshot run = echo_run();
  run.load.reset();
  for (const std::int64_t tid : {1, 2, 3}) {
    ThreadCounts thread;
    thread.tid = tid;
    thread.counts.user_ns = 100;
    thread.counts.system_ns = 200;
    thread.counts.runqueue_ns = 50;
    if (tid != 3) thread.schedstat = Schedstat{310, 45};
    run.threads.push_back(std::move(thread));
  }
  const std::vector<CrossCheck> checks = compute(run).cross_checks;
  ASSERT_EQ(checks.size(), 2U);
  EXPECT_EQ(checks[0].quantity, CrossCheck::Quantity::kCpuTime);
  EXPECT_EQ(checks[0].witness, CrossCheck::Witness::kSchedstat);
  EXPECT_EQ(checks[0].probes, 600U);
  EXPECT_EQ(checks[0].other, 620U);
  EXPECT_EQ(checks[1].quantity, CrossCheck::Quantity::kRunQueueTime);
  EXPECT_EQ(checks[1].difference, -10);
}

TEST(CrossCheck, OfNothingAgainstSomethingHasNoShare) {
  Snapshot run = echo_run();
  run.perf = {{"cpu-migrations", 0, 1, 1, ""}};
  const CrossCheck check = compute(run).cross_checks.at(0);
  EXPECT_EQ(check.difference, -5);
  EXPECT_EQ(check.share, std::nullopt);
}

TEST(Perf, KnowsHowLongAnEventCounted) {
  Snapshot run = echo_run();
  run.perf = {{"cycles", 5'000, 100, 62, ""}, {"idle", 0, 0, 0, ""}, {"l1", 0, 0, 0, "no PMU"}};
  const std::vector<PerfRow> rows = compute(run).perf;
  EXPECT_THAT(rows[0].running_share, Optional(DoubleEq(0.62)));
  EXPECT_THAT(rows[0].per_message, Optional(DoubleEq(5)));
  EXPECT_EQ(rows[1].running_share, std::nullopt);
  EXPECT_EQ(rows[2].per_message, std::nullopt);
}

TEST(Overhead, IsPerMessageWhereBothAreKnown) {
  Snapshot run = echo_run();
  EXPECT_EQ(compute(run).probe_ns_per_message, std::nullopt);
  run.overhead.probe_ns = 250'000;
  EXPECT_THAT(compute(run).probe_ns_per_message, Optional(DoubleEq(250)));
}

TEST(Overhead, IsAlsoPaidByThreadsOutside) {
  Snapshot run = echo_run();
  run.overhead.programs = {{"a", 10, 2.5, 100}, {"b", 10, 4, 20}, {"c", 10, std::nullopt, 0}};
  EXPECT_EQ(compute(run).others_probe_ns, std::nullopt);
  run.overhead.probe_ns = 65;
  EXPECT_THAT(compute(run).others_probe_ns, Optional(DoubleEq(330)));
  run.overhead.programs[2].untraced_runs = 1;
  EXPECT_EQ(compute(run).others_probe_ns, std::nullopt);
}

}  // namespace
}  // namespace tr::metrics
