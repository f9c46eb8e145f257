#include "capture/perf_events.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <grp.h>
#include <map>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thread>

#include <gmock/gmock.h>

#include "capture/tracefs.h"
#include "parked_child.h"

namespace tr::capture {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

void sleep_times(int times) {
  // Long enough that the timer cannot fire before the task has left the CPU.
  const timespec pause{.tv_sec = 0, .tv_nsec = 500'000};
  for (int i = 0; i < times; ++i)
    ::nanosleep(&pause, nullptr);
}

void getppid_times(int times) {
  for (int i = 0; i < times; ++i)
    ::syscall(SYS_getppid);
}

PerfEvents events_named(const std::vector<std::string>& names) {
  auto encoded = encode_perf_events(names);
  if (!encoded) throw std::runtime_error(encoded.error().text());
  return PerfEvents(*std::move(encoded));
}

std::map<std::string, PerfCount> by_name(const PerfEvents& events) {
  std::map<std::string, PerfCount> counts;
  for (const PerfCount& count : events.read())
    counts.emplace(count.event, count);
  return counts;
}

// A software event on a child of our own: the least that these tests need.
class PerfOfRealPrograms : public testing::Test {
 protected:
  void SetUp() override {
    PerfEvents events = events_named({"context-switches"});
    const ParkedChild child([] { sleep_times(1); });
    ASSERT_TRUE(events.watch_child(child.pid(), PerfEvents::Start::kByEnable).ok());
    ASSERT_TRUE(events.enable().ok());
    child.run();
    const std::string refusal = events.read()[0].unsupported;
    if (!refusal.empty()) GTEST_SKIP() << "perf events of other processes: " << refusal;
  }

  void need_tracepoints() {
    const auto tracefs = Tracefs::open();
    if (!tracefs) GTEST_SKIP() << tracefs.error().text();
    const auto id = tracefs->tracepoint_id("syscalls", "sys_enter_getppid");
    if (!id) GTEST_SKIP() << "this kernel has no syscall tracepoints: " << id.error().text();
  }
};

TEST_F(PerfOfRealPrograms, CountsEachContextSwitchOfTheWindow) {
  constexpr int kSleeps = 100;
  const ParkedChild child([] { sleep_times(kSleeps); });
  PerfEvents events = events_named(kCrossCheckEvents);
  ASSERT_TRUE(events.watch_child(child.pid(), PerfEvents::Start::kByEnable).ok());
  const std::uint64_t before = child.switches();
  ASSERT_TRUE(events.enable().ok());
  child.run();
  ASSERT_TRUE(events.disable().ok());
  const std::uint64_t switches = child.switches() - before;
  auto counts = by_name(events);
  EXPECT_EQ(counts["context-switches"].value, switches);
  EXPECT_GE(switches, kSleeps);
  for (const auto& [name, count] : counts) {
    EXPECT_EQ(count.unsupported, "") << name;
    EXPECT_EQ(count.running_ns, count.enabled_ns) << name << " is a software event: never in turns";
    EXPECT_EQ(count.enabled_ns, counts["task-clock"].enabled_ns) << name << " is in the same group";
  }
  EXPECT_THAT(events.notes(), IsEmpty());
}

TEST_F(PerfOfRealPrograms, CountsNothingBetweenTheWindowsOfAProcess) {
  const ParkedChild child([] { sleep_times(20); });
  PerfEvents events = events_named({"context-switches"});
  ASSERT_TRUE(events.watch_child(child.pid(), PerfEvents::Start::kByEnable).ok());
  child.run();
  const PerfCount count = events.read()[0];
  EXPECT_EQ(count.value, 0U);
  EXPECT_THAT(count.unsupported, HasSubstr("did not run while it was counted"));
}

TEST_F(PerfOfRealPrograms, CountsThePagesThatAreTouched) {
  constexpr std::size_t kPages = 500;
  const ParkedChild child([] {
    const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* const memory =
        ::mmap(nullptr, kPages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ::madvise(memory, kPages * page, MADV_NOHUGEPAGE);
    for (std::size_t i = 0; i < kPages; ++i)
      static_cast<volatile char*>(memory)[i * page] = 1;
  });
  PerfEvents events = events_named({"page-faults", "minor-faults", "major-faults"});
  ASSERT_TRUE(events.watch_child(child.pid(), PerfEvents::Start::kByEnable).ok());
  const std::uint64_t before = child.page_faults();
  ASSERT_TRUE(events.enable().ok());
  child.run();
  ASSERT_TRUE(events.disable().ok());
  auto counts = by_name(events);
  EXPECT_EQ(counts["page-faults"].value, child.page_faults() - before);
  EXPECT_GE(counts["page-faults"].value, kPages);
  EXPECT_EQ(counts["page-faults"].value,
            counts["minor-faults"].value + counts["major-faults"].value);
}

// Time on the CPU of a program that works for 10 ms: by perf over that by the scheduler.
double cpu_time_ratio() {
  const ParkedChild child([] {
    timespec used{};
    do {
      getppid_times(100);
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    } while (used.tv_sec == 0 && used.tv_nsec < 10'000'000);
  });
  PerfEvents events = events_named({"task-clock"});
  const std::uint64_t before = child.cpu_ns();
  if (!events.watch_child(child.pid(), PerfEvents::Start::kByEnable).ok() || !events.enable().ok())
    return 0;
  child.run();
  if (!events.disable().ok()) return 0;
  return static_cast<double>(events.read()[0].value) / static_cast<double>(child.cpu_ns() - before);
}

TEST_F(PerfOfRealPrograms, AgreesWithTheSchedulerOnCpuTime) {
  // The scheduler leaves out time in interrupts and time that the hypervisor stole
  // (update_rq_clock_task), perf does not: one undisturbed program of several will do. Besides,
  // both start and stop at different points of a context switch.
  double ratio = 0;
  for (int i = 0; i < 50 && std::abs(ratio - 1) > 0.05; ++i)
    ratio = cpu_time_ratio();
  EXPECT_NEAR(ratio, 1, 0.05);
}

TEST_F(PerfOfRealPrograms, AddsUpChildrenThatCameAndWent) {
  need_tracepoints();
  if (IsSkipped()) return;
  constexpr int kForks = 40;
  constexpr int kCalls = 7;
  const ParkedChild child([] {
    for (int i = 0; i < kForks; ++i) {
      const pid_t pid = ::fork();
      if (pid == 0) {
        getppid_times(kCalls);
        ::_exit(0);
      }
      ::waitpid(pid, nullptr, 0);
    }
    for (int i = 0; i < kForks; ++i)
      std::thread([] { getppid_times(kCalls); }).join();
  });
  PerfEvents events = events_named({"syscalls:sys_enter_getppid"});
  ASSERT_TRUE(events.watch_child(child.pid(), PerfEvents::Start::kByEnable).ok());
  ASSERT_TRUE(events.enable().ok());
  child.run();
  ASSERT_TRUE(events.disable().ok());
  EXPECT_EQ(events.read()[0].value, static_cast<unsigned>(2 * kForks * kCalls));
}

// A process with threads that wait for their turn, work, and wait again.
class Team {
 public:
  explicit Team(int size) : size_(size) {}
  void hire(const std::function<void()>& work) {
    for (int i = 0; i < size_; ++i)
      std::thread([this, work] {
        turn_.pass();
        work();
        finished_.open();
        end_.pass();
      }).detach();
  }
  void work() const {
    turn_.open(size_);
    finished_.pass(size_);
  }

 private:
  int size_;
  Gate turn_;
  Gate finished_;
  Gate end_;
};

constexpr int kThreads = 8;

TEST_F(PerfOfRealPrograms, AttachesToThreadsThatRunAlready) {
  Team team(kThreads);
  const ParkedChild child([&] { team.work(); }, [&] { team.hire([] { sleep_times(25); }); });
  ASSERT_GE(child.threads().size(), kThreads + 1U);
  PerfEvents events = events_named({"context-switches", "cpu-migrations"});
  ASSERT_TRUE(events.attach([&] { return child.threads(); }).ok());
  const std::uint64_t before = child.switches();
  ASSERT_TRUE(events.enable().ok());
  child.run();
  ASSERT_TRUE(events.disable().ok());
  const std::uint64_t switches = child.switches() - before;
  EXPECT_EQ(by_name(events)["context-switches"].value, switches);
  EXPECT_GE(switches, kThreads * 25U);
}

TEST_F(PerfOfRealPrograms, FollowsWhatAttachedThreadsCreate) {
  need_tracepoints();
  if (IsSkipped()) return;
  constexpr int kCalls = 11;
  Team team(kThreads);
  const ParkedChild child([&] { team.work(); },
                          [&] {
                            team.hire([] {
                              getppid_times(kCalls);
                              std::thread([] { getppid_times(kCalls); }).join();
                              const pid_t pid = ::fork();
                              if (pid == 0) {
                                getppid_times(kCalls);
                                ::_exit(0);
                              }
                              ::waitpid(pid, nullptr, 0);
                            });
                          });
  PerfEvents events = events_named({"syscalls:sys_enter_getppid"});
  ASSERT_TRUE(events.attach([&] { return child.threads(); }).ok());
  ASSERT_TRUE(events.enable().ok());
  child.run();
  ASSERT_TRUE(events.disable().ok());
  EXPECT_EQ(events.read()[0].value, static_cast<unsigned>(kThreads * 3 * kCalls));
}

// Two instructions for each round.
void loop(std::uint64_t rounds) {
#if defined(__x86_64__)
  asm volatile("1: dec %0\n jnz 1b" : "+r"(rounds)::"cc");
#elif defined(__aarch64__)
  asm volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(rounds)::"cc");
#else
#error "no loop of known length for this architecture"
#endif
}

// Hardware is counted, or the reason is said; a zero is neither.
TEST_F(PerfOfRealPrograms, CountsInstructionsOrSaysWhyNot) {
  constexpr std::uint64_t kRounds = 1'000'000;
  const ParkedChild child([] {
    const pid_t pid = ::fork();
    loop(kRounds);
    if (pid == 0) ::_exit(0);
    ::waitpid(pid, nullptr, 0);
    std::thread([] { loop(kRounds); }).join();
  });
  PerfEvents events = events_named({"instructions:u", "cycles:u"});
  ASSERT_TRUE(events.watch_child(child.pid(), PerfEvents::Start::kByEnable).ok());
  ASSERT_TRUE(events.enable().ok());
  child.run();
  ASSERT_TRUE(events.disable().ok());
  auto counts = by_name(events);
  const PerfCount& instructions = counts["instructions:u"];
  if (core_pmus().empty()) {
    for (const auto& [name, count] : counts)
      EXPECT_EQ(count.unsupported, "no hardware PMU here") << name;
    return;
  }
  if (!instructions.unsupported.empty()) GTEST_SKIP() << instructions.unsupported;
  EXPECT_EQ(instructions.running_ns, instructions.enabled_ns);
  constexpr std::uint64_t kExpected = 6 * kRounds;  // three tasks
  EXPECT_GE(instructions.value, kExpected);
  EXPECT_LT(instructions.value, kExpected + kExpected / 20);  // and fork, thread and pipe
  EXPECT_EQ(counts["cycles:u"].enabled_ns, instructions.enabled_ns) << "not one group";
}

// Executes /bin/cat, or a copy, which reads until its input ends.
struct Executed {
  Gate go;
  Fd input;
  pid_t pid = -1;

  explicit Executed(const std::string& program, const std::function<void()>& before) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    Fd end_of_child(ends[0]);
    input.reset(ends[1]);
    ::fcntl(input.get(), F_SETFD, FD_CLOEXEC);
    pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(end_of_child.get(), STDIN_FILENO);
      go.pass();
      before();
      ::execl(program.c_str(), program.c_str(), nullptr);
      ::_exit(127);
    }
  }
  ~Executed() {
    input.reset();
    ::waitpid(pid, nullptr, 0);
  }
};

