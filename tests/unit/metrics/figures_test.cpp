#include "metrics/figures.h"

#include <set>

#include <gmock/gmock.h>

namespace tr::metrics {
namespace {

using testing::Contains;
using testing::DoubleEq;
using testing::Each;
using testing::Field;
using testing::IsSupersetOf;
using testing::Optional;

// 1 s, 1000 messages, one thread.
Snapshot echo_run() {
  Snapshot run;
  run.config.load = "echo";
  run.config.size = 64;
  run.window_close_ns = 1'000'000'000;
  run.load.emplace().messages = 1'000;
  run.load->latency.record(50'000, 1'000);
  run.total.user_ns = 100'000;
  run.total.system_ns = 900'000;
  run.total.blocked_ns = 999'000'000;
  run.total.voluntary_switches = 500;
  SyscallStats& send = run.total.syscalls.emplace_back();
  send.name = "sendto";
  send.calls = 1'000;
  send.cpu_ns = 800'000;
  run.total.budget.emplace().waits = {{"recvfrom", "client", "load", 500, 999'000'000}};
  ThreadCounts& thread = run.threads.emplace_back();
  thread.life_ns = 1'000'000'000;
  thread.counts = run.total;
  return run;
}

std::set<std::string> names_of(const std::vector<Figure>& figures) {
  std::set<std::string> names;
  for (const Figure& figure : figures)
    names.insert(figure.name);
  return names;
}

TEST(Figures, AreNamedAsInTheReport) {
  const auto figures = figures_of(compute(echo_run()));
  EXPECT_THAT(figures,
              IsSupersetOf(std::vector<Figure>{
                  {"throughput.messages_per_second", 1'000, Unit::kPerSecond, Better::kHigher},
                  {"latency_ns.mean", 50'000, Unit::kNs, Better::kLower},
                  {"per_message.cpu_ns", 1'000, Unit::kNs, Better::kLower},
                  {"per_message.context_switches", 0.5, Unit::kCount, Better::kLower},
                  {"per_message.syscalls", 1, Unit::kCount, Better::kLower},
                  {"budget.states.user.per_message_ns", 100, Unit::kNs, Better::kLower},
                  {"budget.states.system:sendto.per_message_ns", 800, Unit::kNs, Better::kLower},
                  {"budget.states.idle:recvfrom:client.per_message_ns", 999'000, Unit::kNs,
                   Better::kNeither},
                  {"syscalls.sendto.per_message", 1, Unit::kCount, Better::kLower}}));
  EXPECT_EQ(names_of(figures).size(), figures.size());
}

TEST(Figures, LeaveOutWhatWasNotMeasured) {
  Snapshot run = echo_run();
  run.unmeasured[tr::Figures::kScheduling] = "not asked for";
  run.total.budget.reset();
  const auto names = names_of(figures_of(compute(run)));
  EXPECT_FALSE(names.contains("per_message.cpu_ns"));
  EXPECT_TRUE(names.contains("per_message.syscalls"));
  EXPECT_THAT(names, Each(testing::Not(testing::StartsWith("budget."))));
}

TEST(Figures, HaveNothingPerMessageWithoutMessages) {
  Snapshot run = echo_run();
  run.load->messages = 0;
  run.load->latency = Histogram(kLoadBuckets);
  EXPECT_THAT(figures_of(compute(run)), testing::IsEmpty());
}

TEST(Figures, OfAProgramThatServesNobodyAreTotals) {
  Snapshot run = echo_run();
  run.config.load = "none";
  run.load.reset();
  const Metrics metrics = compute(run);
  const auto figures = figures_of(metrics);
  EXPECT_THAT(figures, IsSupersetOf(std::vector<Figure>{
                           {"window_ns", 1e9, Unit::kNs, Better::kLower},
                           {"cpu.user_ns", 100'000, Unit::kNs, Better::kLower},
                           {"scheduling.context_switches", 500, Unit::kCount, Better::kLower},
                           {"syscalls.sendto.calls", 1'000, Unit::kCount, Better::kLower}}));
  EXPECT_THAT(names_of(figures), Each(testing::Not(testing::HasSubstr("per_message"))));
  EXPECT_THAT(value_if_missing(metrics, "syscalls.futex.calls"), Optional(DoubleEq(0)));
  EXPECT_EQ(value_if_missing(metrics, "syscalls.futex.per_message"), std::nullopt);
}

TEST(Figures, OfAMultiplexedEventAreLeftOut) {
  Snapshot run = echo_run();
  run.perf = {{"cycles", 5'000, 100, 100, ""}, {"instructions", 5'000, 100, 50, ""}};
  const auto names = names_of(figures_of(compute(run)));
  EXPECT_TRUE(names.contains("perf.cycles.per_message"));
  EXPECT_FALSE(names.contains("perf.instructions.per_message"));
}

TEST(MissingFigures, AreZeroWhereTheyWereLookedFor) {
  Snapshot run = echo_run();
  EXPECT_THAT(value_if_missing(compute(run), "syscalls.futex.per_message"), Optional(DoubleEq(0)));
  const std::string state = "budget.states.blocked:futex.per_message_ns";
  EXPECT_THAT(value_if_missing(compute(run), state), Optional(DoubleEq(0)));
  run.total.budget.reset();
  EXPECT_EQ(value_if_missing(compute(run), state), std::nullopt);
  EXPECT_EQ(value_if_missing(compute(run), "memory.per_connection_bytes"), std::nullopt);
}

}  // namespace
}  // namespace tr::metrics
