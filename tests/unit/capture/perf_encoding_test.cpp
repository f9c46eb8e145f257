#include "capture/perf_encoding.h"

#include <cerrno>
#include <linux/perf_event.h>
#include <optional>
#include <ostream>

#include <gmock/gmock.h>

#include "fake_root.h"

namespace tr::capture {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kDevices = "/sys/bus/event_source/devices/";

void add_pmu(FakeRoot& root, const std::string& name, const std::string& type, bool one_of_many) {
  root.add(kDevices + name + "/type", type + "\n");
  if (one_of_many) root.add(kDevices + name + "/cpus", "0-3\n");
}

std::optional<PerfEncoding> encode(const std::string& name, const FakeRoot& root) {
  auto events = encode_perf_events({name}, root.path());
  if (!events || events->size() != 1) return std::nullopt;
  return events->front();
}

TEST(PerfEncoding, KnowsSoftwareEventsByAllTheirNames) {
  const FakeRoot root;
  for (const char* name : {"context-switches", "cs", "Context-Switches", "perf::context-switches",
                           "PERF_COUNT_SW_CONTEXT_SWITCHES", " cs "}) {
    const auto event = encode(name, root);
    ASSERT_TRUE(event) << name;
    EXPECT_TRUE(event->software) << name;
    ASSERT_THAT(event->parts, SizeIs(1)) << name;
    EXPECT_EQ(event->parts[0].attr.type, static_cast<unsigned>(PERF_TYPE_SOFTWARE)) << name;
    EXPECT_EQ(event->parts[0].attr.config, static_cast<unsigned>(PERF_COUNT_SW_CONTEXT_SWITCHES));
  }
}

TEST(PerfEncoding, TakesModifiers) {
  const FakeRoot root;
  const auto both = encode("cycles", root);
  const auto user = encode("cycles:u", root);
  const auto kernel = encode("instructions:k", root);
  ASSERT_TRUE(both && user && kernel);
  EXPECT_FALSE(both->parts[0].attr.exclude_user || both->parts[0].attr.exclude_kernel);
  EXPECT_TRUE(user->parts[0].attr.exclude_kernel);
  EXPECT_TRUE(kernel->parts[0].attr.exclude_user);
  EXPECT_EQ(kernel->parts[0].attr.config, static_cast<unsigned>(PERF_COUNT_HW_INSTRUCTIONS));
  EXPECT_EQ(both->parts[0].pmu, kernel->parts[0].pmu);  // one group
}

TEST(PerfEncoding, CountsAGenericEventOnEachKindOfCore) {
  FakeRoot root;
  add_pmu(root, "cpu_core", "4", true);
  add_pmu(root, "cpu_atom", "10", true);
  add_pmu(root, "uncore_imc", "20", false);
  const auto cycles = encode("cycles:u", root);
  ASSERT_TRUE(cycles);
  ASSERT_THAT(cycles->parts, SizeIs(2));
  EXPECT_EQ(cycles->parts[0].pmu, "cpu_core");
  EXPECT_EQ(cycles->parts[0].attr.config, 4ULL << 32);
  EXPECT_EQ(cycles->parts[1].pmu, "cpu_atom");
  EXPECT_EQ(cycles->parts[1].attr.config, 10ULL << 32);
  EXPECT_TRUE(cycles->parts[1].attr.exclude_kernel);
  EXPECT_THAT(encode("page-faults", root)->parts, SizeIs(1));
}

TEST(PerfEncoding, DropsRepeats) {
  const FakeRoot root;
  const auto events = encode_perf_events({"cycles", "instructions", "cycles"}, root.path());
  ASSERT_TRUE(events.ok());
  ASSERT_THAT(*events, SizeIs(2));
  EXPECT_EQ((*events)[1].name, "instructions");
}

TEST(PerfEncoding, LooksTracepointsUp) {
  FakeRoot root;
  root.add("/sys/kernel/tracing/events/syscalls/sys_enter_futex/id", "522\n");
  const auto event = encode("syscalls:sys_enter_futex", root);
  ASSERT_TRUE(event);
  EXPECT_THAT(event->parts,
              ElementsAre(PerfPart{.attr = {.type = PERF_TYPE_TRACEPOINT, .config = 522},
                                   .pmu = "software"}));
}

TEST(PerfEncoding, SaysHowToMakeTracepointsReadable) {
  const FakeRoot root;
  const auto event = encode("sched:sched_switch", root);
  ASSERT_TRUE(event);
  EXPECT_THAT(event->parts, IsEmpty());
  EXPECT_THAT(event->unsupported, HasSubstr("mount -t tracefs tracefs /sys/kernel/tracing"));
}

TEST(PerfEncoding, ReportsEventsOfOtherMachinesAsUnsupported) {
  const FakeRoot root;
#if defined(__x86_64__)
  const auto names = {"netburst::GLOBAL_POWER_EVENTS:RUNNING:u", "GLOBAL_POWER_EVENTS"};
#elif defined(__aarch64__)
  const auto names = {"arm_xgene::SW_INCR", "arm_thunderx2::SW_INCR"};
#else
  const std::initializer_list<const char*> names = {};
#endif
  for (const char* name : names) {
    const auto event = encode(name, root);
    ASSERT_TRUE(event) << name;
    EXPECT_THAT(event->parts, IsEmpty());
    EXPECT_THAT(event->unsupported, HasSubstr("which this machine is not"));
  }
}

struct BadName {
  std::string name;
  std::string why;
  std::string remedy;