TEST_F(PerfOfRealPrograms, CanStartWithTheFirstInstructionOfAProgram) {
  constexpr int kSleepsBefore = 300;  // more than a program waits for its own file
  PerfEvents events = events_named({"context-switches", "task-clock"});
  {
    const Executed cat("/bin/cat", [] { sleep_times(kSleepsBefore); });
    ASSERT_TRUE(events.watch_child(cat.pid, PerfEvents::Start::kAtExec).ok());
    cat.go.open();
  }
  const PerfCount switches = events.read()[0];
  EXPECT_EQ(switches.unsupported, "");
  EXPECT_LT(switches.value, static_cast<unsigned>(kSleepsBefore));
  EXPECT_GT(events.read()[1].value, 0U);
}

// A set-user-id program of root's, gone whichever way the test ends.
class SetUserIdCopy {
 public:
  explicit SetUserIdCopy(const std::string& program) {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    std::filesystem::copy_file(program, path());
    EXPECT_EQ(::chmod(folder_.c_str(), 0755), 0);
    EXPECT_EQ(::chmod(path().c_str(), 04755), 0);
  }
  ~SetUserIdCopy() { std::filesystem::remove_all(folder_); }
  SetUserIdCopy(const SetUserIdCopy&) = delete;
  SetUserIdCopy& operator=(const SetUserIdCopy&) = delete;

