#include "metrics/doubts.h"

#include <functional>

#include <gmock/gmock.h>

namespace tr::metrics {
namespace {

using Kind = Doubt::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

// Nothing about it is doubtful.
Snapshot sound_run() {
  Snapshot run;
  run.config.load = "echo";
  run.config.size = 64;
  run.config.connections = 10;
  run.config.rate = 1'000;
  run.window_close_ns = 1'000'000'000;
  run.load.emplace();
  run.load->connections = 10;
  run.load->messages = 100'000;
  run.load->latency.record(1'000'000, 100'000);
  run.load->fairness_jain = 0.99;
  run.load->fairness_p5 = 9'000;
  run.total.served_messages = 100'000;
  run.total.served_bytes = 6'400'000;
  run.total.voluntary_switches = 100'000;
  run.lost = {{"no room", 0}};
  run.server_exit.emplace();
  run.overhead.share_of_cpu = 0.03;
  return run;
}

// One thread that ran or waited for a CPU for so long.
void busy_server(Snapshot& run, std::uint64_t awake_ns) {
  run.environment.cpus = "0-1";
  TaskCounts& counts = run.total;
  counts.user_ns = awake_ns / 2;
  counts.runqueue_ns = awake_ns - counts.user_ns;
  counts.blocked_ns = 1'000'000'000 - awake_ns;
}

std::vector<Doubt> doubts(const Snapshot& run) {
  return doubts_about(run, compute(run));
}

TEST(Doubts, AreNoneAboutASoundRun) {
  EXPECT_THAT(doubts(sound_run()), IsEmpty());
}

struct Case {
  Kind kind;
  std::function<void(Snapshot&)> just_sound;
  std::function<void(Snapshot&)> doubtful;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases{
      {Kind::kWrongAnswers, [](Snapshot&) {}, [](Snapshot& run) { run.load->wrong_answers = 1; }},
      {Kind::kNoMessages,
       [](Snapshot& run) {
         run.load.reset();
         run.config.load = "none";
         run.total.served_messages = 0;
       },
       [](Snapshot& run) {
         run.load.reset();
         run.config.load = "wrk";
         run.total.served_messages = 0;
       }},
      {Kind::kServerEnded, [](Snapshot& run) { run.server_exit->signal = 15; },
       [](Snapshot& run) { run.server_exit->exited_by_itself = true; }},
      {Kind::kInterrupted, [](Snapshot&) {}, [](Snapshot& run) { run.interrupted = true; }},
      {Kind::kMessagesDisagree, [](Snapshot& run) { run.total.served_bytes += 6400; },
       [](Snapshot& run) { run.total.served_bytes += 6464; }},
      {Kind::kConnectFailures, [](Snapshot&) {},
       [](Snapshot& run) { run.load->connect_failures = 1; }},
      {Kind::kBrokenConnections, [](Snapshot&) {},
       [](Snapshot& run) { run.load->broken_connections = 1; }},
      {Kind::kLoadSaturated, [](Snapshot&) {}, [](Snapshot& run) { run.load->saturated = true; }},
      {Kind::kLoadSaturated, [](Snapshot& run) { busy_server(run, 899'000'000); },
       [](Snapshot& run) {
         run.load->saturated = true;
         busy_server(run, 899'000'000);
       }},
      {Kind::kBothSaturated, [](Snapshot& run) { busy_server(run, 1'000'000'000); },
       [](Snapshot& run) {
         run.load->saturated = true;
         busy_server(run, 900'000'000);
       }},
      {Kind::kLateSends, [](Snapshot& run) { run.load->late_sends = 1'000; },
       [](Snapshot& run) { run.load->late_sends = 1'001; }},
      {Kind::kStalled,
       [](Snapshot& run) {
         run.load->longest_unanswered_ns = 500'000'000;
         run.load->latency.record(500'000'000);
       },
       [](Snapshot& run) { run.load->longest_unanswered_ns = 500'000'000; }},
      {Kind::kUnfair, [](Snapshot& run) { run.load->fairness_jain = 0.9; },
       [](Snapshot& run) { run.load->fairness_jain = 0.89; }},
      {Kind::kUnfair,
       [](Snapshot& run) {
         run.load->fairness_p5 = 0;
         run.load->connections = 1;
       },
       [](Snapshot& run) { run.load->fairness_p5 = 0; }},
      {Kind::kUnsteady,
       [](Snapshot& run) {
         run.load->bins = AnswerBins{.bin_ns = 50'000'000, .answers = std::vector(20, 5'000UL)};
       },
       [](Snapshot& run) {
         // Four levels, none of which lasts for half of the window.
         AnswerBins& bins = run.load->bins.emplace();
         bins.bin_ns = 50'000'000;
         for (const std::uint64_t level : {2'000UL, 8'000UL, 4'000UL, 6'000UL})
           bins.answers.insert(bins.answers.end(), 5, level);
       }},
      {Kind::kLost, [](Snapshot&) {}, [](Snapshot& run) { run.lost["no room"] = 1; }},
      {Kind::kForeignWork,
       [](Snapshot& run) { run.cpu_time = CpuTime{.cpus = 2, .other_ns = 200'000'000}; },
       [](Snapshot& run) { run.cpu_time = CpuTime{.cpus = 2, .other_ns = 200'000'001}; }},
      {Kind::kForeignWork,
       [](Snapshot& run) {
         run.load.reset();
         run.config.load = "none";
         run.cpu_time = CpuTime{.cpus = 1, .other_ns = 900'000'000};
       },
       [](Snapshot& run) { run.cpu_time = CpuTime{.cpus = 1, .other_ns = 900'000'000}; }},
      {Kind::kSteal, [](Snapshot& run) { run.steal = Steal{.ns = 100'000'000, .cpus = 2}; },
       [](Snapshot& run) { run.steal = Steal{.ns = 100'000'001, .cpus = 2}; }},
      {Kind::kMultiplexed,
       [](Snapshot& run) {
         run.perf = {{"cycles", 1, 100, 95, ""}, {"l1", 0, 0, 0, "no PMU"}};
       },
       [](Snapshot& run) {
         run.perf = {{"cycles", 1, 100, 94, ""}};
       }},
      {Kind::kCountersDisagree,
       [](Snapshot& run) {
         run.perf = {{"cs", 101'000, 1, 1, ""}};
       },
       [](Snapshot& run) {
         run.perf = {{"cs", 101'100, 1, 1, ""}};
       }},
      {Kind::kCountersDisagree,
       // A few more or less at the window's edges.
       [](Snapshot& run) {
         run.perf = {{"migrations", 10, 1, 1, ""}};
       },
       [](Snapshot& run) {
         run.perf = {{"migrations", 11, 1, 1, ""}};
       }},
      {Kind::kTimesDoNotAddUp,
       [](Snapshot& run) {
         run.threads.emplace_back();
         run.threads.back().life_ns = 1'000'000;
         run.threads.back().counts.blocked_ns = 999'000;
       },
       [](Snapshot& run) {
         run.threads.emplace_back();
         run.threads.back().life_ns = 1'000'000;
         run.threads.back().counts.blocked_ns = 998'999;
       }},
      {Kind::kProbesCostly, [](Snapshot& run) { run.overhead.share_of_cpu = 0.25; },
       [](Snapshot& run) { run.overhead.share_of_cpu = 0.251; }},
      {Kind::kSlowed, [](Snapshot& run) { run.config.delay = {.stage = "send", .ns = 0}; },
       [](Snapshot& run) { run.config.delay = {.stage = "send", .ns = 1}; }},
  };
  return kCases;
}

TEST(Doubts, BeginExactlyBeyondTheirThresholds) {
  for (const Case& each : cases()) {
    Snapshot sound = sound_run();
    each.just_sound(sound);
    EXPECT_THAT(doubts(sound), IsEmpty()) << static_cast<int>(each.kind);
    Snapshot doubtful = sound_run();
    each.doubtful(doubtful);
    const std::vector<Doubt> found = doubts(doubtful);
    ASSERT_EQ(found.size(), 1U) << static_cast<int>(each.kind);
    EXPECT_EQ(found[0].kind, each.kind);
  }
}

TEST(Doubts, NameTheirSubjects) {
  Snapshot run = sound_run();
  run.lost = {{"a", 1}, {"b", 0}, {"c", 2}};
  run.perf = {{"x", 1, 10, 5, ""}, {"y", 1, 10, 0, ""}};
  EXPECT_THAT(doubts(run),
              ElementsAre(Doubt{Kind::kLost, {"a", "c"}}, Doubt{Kind::kMultiplexed, {"x", "y"}}));
}

TEST(Doubts, LetAProgramEndThatNobodyLoads) {
  Snapshot run = sound_run();
  run.config.load = "none";
  run.load.reset();
  run.total.served_messages = 0;
  run.server_exit->exited_by_itself = true;
  run.server_exit->code = 3;
  EXPECT_THAT(doubts(run), IsEmpty());
  run.server_exit->signal = 11;
  EXPECT_THAT(doubts(run), ElementsAre(Doubt{Kind::kServerEnded, {}}));
}

// Where sockets were not counted, no message counted by the kernel is no wonder.
TEST(Doubts, DoNotBlameWhatWasNotMeasured) {
  Snapshot run = sound_run();
  run.load.reset();
  run.config.load = "wrk";
  run.total.served_messages = 0;
  run.unmeasured[Figures::kSockets] = "why";
  EXPECT_THAT(doubts(run), IsEmpty());
}

}  // namespace
}  // namespace tr::metrics
