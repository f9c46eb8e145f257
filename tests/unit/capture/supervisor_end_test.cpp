// How programs end: when asked, by force, and when trace-run or its guardian is killed.
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "capture/launch/pidfd.h"
#include "capture/launch/process_tree.h"
#include "capture/launch/supervisor.h"
#include "capture/launch_support.h"
#include "util/text.h"

namespace tr::capture {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Stop, LetsAPoliteProgramEndByItself) {
  Supervisor supervisor = make_supervisor();
  Output output;
  launch(supervisor, probe({"polite"}), output);
  output.lines(1);
  ASSERT_TRUE(supervisor.stop(kPatience).ok());
  const ServerExit exit = expect_event<Exited>(supervisor).exit;
  EXPECT_EQ(exit.code, 7);
  EXPECT_FALSE(exit.exited_by_itself);
  expect_event<TreeGone>(supervisor);
}

TEST(Stop, WakesAStoppedProgram) {
  Supervisor supervisor = make_supervisor();
  Output output;
  const HeldProcess process = launch(supervisor, probe({"polite"}), output);
  output.lines(1);
  kill(process.pid, SIGSTOP);
  EXPECT_TRUE(supervisor.stop(kPatience).ok());
  EXPECT_EQ(expect_event<Exited>(supervisor).exit.code, 7);
}

TEST(Stop, KillsAProgramThatIsDeafToSigterm) {
  Supervisor supervisor = make_supervisor();
  Output output;
  launch(supervisor, probe({"deaf"}), output);
  output.lines(1);
  EXPECT_TRUE(supervisor.stop(kPatience).ok());  // what holds is the shorter of both
  EXPECT_TRUE(supervisor.stop(kBrief).ok());
  EXPECT_EQ(expect_event<Exited>(supervisor).exit.signal, SIGKILL);
  expect_event<TreeGone>(supervisor);
}

TEST(Stop, EndsAHeldProcess) {
  Supervisor supervisor = make_supervisor();
  Output output;
  ASSERT_TRUE(supervisor.start(probe({"deaf"}), output.fd()).ok());
  EXPECT_TRUE(supervisor.stop(kPatience).ok());
  EXPECT_EQ(expect_event<Exited>(supervisor).exit.signal, SIGTERM);
  expect_event<TreeGone>(supervisor);
}

TEST(Stop, AsksTheServerBehindAWrapperScript) {
  Supervisor supervisor = make_supervisor();
  Output output;
  launch(supervisor, probe({"wrapper"}), output);
  output.lines(1);
  EXPECT_TRUE(supervisor.stop(kPatience).ok());
  const Exited exited = expect_event<Exited>(supervisor);
  EXPECT_EQ(exited.exit.signal, SIGTERM);
  EXPECT_TRUE(exited.descendants_left);
  expect_event<TreeGone>(supervisor);
  EXPECT_THAT(output.rest(), Contains("polite end"));
}

TEST(Stop, FindsADaemonThatLeftItsParent) {
  Supervisor supervisor = make_supervisor();
  Output output;
  launch(supervisor, probe({"daemon"}), output);
  output.lines(1);
  const Exited exited = expect_event<Exited>(supervisor);
  EXPECT_EQ(exited.exit.code, 0);
  EXPECT_TRUE(exited.descendants_left);
  EXPECT_TRUE(supervisor.running());
  EXPECT_TRUE(supervisor.stop(kBrief).ok());
  expect_event<TreeGone>(supervisor);
  EXPECT_TRUE(output.rest().empty());
}

TEST(Stop, EndsAWholeTree) {
  Supervisor supervisor = make_supervisor();
  Output output;
  launch(supervisor, probe({"storm", "50"}), output);
  EXPECT_EQ(output.lines(50).size(), 50U);
  EXPECT_TRUE(supervisor.stop(0ms).ok());
  expect_event<Exited>(supervisor);
  expect_event<TreeGone>(supervisor);
  EXPECT_TRUE(output.rest().empty());
}

TEST(Signal, ReachesTheWholeTree) {
  Supervisor supervisor = make_supervisor();
  Output output;
  launch(supervisor, probe({"storm", "10"}), output);
  EXPECT_EQ(output.lines(10).size(), 10U);
  EXPECT_TRUE(supervisor.signal(SIGUSR1, Reach::kFirstProcess).ok());
  const Exited exited = expect_event<Exited>(supervisor);
  EXPECT_EQ(exited.exit.signal, SIGUSR1);
  EXPECT_FALSE(exited.exit.exited_by_itself);
  EXPECT_TRUE(exited.descendants_left);
  EXPECT_TRUE(supervisor.signal(SIGUSR1, Reach::kWholeTree).ok());
  expect_event<TreeGone>(supervisor);
}

TEST(NothingIsLeft, WhenTheSupervisorGoesAway) {
  Output output;
  pid_t guardian = 0;
  {
    Supervisor supervisor = make_supervisor();
    guardian = supervisor.guardian_pid();
    launch(supervisor, probe({"storm", "50"}), output);
    EXPECT_EQ(output.lines(50).size(), 50U);
  }
  EXPECT_TRUE(output.rest().empty());
  EXPECT_EQ(waitpid(guardian, nullptr, WNOHANG), -1) << "the guardian is already reaped";
}

TEST(NothingIsLeft, OfOneOfSeveralWhileTheOthersGoOn) {
  Supervisor other = make_supervisor();
  Output other_output;
  launch(other, probe({"polite"}), other_output);
  Output output;
  {
    Supervisor one = make_supervisor();
    launch(one, probe({"deaf"}), output);
    output.lines(1);
  }
  EXPECT_TRUE(output.rest().empty());
  other_output.lines(1);
  EXPECT_TRUE(other.stop(kPatience).ok());
  EXPECT_EQ(expect_event<Exited>(other).exit.code, 7);
}

