// A program that is no server, one that is attached to, and one about which all is doubtful.
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "run_list.h"
#include "run_parts.h"

namespace tr::golden {

Snapshot program() {
  RunConfig config;
  config.server = "sh";
  config.argv = {"sh", "-c", "grep -rl TODO src | sort"};
  config.mode = "default";
  config.load = "none";
  constexpr std::uint64_t kWindow = 842'113'905;
  Snapshot run = skeleton(config, kWindow);
  const std::vector<std::string> names{"sh", "grep", "sort"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    ThreadCounts thread;
    thread.tid = thread.tgid = 880 + static_cast<std::int64_t>(i);
    thread.comm = names[i];
    thread.exited = true;
    TaskCounts& counts = thread.counts;
    counts.user_ns = i == 1 ? 311'204'118 : 2'930'411;
    counts.system_ns = i == 1 ? 402'660'771 : 4'118'250;
    counts.runqueue_ns = 3'114'229 + 91'000 * i;
    counts.voluntary_switches = i == 1 ? 61 : 4;
    counts.involuntary_switches = i == 1 ? 214 : 1;
    counts.migrations = i;
    counts.wakeups = 5;
    counts.syscalls = {call(59, "execve", 1, 410'000), call(12, "brk", 3, 900),
                       call(0, "read", i == 1 ? 14'402 : 6, 2'700),
                       call(1, "write", i == 1 ? 12 : 2, 3'100)};
    if (i == 0) {
      counts.syscalls.push_back(call(435, "clone3", 2, 88'000));
      counts.syscalls.push_back(call(61, "wait4", 2, 420'000'000, {{10, 1}}));
    }
    if (i == 1) {
      counts.syscalls.push_back(call(257, "openat", 9'231, 3'900, {{2, 17}, {13, 3}}));
      counts.syscalls.push_back(call(3, "close", 9'211, 480));
      counts.syscalls.push_back(call(5, "fstat", 9'211, 410));
      counts.syscalls.push_back(call(217, "getdents64", 1'824, 6'200));
      counts.syscalls.push_back(call(8, "lseek", 9'180, 310, {{29, 4}}));
      counts.syscalls.push_back(call(262, "newfstatat", 1'022, 1'300));
      counts.syscalls.push_back(call(72, "fcntl", 2'050, 250));
      counts.syscalls.push_back(call(9, "mmap", 31, 2'200));
    }
    sleep_the_rest(thread, kWindow - 20'000'000 * i);
    run.threads.push_back(std::move(thread));
  }
  run.total = total_of(run.threads);
  run.overhead = overhead(56'200, 580, run.total.user_ns + run.total.system_ns);
  run.overhead.probe_ns.reset();
  run.overhead.share_of_cpu.reset();
  for (ProgramCost& cost : run.overhead.programs)
    cost.ns_per_run.reset();
  run.overhead.calibration = "no warm-up to calibrate in";
  ServerExit exit;
  exit.exited_by_itself = true;
  exit.code = 1;
  exit.user_ns = run.total.user_ns;
  exit.system_ns = run.total.system_ns;
  exit.max_rss_bytes = 3'932'160;
  exit.minor_faults = 1'204;
  exit.major_faults = 2;
  run.server_exit = exit;
  return run;
}

Snapshot counted() {
  RunConfig config;
  config.server = "nginx";
  config.argv = {"nginx: worker process"};
  config.attached_pid = 1204;
  config.mode = "count";
  config.load = "wrk -t1 -c50 http://127.0.0.1:8080/";
  config.port = 8080;
  config.duration_s = 5;
  constexpr std::uint64_t kWindow = 5 * kSecond;
  Snapshot run = skeleton(config, kWindow);
  ThreadCounts thread;
  thread.tid = thread.tgid = 1204;
  thread.comm = "nginx";
  thread.life_ns = kWindow;
  for (const auto& [number, name, calls] :
       {std::tuple(232, "epoll_wait", 51'204ULL), std::tuple(45, "recvfrom", 402'210ULL),
        std::tuple(20, "writev", 402'207ULL), std::tuple(257, "openat", 402'207ULL),
        std::tuple(5, "fstat", 402'207ULL), std::tuple(3, "close", 402'257ULL)}) {
    SyscallStats stats;
    stats.number = number;
    stats.name = name;
    stats.calls = calls;
    thread.counts.syscalls.push_back(stats);
  }
  sort_by_name(thread.counts.syscalls);
  run.threads = {thread};
  run.total = total_of(run.threads);
  for (const Figures figures : {Figures::kSyscallResults, Figures::kScheduling, Figures::kSockets})
    run.unmeasured[figures] = "mode count only counts calls";
  run.overhead.probe_runs = 2'062'292;
  run.overhead.probe_ns = 41'245'840;
  run.overhead.programs = {{"sys_enter", 2'062'292, 20.0, 900'113}};
  run.overhead.calibration = "kernel's BPF statistics over 0.5 s of warm-up";
  run.notes = {"2 other worker processes of nginx were not traced."};
  return run;
}

Snapshot damaged() {
  RunConfig config = echo_config("fork_echo", 500);
  config.argv.emplace_back("--greeting=it's \x1b[31mred");
  config.rate = 50'000;
  config.rate_shape = "poisson";
  constexpr std::uint64_t kWindow = 4 * kSecond;
  Snapshot run = skeleton(config, kWindow);
  run.interrupted = true;
  for (std::int64_t i = 0; i < 3; ++i) {
    ThreadCounts thread;
    thread.tid = thread.tgid = 9000 + i;
    // As the kernel cuts a long name: in the middle of a character.
    thread.comm = i == 2 ? "fork_\xc3" : "fork_echo";
    TaskCounts& counts = thread.counts;
    counts.user_ns = 90'000'000;
    counts.system_ns = 600'000'000;
    counts.runqueue_ns = 50'000'000;
    counts.voluntary_switches = 40'000;
    counts.involuntary_switches = 2'000;
    counts.migrations = 500;
    counts.wakeups = 40'000;
    serve(counts, 40'000);
    counts.syscalls = {call(0, "read", 40'020, 30'000, {{11, 20}, {104, 7}, {512, 1}}),
                       call(1, "write", 40'000, 6'000, {{32, 2}}), call(56, "clone", 8, 120'000),
                       call(61, "wait4", 8, 900, {{10, 8}})};
    SyscallStats old = call(3, "read", 10, 5'000);
    old.compat = true;
    counts.syscalls.push_back(old);
    sleep_the_rest(thread, kWindow);
    thread.exited = i == 1;
    run.threads.push_back(std::move(thread));
  }
  run.total = total_of(run.threads);
  run.threads[2].counts.blocked_ns -= 900'000'000;
  // Threads that had ended and were not kept, among them one that cannot be told from the others.
  run.folded_threads = 12;
  run.total.user_ns += 30'000'000;
  run.total.system_ns += 110'000'000;
  run.total.voluntary_switches += 900;
  run.load = echo_load(470, 118'000, 2'500'000);
  LoadResult& load = *run.load;
  load.user_ns = 1'010'000'000;
  load.system_ns = 2'910'000'000;

  load.service = around(410'000, 118'000, kLoadBuckets);
  load.bins = bins_of(118'000, 40, [](std::uint64_t i) { return static_cast<double>(i + 4); });
  run.cpu_time = CpuTime{.cpus = 2,
                         .server_ns = run.total.user_ns + run.total.system_ns,
                         .load_ns = 3'920'000'000,
                         .other_ns = 1'000'000'000,
                         .idle_ns = 800'000'000};
  run.steal = Steal{.ns = 480'000'000, .cpus = 2};
  load.wrong_answers = 1;
  load.connect_failures = 30;
  load.broken_connections = 12;
  load.silent_connections = 21;
  load.first_failure = "connect 127.0.0.1:41234: Connection timed out";
  load.unanswered = 9'321;
  load.longest_unanswered_ns = 1'834'000'000;
  load.fairness_p5 = 0;
  load.fairness_p50 = 88;
  load.fairness_p95 = 902;
  load.fairness_jain = 0.41;
  load.late_sends = 23'981;
  load.saturated = true;
  load.saturation = "its CPU was 98 % busy";
  run.perf = {{"cycles", 6'112'331'201, 4'000'000'000, 2'480'000'000, ""},
              {"branch-misses", 0, 4'000'000'000, 0, ""},
              counted_event("context-switches", 131'411, 2'210'000'000),
              counted_event("cpu-migrations", 1'498, 2'210'000'000)};
  const std::uint64_t cpu_ns = run.total.user_ns + run.total.system_ns;
  run.overhead = overhead(4'720'000, 3'900'000, cpu_ns);
  // Some connections broke: what each costs is not known. The second reading was refused.
  run.memory = Memory{held(980, 52, 1), std::nullopt};
  run.unmeasured[Figures::kMemory] =
      "cannot read /proc/9001/smaps_rollup: Permission denied; it runs as another user: needs"
      " CAP_SYS_PTRACE";
  ServerExit exit = asked_to_end(run.total.user_ns, run.total.system_ns);
  exit.exited_by_itself = true;
  exit.signal = 11;
  run.server_exit = exit;
  run.lost = {{"no memory for a new thread's record", 3}, {"no room for counts", 1'204}};
  return run;
}

}  // namespace tr::golden
