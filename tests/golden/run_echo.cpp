// Echo servers under our own load.
#include <array>
#include <string>
#include <utility>

#include "run_list.h"
#include "run_parts.h"

namespace tr::golden {
namespace {

// So many messages, each of which took so long on each leg.
void take_path(MessagePath& path, std::uint64_t messages,
               const std::map<std::string, std::uint64_t>& legs_ns) {
  std::uint64_t whole_ns = 0;
  for (PathLeg& leg : path.legs) {
    const auto its = legs_ns.find(leg.name);
    if (its == legs_ns.end()) continue;
    whole_ns += its->second;
    Histogram times = to_histogram(leg.times, kKernelBuckets);
    times.record(its->second, messages);
    leg.times = times.buckets();
  }
  PathBucket& sums =
      path.buckets.emplace_back(PathBucket{kKernelBuckets.index(whole_ns), messages, legs_ns});
  for (auto& [leg, ns] : sums.legs_ns)
    ns *= messages;
}

MessagePath epoll_path(std::uint64_t messages) {
  MessagePath path;
  path.message_size = 64;
  for (const char* leg : {"wake", "runqueue", "busy", "handoff", "handoff_wake", "receive", "rest",
                          "work", "send", "unresolved"})
    path.legs.push_back({leg, {}});
  const std::uint64_t slow = messages / 80, idle = messages / 100;
  take_path(
      path, idle,
      {{"wake", 2'100}, {"runqueue", 900}, {"receive", 1'900}, {"work", 310}, {"send", 3'100}});
  take_path(path, messages - slow - idle,
            {{"busy", 612'000}, {"receive", 640}, {"work", 290}, {"send", 2'900}});
  take_path(path, slow - 2,
            {{"busy", 2'940'000}, {"receive", 660}, {"work", 300}, {"send", 4'100}});
  take_path(path, 2, {{"unresolved", 3'900'000}});
  path.notes = {{"handed_off", 0}, {"many_hands", 0}, {"no_receipt", 0},
                {"no_send", 0},    {"disordered", 2}, {"crowded", 0},
                {"no_room", 0},    {"no_memory", 0},  {"unanswered", 0}};
  return path;
}

}  // namespace

Snapshot epoll_echo() {
  constexpr std::uint64_t kWindow = 10 * kSecond;
  constexpr std::uint64_t kMessages = 1'473'218;
  Snapshot run = skeleton(echo_config("epoll_echo", 200), kWindow);
  ThreadCounts thread;
  thread.tid = thread.tgid = 4711;
  thread.comm = "epoll_echo";
  TaskCounts& counts = thread.counts;
  counts.user_ns = 1'104'913'500;
  counts.system_ns = 8'398'122'004;
  counts.runqueue_ns = 201'118'730;
  counts.voluntary_switches = 10'412;
  counts.involuntary_switches = 1'933;
  counts.migrations = 26;
  counts.wakeups = 10'412;
  serve(counts, kMessages);
  counts.syscalls = {call(232, "epoll_wait", 14'803, 1'300),
                     call(45, "recvfrom", 2 * kMessages, 640, {{11, kMessages}}),
                     call(44, "sendto", kMessages, 4'300), call(3, "close", 3, 2'100)};
  sort_by_name(counts.syscalls);
  sleep_the_rest(thread, kWindow);
  spend(counts, {{"epoll_wait", "", "load", 10'398, 99}, {"epoll_wait", "", "timer", 14, 100}});
  run.threads = {thread};
  run.total = total_of(run.threads);
  give_results(run.total, kMessages);
  run.cpu_time = CpuTime{.cpus = 2,
                         .server_ns = counts.user_ns + counts.system_ns,
                         .load_ns = 7'040'000'000,
                         .other_ns = 51'000'000,
                         .kernel_ns = 9'000'000,
                         .idle_ns = 2 * kWindow - counts.user_ns - counts.system_ns - 7'100'000'000,
                         .unknown_ns = 0};
  run.message_path = epoll_path(kMessages - 20);
  run.load = echo_load(200, kMessages, 1'340'000);
  run.load->messages = kMessages - 61;
  const std::uint64_t cpu_ns = counts.user_ns + counts.system_ns;
  run.perf = {counted_event("context-switches", 12'347, cpu_ns),
              counted_event("cpu-migrations", 26, cpu_ns),
              counted_event("task-clock", cpu_ns + 118'402, cpu_ns),
              counted_event("page-faults", 3, cpu_ns),
              unsupported_event("cycles", "no hardware PMU here"),
              unsupported_event("instructions", "no hardware PMU here")};
  run.overhead = overhead(4'434'463, 24'690, cpu_ns);
  run.environment.switch_ns = 1'412.5;
  run.overhead.bare = {
      .window_ns = kWindow / 10, .messages = kMessages / 9, .cpu_ns = cpu_ns / 10 - 3'000'000};
  run.memory = Memory{held(1'046, 52, 1), held(1'084, 56, 1)};
  run.server_exit = asked_to_end(counts.user_ns, counts.system_ns);
  return run;
}

// The same server, with --profile: its waits on stacks of their own, and 941 samples.
Snapshot profiled() {
  Snapshot run = epoll_echo();
  Stacks& stacks = run.stacks.emplace();
  const auto frame = [](std::string function, std::string module, std::uint64_t offset = 0) {
    const bool kernel = module.starts_with('[');
    return Frame{std::move(function), std::move(module), offset, kernel};
  };
  const std::string program = "/usr/libexec/trace-run/servers/epoll_echo";
  const std::string library = "/usr/lib/x86_64-linux-gnu/libc.so.6";
  stacks.frames = {frame("tcp_sendmsg", "[kernel]"),
                   frame("nft_do_chain", "[nf_tables]"),
                   frame("", "[kernel]", 0xffffffff81234567),
                   frame("schedule", "[kernel]"),
                   frame("send", library),
                   frame("recv", library),
                   frame("epoll_wait", library),
                   frame("servers::Connection<servers::Echo, std::vector<std::byte>>::answer_all"
                         "_that_has_come",
                         program),
                   frame("servers::Epoll::serve", program),
                   frame("main", program),
                   frame("", "/usr/lib/libcustom;odd.so", 0x1a2b),
                   frame("", "")};
  stacks.stacks = {{},          {{0, 4, 7, 8, 9}}, {{1, 0, 4, 7, 8, 9}}, {{2, 5, 7, 8, 9}},
                   {{7, 8, 9}}, {{10, 11}, true},  {{3, 6, 8, 9}}};
  stacks.modules = {{library, "0123abcd"}, {program, ""}};
  CpuProfile& profile = stacks.profile.emplace();
  profile.event = "cpu-clock";
  profile.hz = 99;
  const std::array<std::uint64_t, 5> samples{610, 170, 101, 59, 1};
  for (std::size_t i = 0; i < samples.size(); ++i)
    profile.stacks.push_back({i + 1, "epoll_echo", samples[i]});
  for (const Wait& wait : run.total.budget->waits)
    stacks.blocked.push_back({wait.waker == "load" ? std::uint64_t{6} : std::uint64_t{0},
                              "epoll_echo", wait.call, wait.object, wait.waker, wait.count,
                              wait.ns});
  // A lock, in the middle of work.
  stacks.blocked.push_back({5, "epoll;echo", "futex", "", "server", 12, 900'000});
  return run;
}

Snapshot thread_echo() {
  constexpr std::uint64_t kWindow = 10 * kSecond;
  constexpr std::uint64_t kConnections = 32;
  RunConfig config = echo_config("thread_echo", kConnections);
  config.pin = "1";
  config.pin_load = "0";
  Snapshot run = skeleton(config, kWindow);
  ThreadCounts acceptor;
  acceptor.tid = acceptor.tgid = 5200;
  acceptor.comm = "thread_echo";
  acceptor.counts.syscalls = {parked(288, "accept4", kWindow)};
  sleep_the_rest(acceptor, kWindow);
  spend(acceptor.counts, {{"accept4", "listener", "nobody", 1, 100}});
  run.threads = {acceptor};
  std::uint64_t messages = 0;
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    ThreadCounts thread;
    thread.tgid = acceptor.tgid;
    thread.tid = acceptor.tid + 1 + static_cast<std::int64_t>(i);
    thread.comm = "connection";
    TaskCounts& counts = thread.counts;
    const std::uint64_t served = 27'000 + 131 * i;
    messages += served;
    counts.user_ns = served * 930;
    counts.system_ns = served * 9'870;
    counts.runqueue_ns = served * 61'000;
    counts.voluntary_switches = served - 3 * i;
    counts.involuntary_switches = 40 + i;
    counts.wakeups = counts.voluntary_switches;
    serve(counts, served);
    counts.futex = {{"WAIT_PRIVATE", 2 + i % 3}, {"WAKE_PRIVATE", 3}};
    counts.syscalls = {call(45, "recvfrom", served, 290'000), call(44, "sendto", served, 5'100),
                       call(202, "futex", 5 + i % 3, 8'800, {{11, 1}}),
                       call(28, "madvise", served / 400, 2'400)};
    counts.syscalls.front().carried_in = 1;
    counts.syscalls.front().in_flight = 1;
    sleep_the_rest(thread, kWindow);
    spend(counts, {{"futex", "", "server", 2 + i % 3, 1},
                   {"recvfrom", "client", "load", counts.voluntary_switches - 9, 99},
                   {"recvfrom", "client", "network", 7, 100}});
    run.threads.push_back(std::move(thread));
  }
  run.total = total_of(run.threads);
  give_results(run.total, 0);
  run.total.woke_nobody = {{"WAKE_PRIVATE", 40}};
  run.load = echo_load(kConnections, messages, 331'000);
  run.load->bins = bins_of(messages, 100, [](std::uint64_t i) { return i < 8 ? 0.5 : 1.0; });
  run.steal = Steal{.ns = 20'000'000, .cpus = 2};
  const std::uint64_t cpu_ns = run.total.user_ns + run.total.system_ns;
  run.overhead = overhead(2 * messages, 2 * messages, cpu_ns);
  run.memory = Memory{held(1'020, 48, 1), held(1'528, 60, kConnections + 1)};
  run.server_exit = asked_to_end(run.total.user_ns, run.total.system_ns);
  return run;
}

}  // namespace tr::golden
