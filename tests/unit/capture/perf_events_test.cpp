#include "capture/perf_events.h"

#include <linux/perf_event.h>
#include <set>

#include <gmock/gmock.h>

#include "fake_perf.h"
#include "fake_root.h"

namespace tr::capture {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr pid_t kChild = 1000;

PerfEncoding hardware(std::string name, std::uint64_t config) {
  return {.name = std::move(name),
          .software = false,
          .parts = {{.attr = {.type = PERF_TYPE_HARDWARE, .config = config}, .pmu = "cpu"}},
          .unsupported = {}};
}

PerfEncoding software(std::string name, std::uint64_t config) {
  return {.name = std::move(name),
          .software = true,
          .parts = {{.attr = {.type = PERF_TYPE_SOFTWARE, .config = config}, .pmu = "software"}},
          .unsupported = {}};
}

PerfEncoding hybrid(std::string name) {
  return {.name = std::move(name),
          .software = false,
          .parts = {{.attr = {.config = 1}, .pmu = "cpu_core"},
                    {.attr = {.config = 2}, .pmu = "cpu_atom"}},
          .unsupported = {}};
}

TEST(PerfEvents, GroupsHardwareAndSoftwareApart) {
  FakePerf kernel;
  PerfEvents events({hardware("cycles", 0), software("cs", 3), hardware("instructions", 1),
                     software("migrations", 4)},
                    kernel);
  ASSERT_TRUE(events.watch_child(kChild, PerfEvents::Start::kByEnable).ok());
  std::map<std::uint32_t, std::set<int>> leaders;  // by type; -1 leads
  std::map<std::uint32_t, int> leader_fd;
  for (const auto& [fd, event] : kernel.open_events()) {
    if (event.leader < 0) leader_fd[event.attr.type] = fd;
    if (event.leader >= 0) leaders[event.attr.type].insert(event.leader);
    EXPECT_FALSE(event.at_exec);
    EXPECT_EQ(event.task, kChild);
  }
  EXPECT_THAT(leaders[PERF_TYPE_HARDWARE], ElementsAre(leader_fd[PERF_TYPE_HARDWARE]));
  EXPECT_THAT(leaders[PERF_TYPE_SOFTWARE], ElementsAre(leader_fd[PERF_TYPE_SOFTWARE]));
  ASSERT_TRUE(events.enable().ok());
  EXPECT_THAT(kernel.enabled,
              UnorderedElementsAre(leader_fd[PERF_TYPE_HARDWARE], leader_fd[PERF_TYPE_SOFTWARE]));
  ASSERT_TRUE(events.disable().ok());
  EXPECT_EQ(kernel.disabled, kernel.enabled);
}

TEST(PerfEvents, StartsAtExecWhenAsked) {
  FakePerf kernel;
  PerfEvents events({software("cs", 3)}, kernel);
  ASSERT_TRUE(events.watch_child(kChild, PerfEvents::Start::kAtExec).ok());
  ASSERT_THAT(kernel.open_events(), SizeIs(1));
  EXPECT_TRUE(kernel.open_events().begin()->second.at_exec);
}

TEST(PerfEvents, StartsAnotherGroupWhenOneIsFull) {
  FakePerf kernel;
  kernel.refuse = [&](const FakePerf::Event& event) {
    for (const auto& [fd, other] : kernel.open_events())
      if (event.leader >= 0 && other.leader == event.leader) return EINVAL;  // two to a group
    return 0;
  };
  PerfEvents events({hardware("a", 0), hardware("b", 1), hardware("c", 2), hardware("d", 3)},
                    kernel);
  ASSERT_TRUE(events.watch_child(kChild, PerfEvents::Start::kByEnable).ok());
  ASSERT_TRUE(events.enable().ok());
  EXPECT_THAT(kernel.open_events(), SizeIs(4));
  EXPECT_THAT(kernel.enabled, SizeIs(2));
  for (const PerfCount& count : events.read())
    EXPECT_EQ(count.unsupported, "") << count.event;
}

// Some kernels accept a group that their PMU can never hold.
TEST(PerfEvents, StartsAnotherGroupWhenOneNeverRuns) {
  const FakeRoot root;
  FakePerf kernel;
  kernel.reading = [&](const FakePerf::Event& event) {
    std::size_t members = 0;  // of the groups under trial, on the calling thread
    for (const auto& [fd, other] : kernel.open_events())
      if (other.task == 0) ++members;
    const bool too_many = event.task == 0 && members > 3;
    return PerfReading{.value = 1, .enabled_ns = 100, .running_ns = too_many ? 0U : 100U};
  };
  PerfEvents events({hardware("a", 0), hardware("b", 1), software("s", 3), hardware("c", 2),
                     hardware("d", 3), hardware("e", 4)},
                    kernel, root.path());
  ASSERT_TRUE(events.watch_child(kChild, PerfEvents::Start::kByEnable).ok());
  std::multiset<std::uint64_t> leaders;  // their config
  for (const auto& [fd, event] : kernel.open_events())
    if (event.leader < 0) leaders.insert(event.attr.config);
  EXPECT_THAT(leaders, ElementsAre(0, 3, 3));  // a b c, s, d e
  EXPECT_EQ(kernel.open_tasks().count(0), 0U) << "a trial is left open";
  EXPECT_EQ(kernel.open_tasks().count(kChild), 6U);
}

TEST(PerfEvents, ReportsWhatTheMachineRefusesAndCountsTheRest) {
  const FakeRoot root;
  FakePerf kernel;
  kernel.refuse = [](const FakePerf::Event& event) {
    return event.attr.type == PERF_TYPE_HARDWARE ? ENOENT : 0;
  };
  kernel.reading = [](const FakePerf::Event&) {
    return PerfReading{.value = 7, .enabled_ns = 10, .running_ns = 10};
  };
  PerfEncoding elsewhere{.name = "skl::X", .software = false, .parts = {}, .unsupported = "why"};
  PerfEvents events({hardware("cycles", 0), software("cs", 3), elsewhere}, kernel, root.path());
  ASSERT_TRUE(events.watch_child(kChild, PerfEvents::Start::kByEnable).ok());
  const auto counts = events.read();
  ASSERT_THAT(counts, SizeIs(3));
  EXPECT_EQ(counts[0].event, "cycles");
  EXPECT_EQ(counts[0].unsupported, "no hardware PMU here");
  EXPECT_EQ(counts[1].unsupported, "");
  EXPECT_EQ(counts[1].value, 7U);
  EXPECT_EQ(counts[2].unsupported, "why");
}

TEST(PerfEvents, AddsUpTheKindsOfCore) {
  FakePerf kernel;
  kernel.reading = [](const FakePerf::Event& event) {
    return event.attr.config == 1 ? PerfReading{.value = 70, .enabled_ns = 10, .running_ns = 7}
                                  : PerfReading{.value = 20, .enabled_ns = 10, .running_ns = 3};
  };
  PerfEvents events({hybrid("cycles")}, kernel);
  ASSERT_TRUE(events.attach([] { return std::vector<pid_t>{1, 2}; }).ok());
  const auto counts = events.read();
  EXPECT_EQ(counts[0].value, 180U);
  EXPECT_EQ(counts[0].enabled_ns, 20U);  // not twice: each thread has both events all the time
  EXPECT_EQ(counts[0].running_ns, 20U);
  EXPECT_THAT(events.notes(),
              ElementsAre("cycles is the sum over the core types cpu_core and cpu_atom."));
}

TEST(PerfEvents, SaysWhenOneKindOfCoreIsNotCounted) {
  FakePerf kernel;
  kernel.refuse = [](const FakePerf::Event& event) {
    return event.attr.config == 2 ? EOPNOTSUPP : 0;
  };
  PerfEvents events({hybrid("cycles")}, kernel);
  ASSERT_TRUE(events.watch_child(kChild, PerfEvents::Start::kByEnable).ok());
  EXPECT_EQ(events.read()[0].unsupported, "");
  EXPECT_THAT(events.notes(), ElementsAre(HasSubstr("counted on cpu_core only")));
}

TEST(PerfEvents, NeverShowsZeroForWhatWasNotCounted) {
  FakePerf kernel;
  PerfReading reading;
  kernel.reading = [&](const FakePerf::Event&) { return reading; };
  PerfEvents events({hardware("cycles", 0)}, kernel);
  ASSERT_TRUE(events.watch_child(kChild, PerfEvents::Start::kByEnable).ok());
  reading = {.value = 0, .enabled_ns = 500, .running_ns = 0};
  EXPECT_THAT(events.read()[0].unsupported, HasSubstr("never got a hardware counter"));
  reading = {.value = 0, .enabled_ns = 0, .running_ns = 0};
  EXPECT_THAT(events.read()[0].unsupported, HasSubstr("did not run"));
  reading = {.value = 0, .enabled_ns = 500, .running_ns = 250};  // a zero that was counted
  EXPECT_EQ(events.read()[0].unsupported, "");
  EXPECT_EQ(events.read()[0].running_ns, 250U);
}

// A thread that appears while others are opened may have inherited their events. Opening it as well
// would count it twice; leaving it out might miss it.
TEST(PerfEvents, OpensEachThreadOnceWhileThreadsAppear) {
  FakePerf kernel;
  PerfEvents events({software("cs", 3)}, kernel);
  int calls = 0;
  ASSERT_TRUE(events
                  .attach([&]() -> Result<std::vector<pid_t>> {
                    ++calls;
                    // Thread 12 appears during the first round, 13 during the second.
                    if (calls == 1) return std::vector<pid_t>{10, 11};
                    if (calls <= 3) return std::vector<pid_t>{12, 10, 11};
                    return std::vector<pid_t>{10, 11, 12, 13};
                  })
                  .ok());
  EXPECT_EQ(calls, 6);
  EXPECT_THAT(kernel.open_tasks(), ElementsAre(10, 11, 12, 13));
  EXPECT_THAT(events.notes(), IsEmpty());
}

TEST(PerfEvents, SaysWhatItMissesWhenThreadsNeverStopAppearing) {
  FakePerf kernel;
  PerfEvents events({software("cs", 3)}, kernel);
  std::vector<pid_t> threads;
  ASSERT_TRUE(events
                  .attach([&]() -> Result<std::vector<pid_t>> {
                    threads.push_back(static_cast<pid_t>(threads.size()) + 1);
                    return threads;
                  })
                  .ok());
  const auto tasks = kernel.open_tasks();
  EXPECT_EQ(tasks.size(), std::set<pid_t>(tasks.begin(), tasks.end()).size());
  EXPECT_THAT(events.notes(), ElementsAre(HasSubstr("1 threads appeared while")));
}

TEST(PerfEvents, SkipsThreadsThatEndMeanwhile) {
  FakePerf kernel;
  kernel.refuse = [](const FakePerf::Event& event) { return event.task % 2 != 0 ? ESRCH : 0; };
  PerfEvents events({software("cs", 3), hardware("cycles", 0)}, kernel);
  ASSERT_TRUE(events.attach([] { return std::vector<pid_t>{1, 2, 3, 4}; }).ok());
  EXPECT_THAT(kernel.open_tasks(), ElementsAre(2, 2, 4, 4));
  EXPECT_EQ(events.read()[0].value, 2U);

  const Status gone = events.attach([] { return std::vector<pid_t>{1, 3}; });
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code, ESRCH);
}

TEST(PerfEvents, FailsWhenTheFilesDoNotSuffice) {
  FakePerf kernel;
  kernel.room = Error{.failure = Failure::kNotAllowed,
                      .operation = "open perf events",
                      .object = {},
                      .code = 0,
                      .why = "too many",
                      .remedy = {}};
  kernel.refuse = [](const FakePerf::Event& event) {
    return event.attr.type == PERF_TYPE_HARDWARE ? ENOENT : 0;
  };
  PerfEvents events({software("cs", 3), hardware("cycles", 0), software("faults", 2)}, kernel);
  const Status refused = events.attach([] { return std::vector<pid_t>{1, 2, 3}; });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().failure, Failure::kNotAllowed);
  EXPECT_EQ(kernel.files_wanted, 4U) << "two events on two more threads; cycles are not there";
  EXPECT_THAT(kernel.open_tasks(), IsEmpty());

  FakePerf exhausted;
  exhausted.refuse = [](const FakePerf::Event&) { return EMFILE; };
  PerfEvents none({software("cs", 3)}, exhausted);
  EXPECT_EQ(none.watch_child(kChild, PerfEvents::Start::kByEnable).error().code, EMFILE);
}

}  // namespace
}  // namespace tr::capture
