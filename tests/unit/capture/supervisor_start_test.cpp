// How programs are started: held, set up, executed.
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "capture/launch/supervisor.h"
#include "capture/launch_support.h"
#include "capture/temporary_folder.h"

namespace tr::capture {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string exe_of(pid_t pid) {
  return fs::read_symlink(fmt::format("/proc/{}/exe", pid)).native();
}

TEST(Launch, HoldsTheProcessBeforeItExecutesAnything) {
  Supervisor supervisor = make_supervisor();
  Output output;
  const auto held = supervisor.start(probe({"exit", "0"}), output.fd());
  ASSERT_TRUE(held.ok()) << held.error().text();
  EXPECT_EQ(exe_of(held->pid), exe_of(getpid()));
  EXPECT_EQ(getpgid(held->pid), held->pid);
  pollfd ended{.fd = held->pidfd.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, 0), 0);
  EXPECT_FALSE(supervisor.next_event().value().has_value());

  ASSERT_TRUE(supervisor.go().ok());
  expect_event<Executed>(supervisor);
  expect_event<Exited>(supervisor);
  EXPECT_TRUE(wait_readable(held->pidfd.get()));
}

TEST(Launch, SaysHowTheProgramEnded) {
  Supervisor supervisor = make_supervisor();
  Output output;
  launch(supervisor, probe({"exit", "42"}), output);
  const Exited exited = expect_event<Exited>(supervisor);
  EXPECT_EQ(exited.exit.code, 42);
  EXPECT_EQ(exited.exit.signal, 0);
  EXPECT_TRUE(exited.exit.exited_by_itself);
  EXPECT_FALSE(exited.descendants_left);
  EXPECT_GT(exited.exit.max_rss_bytes, 100'000U);
  EXPECT_GT(exited.exit.minor_faults, 10U);  // loading the program alone takes more
  EXPECT_EQ(expect_event<TreeGone>(supervisor).refused, 0);
  EXPECT_FALSE(supervisor.running());
}

TEST(Launch, CountsTheCpuTimeOfWaitedForChildren) {
  Supervisor supervisor = make_supervisor();
  Output output;
  launch(supervisor, probe({"burn-in-child"}), output);
  const ServerExit exit = expect_event<Exited>(supervisor).exit;
  EXPECT_EQ(exit.code, 0);
  EXPECT_GE(exit.user_ns + exit.system_ns, 30'000'000U);
}

TEST(Launch, NamesTheSignalThatEndedIt) {
  Supervisor supervisor = make_supervisor();
  Output output;
  const HeldProcess process = launch(supervisor, probe({"wait"}), output);
  ASSERT_THAT(output.lines(1), Contains("ready"));
  kill(process.pid, SIGUSR1);  // not by us: by somebody outside
  const ServerExit exit = expect_event<Exited>(supervisor).exit;
  EXPECT_EQ(exit.signal, SIGUSR1);
  EXPECT_TRUE(exit.exited_by_itself);
}

TEST(Launch, ReportsTheEndOfAHeldProcess) {
  Supervisor supervisor = make_supervisor();
  Output output;
  const auto held = supervisor.start(probe({"exit", "0"}), output.fd());
  ASSERT_TRUE(held.ok());
  kill(held->pid, SIGKILL);
  EXPECT_EQ(expect_event<Exited>(supervisor).exit.signal, SIGKILL);
  expect_event<TreeGone>(supervisor);
}

TEST(Launch, RunsOneProgramAfterAnother) {
  Supervisor supervisor = make_supervisor();
  for (const char* code : {"1", "2"}) {
    Output output;
    launch(supervisor, probe({"exit", code}), output);
    EXPECT_FALSE(supervisor.start(probe({"exit", "0"}), output.fd()).ok()) << "still running";
    EXPECT_EQ(expect_event<Exited>(supervisor).exit.code, std::atoi(code));
    expect_event<TreeGone>(supervisor);
  }
}

TEST(Launch, PassesMoreArgumentsThanASocketRecordHolds) {
  LaunchSpec spec = probe({"count-arguments"});
  for (int i = 0; i < 8; ++i)
    spec.argv.emplace_back(100'000, 'x');
  EXPECT_THAT(run(spec), Contains("8 arguments of 800000 bytes"));
}

class ExecFailure : public testing::Test {
 protected:
  std::string file(const std::string& content, fs::perms permissions) {
    std::string path = folder_.file("program", content);
    fs::permissions(path, permissions);
    return path;
  }
  static Error execute(const std::string& path) {
    LaunchSpec spec = probe({});
    spec.program = path;
    Supervisor supervisor = make_supervisor();
    Output output;
    const auto held = supervisor.start(spec, output.fd());
    EXPECT_TRUE(held.ok());
    EXPECT_TRUE(supervisor.go().ok());
    Error error = expect_event<ExecFailed>(supervisor).error;
    expect_event<TreeGone>(supervisor);
    return error;
  }

  TemporaryFolder folder_;
};

TEST_F(ExecFailure, IsWrongUsageWhereThereIsNoSuchProgram) {
  const Error error = execute(folder_.path() + "/missing");
  EXPECT_EQ(error.failure, Failure::kUsage);
  EXPECT_THAT(error.text(), HasSubstr("/missing: No such file or directory; check"));
}

TEST_F(ExecFailure, SaysWhatIsMissing) {
  const Error not_executable = execute(file("#!/bin/sh\n", fs::perms::owner_read));
  EXPECT_EQ(not_executable.failure, Failure::kRun);
  EXPECT_THAT(not_executable.text(), HasSubstr("Permission denied; chmod +x"));

  const Error no_format = execute(file("just text\n", fs::perms::owner_all));
  EXPECT_EQ(no_format.failure, Failure::kRun);
  EXPECT_THAT(no_format.text(), HasSubstr("Exec format error"));

  const Error no_interpreter = execute(file("#!/no/such/interpreter\n", fs::perms::owner_all));
  EXPECT_EQ(no_interpreter.failure, Failure::kRun);
  EXPECT_THAT(no_interpreter.text(), HasSubstr("its interpreter (the #! line)"));
}

TEST(Setup, RefusesWhatNoProcessCanBeGiven) {
  Supervisor supervisor = make_supervisor();
  Output output;
  LaunchSpec spec = probe({"facts"});
  spec.cpus = {8191};
  const auto held = supervisor.start(spec, output.fd());
  ASSERT_FALSE(held.ok());
  EXPECT_THAT(held.error().text(), HasSubstr("its CPUs: Invalid argument; choose CPUs"));
  // And goes on.
  launch(supervisor, probe({"exit", "0"}), output);
}

TEST(Setup, PinsBeforeTheFirstInstruction) {
  LaunchSpec spec = probe({"facts"});
  spec.cpus = {usable_cpus().value().back()};
  std::vector<std::string> cpus;
  for (const std::string& line : run(spec))
    if (line.starts_with("cpu ")) cpus.push_back(line);
  EXPECT_THAT(cpus, testing::ElementsAre(fmt::format("cpu {}", spec.cpus.front())));
}

TEST(Setup, PassesTheStandardFilesAndNoOthers) {
  const Fd leaky(::open("/dev/null", O_RDONLY));  // not close-on-exec
  const auto lines = run(probe({"facts"}));
  EXPECT_THAT(lines, Contains("files 0,1,2"));
  EXPECT_THAT(lines, Contains("this is stderr"));
}

// Another descriptor in the place of stdin, for a while.
class StdinAs {
 public:
  explicit StdinAs(int fd) : saved_(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) { dup2(fd, 0); }
  StdinAs(const StdinAs&) = delete;
  StdinAs& operator=(const StdinAs&) = delete;
  ~StdinAs() { dup2(saved_.get(), 0); }

 private:
  Fd saved_;
};

TEST(Setup, KeepsServersAwayFromTheKeyboard) {
  const Fd terminal(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal || grantpt(terminal.get()) != 0 || unlockpt(terminal.get()) != 0)
    GTEST_SKIP() << "no pseudo-terminal to be had here";
  const std::string name = ptsname(terminal.get());
  const Fd keyboard(::open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(keyboard.valid());
  const StdinAs stdin_as(keyboard.get());
  LaunchSpec spec = probe({"facts"});
  EXPECT_THAT(run(spec), Contains("stdin /dev/null"));
  spec.input = StandardInput::kInherit;
  EXPECT_THAT(run(spec), Contains("stdin " + name));
}

TEST(Setup, InheritsAnInputThatIsNoTerminal) {
  const Fd file(::open(LAUNCH_PROBE, O_RDONLY | O_CLOEXEC));
  const StdinAs stdin_as(file.get());
  EXPECT_THAT(run(probe({"facts"})), Contains(StartsWith("stdin /")));
  EXPECT_THAT(run(probe({"facts"})), Not(Contains("stdin /dev/null")));
}

TEST(Setup, TakesItsInputFromTheFileGiven) {
  const Fd file(::open(LAUNCH_PROBE, O_RDONLY | O_CLOEXEC));
  Supervisor supervisor = make_supervisor();
  Output output;
  ASSERT_TRUE(supervisor.start(probe({"facts"}), output.fd(), file.get()).ok());
  ASSERT_TRUE(supervisor.go().ok());
  EXPECT_THAT(output.rest(), Contains("stdin " LAUNCH_PROBE));
}

TEST(Setup, ResetsSignals) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  const auto hang_up = std::signal(SIGHUP, SIG_IGN);
  const auto lines = run(probe({"facts"}));
  std::signal(SIGHUP, hang_up);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_THAT(lines, Contains("SigBlk:\t0000000000000000"));
  EXPECT_THAT(lines, Contains("SigIgn:\t0000000000000000"));
}

TEST(Setup, KeepsTheOpenFileLimitTheUserHad) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit low{.rlim_cur = 200, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &low);
  Supervisor supervisor = make_supervisor();
  setrlimit(RLIMIT_NOFILE, &before);  // as trace-run does for itself

  for (const std::uint64_t asked : {0, 100}) {
    LaunchSpec spec = probe({"facts"});
    if (asked != 0) spec.open_files = OpenFileLimit{.soft = asked, .hard = before.rlim_max};
    Output output;
    launch(supervisor, spec, output);
    expect_event<Exited>(supervisor);
    expect_event<TreeGone>(supervisor);
    const auto lines = output.rest();
    EXPECT_THAT(lines, Contains(fmt::format("soft {}", asked == 0 ? 200 : asked)));
    EXPECT_THAT(lines, Contains(fmt::format("hard {}", before.rlim_max)));
  }
}

TEST(Setup, PutsItInTheProcessGroupAskedFor) {
  LaunchSpec spec = probe({"facts"});
  spec.group = ProcessGroup::kOfTraceRun;
  EXPECT_THAT(run(spec), Contains(fmt::format("pgid {}", getpgrp())));
  spec.group = ProcessGroup::kOwn;
  EXPECT_THAT(run(spec), Not(Contains(fmt::format("pgid {}", getpgrp()))));
}

TEST(Setup, AddsToTheEnvironment) {
  LaunchSpec spec = probe({"facts"});
  spec.environment = {"PROBE=a value"};
  EXPECT_THAT(run(spec), Contains("PROBE a value"));
}

TEST(Setup, DropsToAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user: run this test as root";
  // Where the other user may execute it.
  const TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms(0755));
  LaunchSpec spec = probe({"facts"});
  spec.program = folder.path() + "/probe";
  fs::copy_file(LAUNCH_PROBE, spec.program);
  spec.user = User{
      .uid = 54321, .gid = 54322, .name = "probe", .home = "/nowhere", .groups = {54322, 54323}};
  auto lines = run(spec);

  std::erase_if(lines, [](const std::string& line) {
    return !line.starts_with("uid") && !line.starts_with("gid") && !line.starts_with("group") &&
           !line.starts_with("HOME") && !line.starts_with("USER") && !line.starts_with("LOGNAME");
  });
  EXPECT_THAT(lines,
              testing::UnorderedElementsAre("uid 54321", "uid 54321", "uid 54321", "gid 54322",
                                            "gid 54322", "gid 54322", "group 54322", "group 54323",
                                            "HOME /nowhere", "USER probe", "LOGNAME probe"));
}

}  // namespace
}  // namespace tr::capture
