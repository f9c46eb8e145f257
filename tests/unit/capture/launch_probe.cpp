// A program to be launched by the tests: says what it was given, or behaves as servers do when they
// are to end. Each waiting process says "ready" on stdout, and holds stdout open while it lives, so
// that the reader sees its end.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <grp.h>
#include <iostream>
#include <sched.h>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

void say(const std::string& line) {
  const std::string text = line + "\n";
  if (write(STDOUT_FILENO, text.data(), text.size()) < 0) _exit(99);
}

[[noreturn]] void wait_for_ever() {
  say("ready");
  for (;;)
    pause();
}

std::string link_target(const std::string& path) {
  std::string target(4096, '\0');
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  target.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return target;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "(none)" : value;
}

int say_facts() {
  // Before anything here opens a file of its own.
  std::string files;
  for (int fd = 0; fd < 1000; ++fd)
    if (const std::string path = "/proc/self/fd/" + std::to_string(fd); !link_target(path).empty())
      files += (files.empty() ? "" : ",") + std::to_string(fd);
  say("files " + files);
  say("stdin " + link_target("/proc/self/fd/0"));

  uid_t uid[3];
  gid_t gid[3];
  if (getresuid(&uid[0], &uid[1], &uid[2]) != 0 || getresgid(&gid[0], &gid[1], &gid[2]) != 0)
    return 1;
  for (int i = 0; i < 3; ++i) {
    say("uid " + std::to_string(uid[i]));
    say("gid " + std::to_string(gid[i]));
  }
  std::vector<gid_t> groups(static_cast<std::size_t>(getgroups(0, nullptr)));
  if (getgroups(static_cast<int>(groups.size()), groups.data()) < 0) return 1;
  for (const gid_t group : groups)
    say("group " + std::to_string(group));
  for (const char* name : {"HOME", "USER", "LOGNAME", "PROBE"})
    say(std::string(name) + " " + variable(name));

  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return 1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &cpus)) say("cpu " + std::to_string(cpu));
  rlimit files_limit{};
  getrlimit(RLIMIT_NOFILE, &files_limit);
  say("soft " + std::to_string(files_limit.rlim_cur));
  say("hard " + std::to_string(files_limit.rlim_max));
  say("pid " + std::to_string(getpid()));
  say("pgid " + std::to_string(getpgrp()));

  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("SigBlk") || line.starts_with("SigIgn")) say(line);
  std::cerr << "this is stderr\n";
  return 0;
}

// Uses at least 30 ms of CPU time in a child that it waits for.
int burn_in_child() {
  const pid_t child = fork();
  if (child == 0) {
    rusage used{};
    do {
      getrusage(RUSAGE_SELF, &used);
    } while (used.ru_utime.tv_sec + used.ru_stime.tv_sec == 0 &&
             used.ru_utime.tv_usec + used.ru_stime.tv_usec < 30'000);
    _exit(0);
  }
  return waitpid(child, nullptr, 0) == child ? 0 : 1;
}

// Ends with 7 on SIGTERM, after saying so.
[[noreturn]] void wait_politely() {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, nullptr);
  say("ready");
  int signal = 0;
  sigwait(&term, &signal);
  say("polite end");
  _exit(7);
}

// The classic daemon: fork, new session, fork; deaf to SIGTERM.
void leave_daemon_behind() {
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    std::signal(SIGTERM, SIG_IGN);
    wait_for_ever();
  }
  waitpid(child, nullptr, 0);
}

// `count` processes in a lopsided tree, many of them in sessions of their own, all deaf to SIGTERM.
[[noreturn]] void storm(int count) {
  std::signal(SIGTERM, SIG_IGN);
  int below = count - 1;
  while (below > 0) {
    const int share = (below + 2) / 3;
    below -= share;
    if (fork() != 0) continue;
    if (share % 2 == 0) setsid();
    below = share - 1;
  }
  wait_for_ever();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "facts") return say_facts();
  if (mode == "exit") return std::atoi(argv[2]);
  if (mode == "burn-in-child") return burn_in_child();
  if (mode == "wait") wait_for_ever();
  if (mode == "polite") wait_politely();
  if (mode == "deaf") {
    std::signal(SIGTERM, SIG_IGN);
    wait_for_ever();
  }
  if (mode == "wrapper") {  // as a shell script around a server: SIGTERM ends it alone
    if (fork() == 0) wait_politely();
    for (;;)
      pause();
  }
  if (mode == "daemon") {
    leave_daemon_behind();
    return 0;
  }
  if (mode == "storm") storm(std::atoi(argv[2]));
  if (mode == "count-arguments") {
    std::size_t bytes = 0;
    for (int i = 2; i < argc; ++i)
      bytes += std::strlen(argv[i]);
    say(std::to_string(argc - 2) + " arguments of " + std::to_string(bytes) + " bytes");
    return 0;
  }
  return 98;
}