[[noreturn]] void wait_to_be_killed() {
  for (;;)
    pause();
}

// Runs `body`, which must not return, in a process of its own, as trace-run; this one adopts
// whatever that leaves behind.
template <class Body>
pid_t fork_trace_run(const Body& body) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // should the test fail half way
    body();
  }
  return pid;
}

// Whether all that was left to this process ends; false if something still runs after a long while.
bool nothing_is_left() {
  for (;;) {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    const auto children = child_processes("/proc", getpid());
    if (!children) return false;
    if (children->empty()) return true;
    const Fd one = open_pidfd(children->front());
    if (one && !wait_readable(one.get())) return false;
  }
}

TEST(NothingIsLeft, WhenTraceRunIsKilled) {
  Output storm;
  Output daemon;
  Output held;
  const pid_t trace_run = fork_trace_run([&] {
    // Three at once, in the three states a program can be in.
    Supervisor one = make_supervisor();
    launch(one, probe({"storm", "50"}), storm);
    Supervisor another = make_supervisor();
    launch(another, probe({"daemon"}), daemon);
    Supervisor third = make_supervisor();
    const auto process = third.start(probe({"deaf"}), held.fd());
    if (!process || write(held.fd(), "held\n", 5) != 5) _exit(1);
    wait_to_be_killed();
  });
  EXPECT_EQ(storm.lines(50).size(), 50U);
  EXPECT_THAT(daemon.lines(1), Contains("ready"));
  EXPECT_THAT(held.lines(1), Contains("held"));
  kill(trace_run, SIGKILL);
  EXPECT_TRUE(storm.rest().empty());
  EXPECT_TRUE(daemon.rest().empty());
  EXPECT_TRUE(held.rest().empty());
  EXPECT_TRUE(nothing_is_left());
}

TEST(NothingIsLeft, WhenTraceRunIsKilledWhileItsFilesAreHeldOpen) {
  Output output;
  Output stray;
  const pid_t trace_run = fork_trace_run([&] {
    Supervisor supervisor = make_supervisor();
    launch(supervisor, probe({"deaf"}), output);
    output.give_up();
    // A forked copy, as a load process may be, has the guardian's channel open, too.
    if (fork() != 0) wait_to_be_killed();
    alarm(300);
    const std::string line = fmt::format("{}\n", getpid());
    if (write(stray.fd(), line.data(), line.size()) < 0) _exit(1);
    wait_to_be_killed();
  });
  EXPECT_THAT(output.lines(1), Contains("ready"));
  const auto stray_line = stray.lines(1);
  ASSERT_EQ(stray_line.size(), 1U);
  kill(trace_run, SIGKILL);
  EXPECT_TRUE(output.rest().empty()) << "the program outlived trace-run";
  kill(static_cast<pid_t>(parse_u64(stray_line[0]).value()), SIGKILL);
  EXPECT_TRUE(nothing_is_left());
}

TEST(NothingIsLeft, OfTheFirstProcessWhenTheGuardianIsKilled) {
  Supervisor supervisor = make_supervisor();
  Output output;
  const HeldProcess process = launch(supervisor, probe({"deaf"}), output);
  output.lines(1);
  kill(supervisor.guardian_pid(), SIGKILL);
  EXPECT_TRUE(wait_readable(process.pidfd.get()));
  EXPECT_TRUE(output.rest().empty());
  const auto event = supervisor.wait_event(kPatience);
  ASSERT_FALSE(event.ok());
  EXPECT_THAT(event.error().text(), HasSubstr("has ended, and the program was killed with it"));
  EXPECT_FALSE(supervisor.stop(0ms).ok());
}

TEST(NothingIsLeft, OfAHeldProcessWhenTheGuardianIsKilled) {
  Supervisor supervisor = make_supervisor();
  Output output;
  const auto held = supervisor.start(probe({"deaf"}), output.fd());
  ASSERT_TRUE(held.ok());
  kill(supervisor.guardian_pid(), SIGKILL);
  EXPECT_TRUE(wait_readable(held->pidfd.get()));
}

TEST(Guardian, KeepsNothingOpenThatTraceRunHadOpen) {
  const Fd file(::open(LAUNCH_PROBE, O_RDONLY));  // not close-on-exec
  Supervisor supervisor = make_supervisor();
  Output output;
  launch(supervisor, probe({"wait"}), output);
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", supervisor.guardian_pid())))
    EXPECT_NE(std::filesystem::read_symlink(entry), LAUNCH_PROBE);
}

TEST(Guardian, IsDeafToAllThatEndsTraceRunAndGoesByItsOwnName) {
  Supervisor supervisor = make_supervisor();
  Output output;
  launch(supervisor, probe({"wait"}), output);
  const pid_t guardian = supervisor.guardian_pid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1})
    kill(guardian, signal);
  EXPECT_NE(getpgid(guardian), getpgrp());
  EXPECT_EQ(*read_file(fmt::format("/proc/{}/comm", guardian)), "guardian\n");
  EXPECT_THAT(*read_file(fmt::format("/proc/{}/cmdline", guardian)), StartsWith("guardian of "));
  EXPECT_TRUE(supervisor.stop(kPatience).ok());
  EXPECT_EQ(expect_event<Exited>(supervisor).exit.signal, SIGTERM);
  expect_event<TreeGone>(supervisor);
}

}  // namespace
}  // namespace tr::capture