  [[nodiscard]] std::string path() const { return folder_ + "/cat"; }

 private:
  std::string folder_ = std::filesystem::temp_directory_path() / "trace-run-test-XXXXXX";
};

TEST_F(PerfOfRealPrograms, DoNotShowZeroForAProgramThatGainedPrivileges) {
  if (::geteuid() != 0) GTEST_SKIP() << "making a set-user-id program needs root";
  const SetUserIdCopy program("/bin/cat");
  PerfEvents events = events_named({"context-switches"});
  bool gained = false;
  {
    constexpr uid_t kNobody = 65534;
    const Executed cat(program.path(), [] {
      if (::setgroups(0, nullptr) != 0 || ::setresuid(kNobody, kNobody, kNobody) != 0) ::_exit(126);
    });
    ASSERT_TRUE(events.watch_child(cat.pid, PerfEvents::Start::kByEnable).ok());
    cat.go.open();
    // Wait for the exec: the name changes with it.
    const std::string comm = fmt::format("/proc/{}/comm", cat.pid);
    while (kernel_text("", comm) != "cat" && kernel_text("", comm))
      ::usleep(200);
    const std::string status =
        kernel_text("", fmt::format("/proc/{}/status", cat.pid)).value_or("");
    gained = field_of(status, "Uid").value_or("").find("\t0\t") != std::string_view::npos;
    ASSERT_TRUE(events.enable().ok());
  }
  if (!gained) GTEST_SKIP() << "set-user-id programs gain nothing on this file system";
  EXPECT_THAT(events.read()[0].unsupported, HasSubstr("gained privileges"));
}