  friend void PrintTo(const BadName& bad, std::ostream* out) { *out << bad.name; }
};

class Refused : public testing::TestWithParam<BadName> {};

TEST_P(Refused, AsWrongUsageWithTheWayOut) {
  FakeRoot root;
  root.add("/sys/kernel/tracing/events/sched/sched_switch/id", "372\n")
      .add("/sys/kernel/tracing/events/sched/sched_wakeup/id", "373\n");
  const auto events = encode_perf_events({"cycles", GetParam().name}, root.path());
  ASSERT_FALSE(events.ok());
  EXPECT_EQ(events.error().failure, Failure::kUsage);
  EXPECT_THAT(events.error().text(), HasSubstr(GetParam().why));
  EXPECT_THAT(events.error().text(), HasSubstr(GetParam().remedy));
}

INSTANTIATE_TEST_SUITE_P(
    Names, Refused,
    testing::Values(
        BadName{"cycels", "unknown perf event \"cycels\"", "did you mean cycles"},
        BadName{"cycels:u", "unknown perf event \"cycels:u\"", "did you mean cycles"},
        BadName{"contextswitches", "unknown perf event", "did you mean context-switches?"},
        BadName{"sched:sched_swich", "unknown perf event", "did you mean sched:sched_switch?"},
        BadName{"../x:y", "unknown perf event", "SYSTEM:NAME"},
        BadName{"qwertyuiop", "unknown perf event", "perf list"},
        BadName{"cycles:zz", "invalid event attribute", "cycles:u"},
        BadName{"cycles:period=1000", "modifier for sampling", "leave period"},
        BadName{"cycles:freq=99", "modifier for sampling", "leave period"},
        BadName{"cycles:precise=2", "modifier for sampling", "leave period"},
        BadName{"cycles:cpu=1", "modifier for sampling or for a CPU", "leave period"},
        BadName{"", "an empty name", "single commas"}));

TEST(PerfRefusal, IsSaidForPeople) {
  FakeRoot root;
  root.add("/proc/sys/kernel/perf_event_paranoid", "2\n");
  const PerfEncoding hardware{.name = "cycles", .parts = {PerfPart{}}, .unsupported = {}};
  const PerfEncoding software{
      .name = "cs", .software = true, .parts = {PerfPart{}}, .unsupported = {}};
  const PerfAttr cycles{.type = PERF_TYPE_HARDWARE};
  const PerfAttr in_user_space{.type = PERF_TYPE_HARDWARE, .exclude_kernel = true};
  const PerfAttr tracepoint{.type = PERF_TYPE_TRACEPOINT};
  const auto refusal = [&](int code, const PerfEncoding& event, const PerfAttr& attr) {
    return perf_refusal(code, event, attr, root.path());
  };
  EXPECT_EQ(refusal(ENOENT, hardware, cycles), "no hardware PMU here");
  EXPECT_EQ(refusal(EOPNOTSUPP, hardware, cycles), "no hardware PMU here");
  EXPECT_EQ(refusal(ENOENT, software, {}), "this kernel does not count it");
  EXPECT_EQ(refusal(EACCES, hardware, cycles),
            "needs CAP_PERFMON or kernel.perf_event_paranoid <= 1 (it is 2)");
  EXPECT_EQ(refusal(EACCES, software, tracepoint),
            "needs CAP_PERFMON or kernel.perf_event_paranoid <= -1 (it is 2)");
  EXPECT_EQ(refusal(EACCES, hardware, in_user_space),
            "not allowed: needs CAP_PERFMON, or a security module forbids it");
  add_pmu(root, "cpu", "4", false);
  EXPECT_EQ(refusal(ENOENT, hardware, cycles), "this CPU's PMU does not count it");
}

}  // namespace
}  // namespace tr::capture