TEST(PerfOfOthers, NamesThePrivilegeThatIsMissing) {
  if (::geteuid() != 0) GTEST_SKIP() << "becoming another user needs root";
  const auto level = kernel_number("", "/proc/sys/kernel/perf_event_paranoid");
  if (!level || *level < 2) GTEST_SKIP() << "perf_event_paranoid allows it to everybody";
  EXPECT_EXIT(
      {
        if (::setresuid(65534, 65534, 65534) != 0) ::_exit(126);
        PerfEvents events = events_named({"context-switches"});
        (void)events.watch_child(0, PerfEvents::Start::kByEnable);
        fmt::print(stderr, "{}\n", events.read()[0].unsupported);
        ::_exit(0);
      },
      testing::ExitedWithCode(0),
      fmt::format("needs CAP_PERFMON or kernel.perf_event_paranoid <= 1 .it is {}", *level));
}

TEST(TracefsOfThisMachine, IsReadWithoutMountingIt) {
  const auto mounts = kernel_text("", "/proc/self/mountinfo");
  const auto tracefs = Tracefs::open();
  if (!tracefs) GTEST_SKIP() << tracefs.error().text();
  EXPECT_EQ(kernel_text("", "/proc/self/mountinfo"), mounts);
  EXPECT_TRUE(tracefs->tracepoint_id("sched", "sched_switch").ok()) << tracefs->source();
  EXPECT_EQ(tracefs->tracepoint_id("sched", "no_such_tracepoint").error().code, ENOENT);
  EXPECT_THAT(tracefs->tracepoints(), testing::Contains("sched:sched_switch"));
}

}  // namespace
}  // namespace tr::capture
